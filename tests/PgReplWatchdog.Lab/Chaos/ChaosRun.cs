using System.Diagnostics;
using System.Globalization;
using PgReplWatchdog.Lab.Faults;
using Spectre.Console;

namespace PgReplWatchdog.Lab.Chaos;

/// <summary>What a run is asked to do.</summary>
public sealed record ChaosOptions
{
    /// <summary>No round begins later than this after the first.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromMinutes(20);

    public int Seed { get; init; } = 1;

    /// <summary>Only faults of these numbers (F4); none: all.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>Where the rounds are written, one a line.</summary>
    public string Log { get; init; } = "chaos.log";

    /// <summary>An earlier run's log, to be run again; the seed does not count then, nor the time.</summary>
    public string? Replay { get; init; }

    /// <summary>Leaves the lab's directory behind.</summary>
    public bool Keep { get; init; }
}

/// <summary>Three hosts, the service, clients inside and outside, and one fault after the other; after each the cluster has to become whole again.</summary>
public sealed class ChaosRun(IAnsiConsole screen, ChaosOptions options)
{
    private const int DiskMegabytes = 1500;
    private static readonly TimeSpan Threshold = TimeSpan.FromSeconds(5);

    /// <summary>How long a failover takes at most; generous beyond the threshold, since this is no measurement, and storage that hangs is found late.</summary>
    private static readonly TimeSpan Failover = Threshold + TimeSpan.FromSeconds(8);

    private static readonly TimeSpan WholeLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);

    private readonly Stopwatch clock = Stopwatch.StartNew();
    private int rounds;
    private int violations;

    public async Task<int> RunAsync(CancellationToken ct)
    {
        var plan = Plan();
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Log))!);
        await using var lab = await LabCluster.StartAsync(
            new LabOptions { Hosts = ["alpha", "beta", "gamma"], Namespaces = true, DiskMegabytes = DiskMegabytes, Keep = options.Keep }, ct);
        var configuration = Configuration(lab, "watchdog", "appsettings.json");
        await ClientWriter.PrepareAsync(lab["alpha"], ct);
        if (await Product.RunAsync(configuration, ["setup"], ct) is { ExitCode: not 0 } failed)
            throw new LabException($"set-up failed: {failed}");
        await using var watchdog = new LabWatchdog(configuration, lab.WatchdogPort);
        await using var second = new LabWatchdog(Configuration(lab, "second", "second.json"), lab.WatchdogPort); // never runs beside the first one
        await watchdog.StartAsync(ct);
        IWriter[] writers = [new ClientWriter(lab.Hosts), .. lab.Hosts.Select(host => new PinnedWriter(host))];
        try
        {
            foreach (var writer in writers)
                writer.Start();
            await RoundsAsync(plan, new(lab, lab["alpha"], watchdog, second), new ChaosJudge(writers, Failover), ct);
        }
        finally
        {
            foreach (var writer in writers)
                await writer.DisposeAsync();
        }
        Say($"{rounds} rounds, {violations} violations; seed {options.Seed}, log {options.Log}");
        return violations > 0 || rounds == 0 ? 1 : 0;
    }

    private static string Configuration(LabCluster lab, string stateDirectory, string fileName) => LabConfiguration.Write(lab, lab.WatchdogPort, cluster =>
    {
        cluster["UnreachableThreshold"] = Threshold.ToString("c", CultureInfo.InvariantCulture);
        cluster["GuardTimeToLive"] = "00:00:03";
        cluster["MinimumInterval"] = "00:00:00"; // failovers may follow each other
        cluster.Parent!.Parent!["StateDirectory"] = Path.Combine(lab.Directory, stateDirectory);
    }, fileName);

    private List<ChaosRound> Plan()
    {
        if (options.Replay is not null)
            return [.. ChaosRound.Read(options.Replay)]; // before the log, which may be the same file, is opened
        List<Fault> faults = [.. Fault.All.Where(fault => options.Only.Count == 0 || options.Only.Contains(fault.Number))];
        if (faults.Count == 0)
            throw new LabException($"no fault has the number {string.Join(" or ", options.Only)}");
        return [.. ChaosRound.Draw(options.Seed, faults, Threshold, Failover).Take(10_000)];
    }

    private async Task RoundsAsync(List<ChaosRound> plan, Scene first, ChaosJudge judge, CancellationToken ct)
    {
        await using var log = new StreamWriter(options.Log) { AutoFlush = true };
        var scene = await WholeAsync(first, ct) ?? throw new LabException($"the cluster is not whole to begin with:\n{Told(await first.Watchdog.StatusAsync(ct))}");
        var running = Stopwatch.StartNew();
        foreach (var round in plan)
        {
            if (options.Replay is null && running.Elapsed > options.Time)
                break;
            await log.WriteLineAsync(round.ToLine()); // before it happens: also the round that ends the run is to be replayed
            rounds++;
            if (await RoundAsync(round, scene, judge, ct) is not { } after)
                return; // what comes after could not be judged
            scene = after;
        }
        foreach (var writer in judge.Writers)
            await writer.StopAsync();
        var all = await judge.JudgeAllAsync(scene.Primary, ct);
        Say($"in the end: {all.Told}");
        Complain(all.Wrong);
    }

    /// <summary>Returns the scene after it; null where the cluster did not become whole again.</summary>
    private async Task<Scene?> RoundAsync(ChaosRound round, Scene before, ChaosJudge judge, CancellationToken ct)
    {
        var fault = Fault.Named(round.Fault);
        await Task.Delay(TimeSpan.FromSeconds(round.Pause), ct);
        var played = await PlayAsync(round, fault, before, ct);
        var healed = Stopwatch.StartNew();
        var after = await WholeAsync(before, ct);
        var title = string.Create(CultureInfo.InvariantCulture, $"round {round.Number}: {fault} for {round.Seconds:0.0} s on {before.Primary}");
        if (after is null)
        {
            Say($"{title}: never whole again");
            Complain([$"the cluster was not whole {WholeLimit.TotalSeconds:0} s after the end of the fault:\n{Told(await before.Watchdog.StatusAsync(ct))}"]);
            await JudgeBrokenAsync(played, judge, ct);
            return null;
        }
        var verdict = await judge.JudgeAsync(played, after, ct);
        Say(string.Create(CultureInfo.InvariantCulture, $"{title}: {verdict.Told}, whole {healed.Elapsed.TotalSeconds:0.0} s after its end"));
        Complain(verdict.Wrong);
        return after;
    }

    /// <summary>Starts the fault, waits, and ends it. Who was promoted is looked at before the end, which may start PostgreSQL.</summary>
    private async Task<FaultPlayed> PlayAsync(ChaosRound round, Fault fault, Scene before, CancellationToken ct)
    {
        var ready = await before.Watchdog.StatusAsync(ct) is { FailoverReady: true };
        var played = new FaultPlayed(fault, before, Stopwatch.GetTimestamp(), new FileInfo(before.Primary.ServerLog).Length, ready);
        try
        {
            await fault.StartAsync(before, ct);
            var there = Stopwatch.GetTimestamp();
            await Task.Delay(TimeSpan.FromSeconds(round.Seconds), ct);
            played = played with { Lasted = Stopwatch.GetElapsedTime(there), Promoted = await before.NewPrimaryAsync(ct) };
        }
        catch (LabException failure)
        {
            Complain([failure.Message]); // an old primary that cannot return, since nobody took its place; it is ended all the same
        }
        try
        {
            await fault.EndAsync(before, ct);
        }
        catch (LabException failure)
        {
            Complain([failure.Message]); // whether the cluster becomes whole is seen next
        }
        return played;
    }

    /// <summary>What is not whole can be judged as well, as long as somebody is primary: two that acknowledged are told even then.</summary>
    private async Task JudgeBrokenAsync(FaultPlayed played, ChaosJudge judge, CancellationToken ct)
    {
        try
        {
            var verdict = await judge.JudgeAsync(played, await Scene.FindAsync(played.Before.Lab, ct), ct);
            Say(verdict.Told);
            Complain(verdict.Wrong);
        }
        catch (LabException failure)
        {
            Complain([failure.Message]);
        }
    }

    private static string Told(ServiceStatus? status) => status is null
        ? "the service does not answer"
        : $"{status.Verdict}; intended primary {status.IntendedPrimary}; gates shut: {string.Join(' ', status.Gates)}; last events:\n{string.Join('\n', status.Events.Take(8))}";

    /// <summary>
    /// Waits until there is one primary, the watchdog takes the same one for it and says that failover is ready, and it sees all others stream, for some
    /// seconds on end: a failover that is just being decided belongs to the round. Null when that takes too long. Ready means ready: what must fail over next, does.
    /// </summary>
    private static async Task<Scene?> WholeAsync(Scene scene, CancellationToken ct)
    {
        var lab = scene.Lab;
        var watch = Stopwatch.StartNew();
        Stopwatch? whole = null;
        string? primary = null;
        while (watch.Elapsed < WholeLimit)
        {
            var name = await scene.Watchdog.StatusAsync(ct) is { Verdict: "Serving", FailoverReady: true, IntendedPrimary: { } intended } && await LabWholeAsync(lab, lab[intended], ct) ? intended : null;
            if (name is null || name != primary)
                whole = Stopwatch.StartNew();
            primary = name;
            if (name is not null && whole!.Elapsed > Settled)
                return scene with { Primary = lab[name] };
            await Task.Delay(PollInterval, ct);
        }
        return null;
    }

    private static async Task<bool> LabWholeAsync(LabCluster lab, LabHost primary, CancellationToken ct)
    {
        foreach (var standby in lab.Hosts.Where(host => host != primary))
        {
            if (await standby.TryPsqlAsync("SELECT pg_is_in_recovery()", ct) != "t")
                return false;
        }
        var streaming = await primary.TryPsqlAsync("SELECT pg_is_in_recovery(), count(*) FROM pg_stat_replication WHERE state = 'streaming'", ct);
        return streaming == string.Create(CultureInfo.InvariantCulture, $"f|{lab.Hosts.Count - 1}");
    }

    private void Complain(IEnumerable<string> wrong)
    {
        foreach (var sentence in wrong)
        {
            violations++;
            screen.MarkupLineInterpolated($"        [red]violation:[/] {sentence}");
        }
    }

    private void Say(string sentence) => screen.MarkupLineInterpolated($"[bold]{clock.Elapsed.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture),7}[/] {sentence}");
}
