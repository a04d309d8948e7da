using System.Net.Sockets;
using Npgsql;
using NpgsqlTypes;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Probing;

namespace PgReplWatchdog.Acting;

/// <summary>Has a standby promote itself, by one of three means. Done is when the server says so, not when a command ends.</summary>
public sealed class Promotion(ClusterAccess cluster, SshHosts hosts, TimeProvider clock)
{
    /// <summary>One attempt; a slow one is asked for again after a fresh look.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>A request may come in the moment before the startup process goes to sleep, and be slept through: it is repeated.</summary>
    private static readonly TimeSpan RepeatInterval = TimeSpan.FromMilliseconds(100);
    private const int SignalsPerAttempt = 25; // 100 ms each: within the limit

    private readonly HeldReplay replay = new(hosts, clock);

    /// <summary>
    /// True where it was heeded: on a primary pg_promote() is an error. A request that is late in its own session does nothing, nor does one to a standby that has received
    /// more since it was elected.
    /// </summary>
    private const string Request = """
        SELECT CASE WHEN NOT pg_is_in_recovery() THEN true
                    WHEN clock_timestamp() - backend_start < $1
                     AND ($2 IS NULL OR pg_last_wal_receive_lsn() <= CAST($2 AS pg_lsn)
                          OR NOT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'))
                    THEN pg_promote(false) IS NULL
                    ELSE false END
          FROM pg_stat_activity
         WHERE pid = pg_backend_pid()
        """;

    public async Task<string> RunAsync(WatchdogAction.Promote promote, long epoch, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(promote);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        done.CancelAfter(Limit);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(done.Token);
        var asking = AskAsync(promote, epoch, done.Token);
        var ending = replay.EndAsync(hosts.At(promote.Node, epoch), promote.Elected, Limit, ended.Token, done.Token);
        var promoted = await IsPrimaryAsync(promote.Node, asking, done.Token);
        await ended.CancelAsync();
        // A host that does not answer must not hold up what is done already.
        var held = await Task.WhenAny(ending, Task.Delay(promoted ? RepeatInterval : Limit, clock, cancellation)) == ending ? await ending : "";
        if (promoted)
        {
            _ = asking.ContinueWith(static late => late.Exception, TaskScheduler.Default); // it ends by itself; what it came to is known
            return $"{promote.Node} says that it is primary (pg_is_in_recovery() = false){held}";
        }
        var why = await asking;
        throw new SshFailureException(SshFailureKind.CommandFailed, $"{promote.Node}: not primary after {Limit.TotalSeconds:0} s{(why is null ? "" : $" ({why})")}{held}");
    }

    /// <summary>Null where the request was taken, else why not.</summary>
    private Task<string?> AskAsync(WatchdogAction.Promote promote, long epoch, CancellationToken deadline) => promote.Method switch
    {
        PromotionMethod.Sql => AskBySqlAsync(promote, deadline),
        PromotionMethod.PgCtl => AskOverSshAsync(hosts.At(promote.Node, epoch), host => HostCommands.PgCtlPromote(host, promote.Elected), deadline),
        _ => AskOverSshAsync(hosts.At(promote.Node, epoch),
            host => HostCommands.CreateTriggerFile(host, host.Node.TriggerFile, SignalsPerAttempt, promote.Elected), deadline),
    };

    private async Task<string?> AskOverSshAsync(HostAccess host, Func<HostAccess, string> script, CancellationToken deadline)
    {
        var result = await hosts[host.Node.Name].RunAsync(script(host), Limit, deadline);
        return result.ExitStatus switch
        {
            0 => null,
            HostCommands.NotHeeded => $"the server has not taken {host.Node.TriggerFile}",
            _ => $"{result.Error} {result.Output}".Trim(),
        };
    }

    private async Task<string?> AskBySqlAsync(WatchdogAction.Promote promote, CancellationToken deadline)
    {
        try
        {
            var source = new PostgresSource(cluster, cluster.Spec.Node(promote.Node));
            await using var connection = await source.OpenConnectionAsync(deadline);
            await using var request = new NpgsqlCommand(Request, connection);
            request.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = Limit });
            request.Parameters.Add(new NpgsqlParameter { Value = promote.Elected?.ToString() ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
            while (await request.ExecuteScalarAsync(deadline) is not true)
                await Task.Delay(RepeatInterval, clock, deadline);
            return null;
        }
        catch (Exception failure) when (failure is NpgsqlException or SocketException or IOException || (failure is OperationCanceledException && deadline.IsCancellationRequested))
        {
            return failure.Message;
        }
    }

    private async Task<bool> IsPrimaryAsync(string node, Task<string?> asking, CancellationToken deadline)
    {
        try
        {
            var source = new PostgresSource(cluster, cluster.Spec.Node(node));
            await using var connection = await source.OpenConnectionAsync(deadline);
            await using var question = new NpgsqlCommand("SELECT NOT pg_is_in_recovery()", connection);
            while (true)
            {
                if (await question.ExecuteScalarAsync(deadline) is true)
                    return true;
                if (asking.IsFaulted || (asking.IsCompletedSuccessfully && asking.Result is not null))
                    return false;
                await Task.Delay(PollInterval, clock, deadline);
            }
        }
        catch (Exception failure) when (failure is NpgsqlException or SocketException or IOException || (failure is OperationCanceledException && deadline.IsCancellationRequested))
        {
            return false; // the next look asks again, over a session of its own
        }
    }
}
