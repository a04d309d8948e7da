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
    private const int PageBytes = WalPages.PageBytes;
    private const int WakeInterval = 50; // ms, of HostCommands.WakeStartup

    /// <summary>More than a standby that was streaming a moment ago can lack.</summary>
    private const long MostBytes = 64L << 30;

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
        if (!long.TryParse(Line(said, "segment="), NumberStyles.None, CultureInfo.InvariantCulture, out var segmentBytes) || !WalPages.IsSegmentSize(segmentBytes))
            throw Failure($"{salvage.Node}: pg_controldata does not tell the segment size");
        var ending = Line(said, "said=") ?? "";
        if (!EndsAsWalDoes.Any(words => ending.Contains(words, StringComparison.Ordinal)))
            throw Failure($"{salvage.Node}: pg_waldump did not come to the end of the WAL ({(ending.Length > 0 ? ending : "it said nothing")})");
        if (Line(said, "record=") is not { } last)
            return (0, " and replayed"); // no record follows what the standby has replayed
        var (record, end) = Record(last, salvage, segmentBytes);
        var standby = hosts[salvage.To];
        var (origin, seen) = (new WalOrigin(salvage.Timeline, salvage.SystemIdentifier, segmentBytes), default(WalTrail));
        foreach (var part in Parts(salvage.After, end, salvage.Timeline, segmentBytes))
        {
            var pages = await dead.RequireAsync(HostCommands.ReadWal(dead.Host, part.Segment, part.FirstPage, part.Pages), limit, deadline.Token,
                encoding: Bytes, limit: (int)(part.Pages * PageBytes));
            (var fault, seen) = WalPages.Check(Bytes.GetBytes(pages), part.Begin, part.Pages, origin, seen);
            if (fault is not null)
                throw Failure($"{salvage.Node}: {fault}; nothing of it was written to {salvage.To}");
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
            var name = string.Create(CultureInfo.InvariantCulture, $"{timeline:X8}{segment / perFile:X8}{segment % perFile:X8}");
            yield return new WalPart(name, first / PageBytes, bytes / PageBytes, new Lsn((ulong)position));
            position += bytes;
        }
    }

    private static string? Line(string said, string name) =>
        said.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..].Trim();

    /// <summary>Its start and its end, as a host tells them: in words that have to make sense, and not far from what the standby has.</summary>
    private static (Lsn Start, Lsn End) Record(string said, WatchdogAction.Salvage salvage, long segmentBytes)
    {
        if (said.Split(' ') is not [var at, var bytes] || !Lsn.TryParse(at, out var start)
            || !uint.TryParse(bytes, NumberStyles.None, CultureInfo.InvariantCulture, out var length) || !WalPages.IsRecordLength(length))
            throw Failure($"{salvage.Node}: pg_waldump does not tell the last record's position and length");
        var end = WalPages.EndOf(start, length, segmentBytes);
        if (start < salvage.From || end <= start)
            throw Failure($"{salvage.Node}: the last record is said to be at {start}, before what {salvage.To} has replayed");
        return end.BytesSince(salvage.After) is var bytesBeyond && bytesBeyond <= MostBytes ? (start, end)
            : throw Failure($"{salvage.Node}: the WAL is said to end at {end}, {bytesBeyond >> 30} GiB beyond what {salvage.To} has: no more than {MostBytes >> 30} GiB is copied");
    }

    private static SshFailureException Failure(string words) => new(SshFailureKind.CommandFailed, words);

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

/// <summary>Some pages of a WAL segment, and the position of the first.</summary>
public sealed record WalPart(string Segment, long FirstPage, long Pages, Lsn Begin);
