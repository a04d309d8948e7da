using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Lab.Faults;

namespace PgReplWatchdog.Lab.Chaos;

/// <summary>Judges each round by what the clients were told, and the whole in the end.</summary>
internal sealed partial class ChaosJudge(IReadOnlyList<IWriter> writers, TimeSpan failover)
{
    public IReadOnlyList<IWriter> Writers => writers;

    private readonly HashSet<(string Client, long Id)> lost = [];

    /// <summary>What was wrong in the round, and what is to be told of it.</summary>
    public async Task<ChaosVerdict> JudgeAsync(FaultPlayed played, Scene after, CancellationToken ct)
    {
        var fault = played.Fault;
        var account = WriteAccount.Of(writers).Since(played.Begin);
        var (old, now) = (played.Before.Primary, after.Primary);
        var promoted = old != now;
        var missing = await account.LostOnAsync(now, ct);
        lost.UnionWith(missing.Select(row => (row.Client, row.Id)));
        var wrong = new List<string>();
        if (promoted && fault.Must == Must.Hold)
            wrong.Add($"{now} was promoted where nobody may be");
        if (fault.Must == Must.FailOver && played.Lasted > failover && played.Promoted is null)
            wrong.Add(string.Create(CultureInfo.InvariantCulture, $"nobody was promoted in {played.Lasted.TotalSeconds:0.0} s, although {(played.Ready ? "the watchdog said that failover was ready" : "the cluster had been whole")}"));
        if (after.First is { } watchdog && await watchdog.StatusAsync(ct) is { FailedFailover: { } decided } && decided > DateTimeOffset.UtcNow - Stopwatch.GetElapsedTime(played.Begin))
            wrong.Add("a failover began and ended without a new primary");
        if (!fault.MayStopPrimary && WhoStopped(old, played.ServerLog) is { } stopped)
            wrong.Add(stopped);
        var overlap = fault.MayWakeFor > TimeSpan.Zero ? account.AwakeBeside(old, now) : account.OverlapOf(old, now);
        if (promoted && overlap > fault.MayWakeFor)
            wrong.Add(string.Create(CultureInfo.InvariantCulture, $"{old} and {now} both acknowledged for {overlap.TotalSeconds:0.000} s"));
        if (account.Writes.FirstOrDefault(row => row.By != old && row.By != now) is { } third)
            wrong.Add($"{third.By} acknowledged, too");
        if (missing.Count > 0 && (!promoted || fault.MayLose == MayLose.Nothing))
            wrong.Add($"{missing.Count} acknowledged rows are lost, none may be");
        if (missing.Count(row => row.By == now) is > 0 and var own)
            wrong.Add($"{own} rows are lost that {now} has acknowledged itself");
        if (account.HolesIn(missing) is { Count: > 0 } holes)
            wrong.Add($"{holes.Count} rows are lost that {now} must have received, as later ones are there");
        return new ChaosVerdict(wrong, Told(account, old, now, missing.Count));
    }

    /// <summary>In the end all is there that no round has lost: nothing disappears later.</summary>
    public async Task<ChaosVerdict> JudgeAllAsync(LabHost primary, CancellationToken ct)
    {
        var account = WriteAccount.Of(writers);
        var later = (await account.LostOnAsync(primary, ct)).Count(row => !lost.Contains((row.Client, row.Id)));
        return new ChaosVerdict(
            later > 0 ? [$"{later} rows have disappeared that were there after their round"] : [],
            $"{account.Writes.Count} rows acknowledged, {lost.Count} of them lost");
    }

    /// <summary>
    /// Who asked PostgreSQL to stop, by its own log since the fault began; null where nobody did. Also one that was started again meanwhile is found: by its
    /// guard, or by the end of the fault.
    /// </summary>
    private static string? WhoStopped(LabHost host, long serverLog)
    {
        using var log = new FileStream(host.ServerLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        log.Position = serverLog;
        if (StopRequest().Match(new StreamReader(log).ReadToEnd()) is not { Success: true } request)
            return null;
        var guardLog = host.DataDirectory + ".pgwatchdog/guard.log";
        var guard = File.Exists(guardLog) ? File.ReadLines(guardLog).LastOrDefault(line => line.Contains("stopped PostgreSQL", StringComparison.Ordinal)) : null;
        return $"PostgreSQL on {host} was healthy and was stopped: {request.Value}; the last stop in the guard's log: {guard ?? "none"}";
    }

    [GeneratedRegex(@"^.*received (smart|fast|immediate) shutdown request", RegexOptions.Multiline)]
    private static partial Regex StopRequest();

    private static string Told(WriteAccount account, LabHost old, LabHost now, int missing)
    {
        var gap = account.LongestGap()?.Length;
        return string.Create(CultureInfo.InvariantCulture,
            $"{(old == now ? $"{now} stays" : $"{old} -> {now}")}, {account.Writes.Count} rows, {missing} lost, longest pause {gap?.TotalSeconds:0.000} s");
    }
}

/// <summary>A fault as it went, up to its end: what the judge goes by.</summary>
/// <param name="Fault">The fault.</param>
/// <param name="Before">The scene before it.</param>
/// <param name="Begin">When it began.</param>
/// <param name="ServerLog">How long the server log on the primary was then.</param>
/// <param name="Ready">The watchdog said then that failover was ready.</param>
internal sealed record FaultPlayed(Fault Fault, Scene Before, long Begin, long ServerLog, bool Ready)
{
    /// <summary>From when it was there until its end.</summary>
    public TimeSpan Lasted { get; init; }

    /// <summary>Who had been promoted before its end.</summary>
    public LabHost? Promoted { get; init; }
}

/// <summary>A judgement.</summary>
/// <param name="Wrong">Violations; none is good.</param>
/// <param name="Told">What else there is to say.</param>
internal sealed record ChaosVerdict(IReadOnlyList<string> Wrong, string Told);
