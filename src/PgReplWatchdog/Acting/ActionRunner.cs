using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Npgsql;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Probing;

namespace PgReplWatchdog.Acting;

/// <summary>Carries out what was decided, on the hosts by SSH, and proves it by SQL.</summary>
public sealed class ActionRunner(ClusterAccess cluster, TimeProvider clock) : IActionRunner, IDisposable
{
    /// <summary>One attempt at a promotion; a slow one is asked for again after a fresh look.</summary>
    private static readonly TimeSpan PromotionLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan WithdrawLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FenceLimit = TimeSpan.FromSeconds(10);

    /// <summary>Whatever a library waits for: a check is never held up longer than this.</summary>
    private static readonly TimeSpan ActionLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);
    private const int SignalsPerAttempt = 25; // 100 ms each: within PromotionLimit
    private const int StopSeconds = 5;

    private Task preparing = Task.CompletedTask;

    private readonly Dictionary<string, SshHost> hosts = cluster.Hosts.ToDictionary(
        host => host.Key, host => new SshHost(host.Value, cluster.SshUser, cluster.SshKeyFile));

    public async Task<ActionOutcome> RunAsync(WatchdogAction action, CancellationToken cancellation)
    {
        var started = clock.GetTimestamp();
        try
        {
            var words = await DoAsync(action, cancellation).WaitAsync(ActionLimit, clock, cancellation);
            return new ActionOutcome(true, words, clock.GetElapsedTime(started));
        }
        catch (SshFailureException failure)
        {
            return new ActionOutcome(false, failure.Message, clock.GetElapsedTime(started));
        }
        catch (TimeoutException)
        {
            return new ActionOutcome(false, $"{action} did not end within {ActionLimit.TotalSeconds:0} s", clock.GetElapsedTime(started));
        }
    }

    private Task<string> DoAsync(WatchdogAction action, CancellationToken cancellation) => action switch
    {
        WatchdogAction.None => Task.FromResult(""),
        WatchdogAction.Promote promote => PromoteAsync(promote, cancellation),
        WatchdogAction.WithdrawPromotion withdraw => WithdrawAsync(withdraw, cancellation),
        WatchdogAction.Fence fence => FenceAsync(fence, cancellation),
        _ => throw new UnreachableException(),
    };

    public void Prepare(string node)
    {
        if (preparing.IsCompleted)
            preparing = PrepareAsync(hosts[node]);
    }

    private static async Task PrepareAsync(SshHost host)
    {
        try
        {
            await host.RunAsync(":", PromotionLimit, CancellationToken.None);
        }
        catch (SshFailureException)
        {
            // The promotion will say it, if there is one.
        }
    }

    /// <summary>Asks over SSH and watches over SQL at the same time: done is when the server says so, not when the command ends.</summary>
    private async Task<string> PromoteAsync(WatchdogAction.Promote promote, CancellationToken cancellation)
    {
        var host = hosts[promote.Node];
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        done.CancelAfter(PromotionLimit);
        var asking = host.RunAsync(HostCommands.CreateTriggerFile(host.Host, host.Host.Node.TriggerFile, SignalsPerAttempt), PromotionLimit, cancellation);
        if (await IsPrimaryAsync(promote.Node, asking, done.Token))
        {
            _ = asking.ContinueWith(static late => late.Exception, TaskScheduler.Default); // it ends by itself; what it came to is known
            return $"{promote.Node} says that it is primary (pg_is_in_recovery() = false)";
        }
        var result = await asking;
        throw new SshFailureException(SshFailureKind.CommandFailed, result.ExitStatus == HostCommands.NotHeeded
            ? $"{promote.Node}: the server has not taken {host.Host.Node.TriggerFile} within {PromotionLimit.TotalSeconds:0} s"
            : $"{promote.Node}: not primary after {PromotionLimit.TotalSeconds:0} s {result.Error.Trim()}");
    }

    private async Task<bool> IsPrimaryAsync(string node, Task<SshResult> asking, CancellationToken deadline)
    {
        try
        {
            await using var source = PostgresConnections.SourceFor(cluster, cluster.Spec.Node(node));
            await using var connection = await source.OpenConnectionAsync(deadline);
            await using var question = new NpgsqlCommand("SELECT NOT pg_is_in_recovery()", connection);
            while (true)
            {
                if (await question.ExecuteScalarAsync(deadline) is true)
                    return true;
                if (asking.IsFaulted || (asking.IsCompletedSuccessfully && asking.Result.ExitStatus != 0))
                    return false;
                await Task.Delay(PollInterval, clock, deadline);
            }
        }
        catch (Exception failure) when (failure is NpgsqlException or SocketException or IOException || (failure is OperationCanceledException && deadline.IsCancellationRequested))
        {
            return false; // the next look asks again, over a session of its own
        }
    }

    private async Task<string> WithdrawAsync(WatchdogAction.WithdrawPromotion withdraw, CancellationToken cancellation)
    {
        await hosts[withdraw.Node].RequireAsync(HostCommands.RemoveTriggerFile(cluster.Spec.Node(withdraw.Node).TriggerFile), WithdrawLimit, cancellation);
        return $"{cluster.Spec.Node(withdraw.Node).TriggerFile} is not there any more on {withdraw.Node}";
    }

    private async Task<string> FenceAsync(WatchdogAction.Fence fence, CancellationToken cancellation)
    {
        var host = hosts[fence.Node];
        await host.RequireAsync(HostCommands.StopServer(host.Host, StopSeconds), FenceLimit, cancellation);
        await RequireRefusedAsync(host.Host, cancellation);
        return string.Create(CultureInfo.InvariantCulture, $"{fence.Node} is stopped, port {host.Host.Node.Port} refuses connections");
    }

    private static async Task RequireRefusedAsync(HostAccess host, CancellationToken cancellation)
    {
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(host.Node.Host, host.Node.Port, cancellation);
        }
        catch (SocketException)
        {
            return;
        }
        throw new SshFailureException(SshFailureKind.CommandFailed,
            $"{host.Node.Name}: pg_ctl has stopped the server in {host.Node.DataDirectory}, but port {host.Node.Port} still answers; see what listens there");
    }

    public void Dispose()
    {
        foreach (var host in hosts.Values)
            host.Dispose();
    }
}
