using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Npgsql;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Acting;

/// <summary>
/// Ships what a standby lacks from the pg_wal of a primary that is dead on a living host: every commit that PostgreSQL acknowledged is in there (manual,
/// "Write-Ahead Logging (WAL)"), so that a crash of PostgreSQL loses nothing, with asynchronous replication, too. The bytes go through the watchdog: the
/// hosts need no way to each other. The standby's startup process looks into pg_wal whenever streaming fails.
/// </summary>
public sealed class Salvage(ClusterAccess cluster, SshHosts hosts, TimeProvider clock)
{
    private const int PageBytes = 8192;
    private const int WakeInterval = 50; // ms, of HostCommands.WakeStartup
    private const int LongPageHeaderBytes = 40;

    /// <summary>How pg_waldump ends where valid WAL does: at something that is no record, or with none at all after the position. Anything else is a failure to read.</summary>
    private static readonly string[] EndsAsWalDoes = ["error in WAL record at ", "could not find a valid record after "];

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>Bytes as they are: SSH.NET hands out text.</summary>
    private static readonly Encoding Bytes = Encoding.Latin1;

    private readonly HeldReplay replay = new(hosts, clock);

    /// <summary>
    /// Returns the bytes of WAL that the standby had not and has now, and what became of them in words. What it has it
    /// replays before it becomes primary: a replay that takes longer than the limit is no failure.
    /// </summary>
    public async Task<(long Bytes, string Words)> RunAsync(WatchdogAction.Salvage salvage, long epoch, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(salvage);
        var limit = cluster.Spec.Policy.SalvageLimit;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(limit);
        var dead = hosts[salvage.Node];
        var source = new PostgresSource(cluster, cluster.Spec.Node(salvage.To));
        var connecting = source.OpenConnectionAsync(deadline.Token); // meanwhile
        _ = connecting.ContinueWith(static late => late.Exception, TaskScheduler.Default);
        var said = await dead.RequireAsync(HostCommands.FindEndOfWal(dead.Host, salvage.From, salvage.After, salvage.Timeline),
            limit, deadline.Token);
        if (Line(said, "segment=") is not { } size || !long.TryParse(size, CultureInfo.InvariantCulture, out var segmentBytes))
            throw new SshFailureException(SshFailureKind.CommandFailed, $"{salvage.Node}: pg_controldata does not tell the segment size");
        var ending = Line(said, "said=") ?? "";
        if (!EndsAsWalDoes.Any(words => ending.Contains(words, StringComparison.Ordinal)))
            throw new SshFailureException(SshFailureKind.CommandFailed, $"{salvage.Node}: pg_waldump did not come to the end of the WAL ({(ending.Length > 0 ? ending : "it said nothing")})");
        if (Line(said, "record=") is not { } last)
            return (0, " and replayed"); // no record follows what the standby has replayed
        var (record, end) = Record(last);
        var standby = hosts[salvage.To];
        foreach (var part in Parts(salvage.After, end, salvage.Timeline, segmentBytes))
        {
            var pages = await dead.RequireAsync(HostCommands.ReadWal(dead.Host, part.Segment, part.FirstPage, part.Pages), limit, deadline.Token, encoding: Bytes, limit: (int)(part.Pages * PageBytes));
            await standby.RequireAsync(HostCommands.WriteWal(hosts.At(salvage.To, epoch), part.Segment, part.FirstPage, segmentBytes), limit, deadline.Token, pages, Bytes);
        }
        var signals = (int)(limit.TotalMilliseconds / WakeInterval);
        using var replayed = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        var freeing = replay.EndAsync(hosts.At(salvage.To, epoch), null, limit, replayed.Token, deadline.Token);
        var waking = standby.RunAsync(HostCommands.WakeStartup(hosts.At(salvage.To, epoch), signals), limit, replayed.Token);
        _ = waking.ContinueWith(static late => late.Exception, TaskScheduler.Default); // it is ended when it is not needed any more
        bool isReplayed;
        try
        {
            isReplayed = await IsReplayedAsync(connecting, salvage.To, record, deadline.Token);
        }
        finally
        {
            await replayed.CancelAsync();
        }
        var outcome = isReplayed ? " and replayed" : ", and not replayed in time: that goes on";
        return (end.BytesSince(salvage.After), outcome + await freeing);
    }

    /// <summary>Whole pages from the standby's position to the end, segment by segment.</summary>
    public static IEnumerable<WalPart> Parts(Lsn after, Lsn end, uint timeline, long segmentBytes)
    {
        var position = (long)(after.Value / PageBytes * PageBytes);
        var stop = (long)((end.Value + PageBytes - 1) / PageBytes * PageBytes);
        while (position < stop)
        {
            var segment = position / segmentBytes;
            var first = position % segmentBytes;
            var bytes = Math.Min(segmentBytes - first, stop - position);
            var perFile = 0x1_0000_0000 / segmentBytes;
            yield return new WalPart(string.Create(CultureInfo.InvariantCulture, $"{timeline:X8}{segment / perFile:X8}{segment % perFile:X8}"), first / PageBytes, bytes / PageBytes);
            position += bytes;
        }
    }

    private static string? Line(string said, string name) =>
        said.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim();

    /// <summary>Its start, and its end: length, and a page header for each page that it may touch.</summary>
    private static (Lsn Start, Lsn End) Record(string said)
    {
        var words = said.Split(' ');
        var start = Lsn.Parse(words[0]);
        var length = ulong.Parse(words[1], CultureInfo.InvariantCulture);
        return (start, new Lsn(start.Value + length + (((length / PageBytes) + 2) * LongPageHeaderBytes)));
    }

    /// <summary>False where it goes on for longer.</summary>
    private async Task<bool> IsReplayedAsync(Task<NpgsqlConnection> connecting, string node, Lsn record, CancellationToken deadline)
    {
        try
        {
            await using var connection = await connecting;
            await using var question = new NpgsqlCommand("SELECT pg_last_wal_replay_lsn()::text", connection);
            while (await question.ExecuteScalarAsync(deadline) is not string text || Lsn.Parse(text) <= record)
                await Task.Delay(PollInterval, clock, deadline);
            return true;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception failure) when (failure is NpgsqlException or SocketException or IOException or OperationCanceledException)
        {
            throw new SshFailureException(SshFailureKind.TimedOut, $"{node} has not replayed the WAL up to {record} in time ({failure.Message})", failure);
        }
    }
}

/// <summary>Some pages of a WAL segment.</summary>
public sealed record WalPart(string Segment, long FirstPage, long Pages);
