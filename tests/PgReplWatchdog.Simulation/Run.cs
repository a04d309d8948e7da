using Microsoft.Extensions.Logging.Abstractions;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Scheduling;

namespace PgReplWatchdog.Simulation;

/// <summary>What one seed came to.</summary>
internal sealed record Outcome(int Seed, double Seconds, int Failovers, int FalsePromotions, int AllowedPromotions, IReadOnlyList<Violation> Violations, string Trace);

/// <summary>One seed: draws configuration and faults, lets the real watchdog run through them, and judges.</summary>
internal sealed class Run
{
    /// <summary>I4: what a failover may take beyond its threshold, a restart of the watchdog (and the threshold anew) not included.</summary>
    private const double MostSecondsBeyondThreshold = 15;
    private const double RestartSeconds = 4;

    private readonly int seed;
    private readonly World world;
    private readonly StringWriter? trace;
    private readonly Crash crash;
    private readonly Clock clock;
    private readonly Journal journal;
    private readonly Faults faults;
    private readonly WatchdogMetrics metrics;
    private Watchdog watchdog = null!;
    private Prober prober = null!;
    private int restarts;

    private Run(int seed, bool tracing, WatchdogMetrics metrics)
    {
        this.seed = seed;
        this.metrics = metrics;
        var random = new Random(seed);
        trace = tracing ? new StringWriter() : null;
        world = new World(Setting.Draw(random), random, trace);
        crash = new Crash(world);
        clock = new Clock(world);
        journal = new Journal(world, world.Station, crash);
        world.Journal = journal;
        world.Balancer = new LoadBalancer(world, clock);
        faults = new Faults(world, journal, crash, (copied, isNamesake) => new SecondWatchdog(world, clock, metrics, copied, isNamesake));
        trace?.WriteLine(world.Setting);
        faults.Plan();
        StartWatchdog();
    }

    public static Outcome Of(int seed, bool tracing, WatchdogMetrics metrics)
    {
        var run = new Run(seed, tracing, metrics);
        try
        {
            return run.Play();
        }
        finally
        {
            run.world.Second?.Dispose();
        }
    }

    private void StartWatchdog()
    {
        prober = new Prober(world, world.Station, clock, crash);
        (journal.Decided, journal.Adopted) = (prober.Judge, prober.JudgeAdoption);
        world.Truth.Restarted();
        watchdog = new Watchdog(world.Setting.Spec, prober, new Runner(world, world.Station, journal, prober, crash), FreezeWindows.None, journal, metrics, Notifier.Nobody,
            clock, NullLogger<Watchdog>.Instance);
        world.Balancer!.Ask(watchdog);
    }

    private Outcome Play()
    {
        var interval = world.Setting.Spec.Policy.CheckInterval.TotalSeconds / world.Setting.WatchdogRate;
        var end = world.Setting.Story == Story.Chaos ? Faults.EndAt : faults.StoryEndsAt;
        while (world.Now < end && world.Truth.Violations.Count == 0)
        {
            var regular = (Math.Floor(world.Now / interval) + 1) * interval;
            if (regular <= world.Now) // rounding: the quotient fell short of the whole number that it is
                regular += interval;
            var next = Tick() is { } sooner && sooner.TotalSeconds < interval ? Math.Min(regular, world.Now + (sooner.TotalSeconds / world.Setting.WatchdogRate)) : regular;
            world.Alarm = false;
            if (world.Now >= faults.StopsAt)
            {
                StopInOrder(Math.Min(faults.StartsAt, end));
                continue;
            }
            while (world.Now < next && !world.Alarm)
                world.Advance(Math.Min(0.1, next - world.Now));
        }
        if (world.Truth.Violations.Count == 0)
            Judge();
        return new Outcome(seed, world.Now, Count(EventKind.FailoverSucceeded), world.Truth.FalsePromotions, world.Truth.AllowedPromotions, world.Truth.Violations, trace?.ToString() ?? "");
    }

    /// <summary>The service is stopped by its service manager, and started again then.</summary>
    private void StopInOrder(double until)
    {
        world.Tell($"the watchdog is stopped in order until {until:0.0}");
        var began = world.Now;
        try
        {
            watchdog.DisarmAsync(CancellationToken.None).GetAwaiter().GetResult();
            // A process that never looked knows of no order but that on record, and a backup may have none.
            if (watchdog.Last is not null || !world.Truth.IsRestored)
                world.Truth.StoppedInOrder(began);
        }
        catch (SimulatedCrashException)
        {
            world.Tell($"the watchdog's process ends before it has taken its lease back");
        }
        faults.Started();
        Away(Math.Max(0, until - world.Now));
        StartWatchdog();
    }

    private void Away(double seconds)
    {
        world.IsWatchdogAway = true;
        world.Ends(world.Station);
        world.Advance(seconds);
        world.IsWatchdogAway = false;
    }

    private int Count(EventKind kind) => journal.Told.GetValueOrDefault(kind);

    private TimeSpan? Tick()
    {
        try
        {
            var next = watchdog.TickAsync(CancellationToken.None).GetAwaiter().GetResult();
            world.Balancer!.Judge(prober.BeganAt);
            world.Truth.IsReady = watchdog.Last?.Decision is { Diagnosis.Verdict: Verdict.Serving } decision
                && Gates.AreReady(decision.Gates);
            return next;
        }
        catch (SimulatedCrashException)
        {
            restarts++;
            var away = world.Setting.Story == Story.Chaos && world.Chance(0.3) ? world.Between(1, 30) : world.Between(0.1, RestartSeconds);
            world.Tell($"the watchdog's process ends; another starts in {away:0.0} s");
            Away(away);
            StartWatchdog();
            return TimeSpan.Zero;
        }
        // I7: whatever it is, it is the engine's, and a violation.
        catch (Exception failure)
        {
            world.Truth.Violated("I7", $"the check throws {failure}");
            return null;
        }
    }

    private void Judge()
    {
        if (world.Setting.Story == Story.Chaos)
            RequireWhole();
        else if (world.Setting.Story == Story.PrimaryFails)
            RequireReplaced();
        else if (world.Truth.Promotions > 0)
            world.Truth.Violated("Hold", $"a standby was promoted, and {world.Nodes[0]} was alive all the while");
    }

    private void RequireReplaced()
    {
        var policy = world.Setting.Spec.Policy;
        var isGuarded = policy.GuardTimeToLive > TimeSpan.Zero || policy.HasFenceCommand || policy.Fencing == Fencing.BestEffort;
        // That somebody wanted it stands in the control file: a host that lets nobody in does not say so.
        if (faults.Failure == "shut down" && !policy.FailoverWhenStopped && world.Nodes[0].SshdAwayUntil <= faults.FailedAt)
        {
            if (world.Truth.Promotions > 0)
                world.Truth.Violated("Hold", $"a standby was promoted, and a person had shut {world.Nodes[0]} down");
            return;
        }
        // I9: ready means ready. The watchdog's own death is a further fault.
        if (faults.WasReady && restarts == 0
            && (world.Truth.Promotions == 0 || !Array.Exists(world.Nodes, node => node.AcceptsWrites)))
        {
            world.Truth.Violated("I9",
                $"{world.Nodes[0]} failed ({faults.Failure}) while \"ready\" was said, and no standby became a primary that takes writes");
        }
        if (faults.WasReady && world.Nodes[0].SynchronousStandbyNames.Length > 0
            && Array.Find(world.Nodes, node => node.IsPrimary && node != world.Nodes[0]) is { SynchronousStandbyNames: "" } successor)
            world.Truth.Violated("I9", $"{world.Nodes[0]} failed ({faults.Failure}) while \"ready\" was said, and replication from {successor} is asynchronous");
        if (faults.IsCandidateSpoiled)
            return; // how long it takes then depends on the candidate
        // Restarted in the middle, a watchdog may find the position on record too old to judge a standby by, and the guard on record too old to be believed.
        var isForgotten = restarts > 0 && watchdog.Last?.Decision.Gates.Any(gate => gate.Gate is Gate.CandidateTooFarBehind or Gate.OldPrimaryNotFenced) == true;
        if (faults.Failure is "power" or "cut off" && (!isGuarded || isForgotten))
            return;
        if (world.Nodes[0].IsPrimary && world.Nodes[0].IsServing)
            return; // its guard has stopped and started it: it hangs no more
        var threshold = faults.Failure == "crash" ? policy.CrashedThreshold : policy.UnreachableThreshold;
        var limit = faults.FailedAt + ((threshold.TotalSeconds * (1 + restarts)) + (restarts * RestartSeconds)) * 1.12 + MostSecondsBeyondThreshold;
        if (world.Truth.FirstPromotionAt > limit)
        {
            world.Truth.Violated("I4",
                $"{world.Nodes[0]} failed for good ({faults.Failure}) at {faults.FailedAt:0.0}, and is not replaced at {limit:0.0} (first promotion: {world.Truth.FirstPromotionAt:0.0})");
        }
    }

    /// <summary>After everything is healed: one primary, and every other node streams from it.</summary>
    private void RequireWhole()
    {
        if (world.Second is { HasDecided: true })
            return;
        var primaries = Array.FindAll(world.Nodes, node => node.IsPrimary);
        if (primaries is [var alone])
            RequireNamed(alone);
        if (world.Truth.HasOperatorActed || IsForAPerson())
            return;
        if (primaries.Length == 1 && Array.TrueForAll(world.Nodes, node => node == primaries[0] || world.Receiver(node)?.Primary == primaries[0]))
        {
            if (!world.Balancer!.Up.SequenceEqual(primaries))
                world.Truth.Violated("Roles", $"{primaries[0]} is the primary, and the load balancer sends writes to {string.Join(" and ", world.Balancer.Up.DefaultIfEmpty())}");
            return;
        }
        var gates = string.Join(' ', watchdog.Last?.Decision.Gates.Select(gate => gate.Gate) ?? []);
        world.Truth.Violated("Whole",
            $"{string.Join("; ", world.Nodes.Select(Say))}; {journal.Memory.IntendedPrimary} is intended, verdict {watchdog.Last?.Decision.Diagnosis.Verdict}, gates {gates}");
    }

    /// <summary>
    /// The record names the primary that there is. Where an operator or a backup has made it another one's, or a node showed a forged history, the watchdog may say that it
    /// does not know.
    /// </summary>
    private void RequireNamed(Node primary)
    {
        if (journal.Memory.IntendedPrimary == primary.Name)
            return;
        // A failover that is taken back waits for a word of its candidate, which was promoted all the same, and does not run any more.
        if ((world.Truth.HasOperatorActed || world.Truth.IsRestored) && journal.Memory.Procedure is { Step: ProcedureStep.Withdraw, To: var to } && world.Find(to) is { IsStandby: false, IsRunning: false })
            return;
        if (watchdog.Last?.Decision.Diagnosis is { Verdict: Verdict.Unknown, Evidence.IsEmpty: false } &&
            (world.Truth.HasOperatorActed || world.Truth.IsRestored || world.SwitchedOverUnseen || world.WasForgeryAdopted))
            return;
        world.Truth.Violated("Named", $"{primary} is the only primary, {journal.Memory.IntendedPrimary} is on record, verdict {watchdog.Last?.Decision.Diagnosis.Verdict}");
    }

    private string Say(Node node) =>
        $"{node}: {(node.HostUp ? "" : "off ")}{node.Process}{(node.IsStandby ? " standby" : " primary")}{(node.StartBlocked ? ", blocked" : "")}, "
        + FormattableString.Invariant($"timeline {node.Branch.Timeline}, streams from {world.Receiver(node)?.Primary.Name ?? "nobody"}");

    /// <summary>
    /// What only a person mends, by the documents: a rejoin that was given up or is switched off, a failover that failed, a gate that stays shut, a standby that
    /// was promoted after all when its failover had been taken back, a fence command's victim without power, a primary that a person shut down,
    /// a record that a role change out of sight has made old, one from a backup, or one of a lie (verdict Unknown, gate
    /// RecordIsOld: pgwatchdog adopt).
    /// </summary>
    private bool IsForAPerson() =>
        journal.Memory.Returning.Any(node => node.Step == ReturnStep.GivenUp) || !world.Setting.Spec.Policy.Rejoin
        || Count(EventKind.FailoverFailed) > 0
        || (Count(EventKind.FailoverWithdrawn) > 0 && (Count(EventKind.PrimaryAdopted) > 1 || watchdog.Last?.Decision.Diagnosis.Verdict == Verdict.TwoPrimaries))
        || watchdog.Last?.Decision.Gates.Any(gate => gate.Gate is Gate.RecordIsOld
            || (gate.Gate is Gate.RecentFailover or Gate.AnotherWatchdog && watchdog.Last.Decision.Diagnosis.Verdict != Verdict.Serving)) == true
        || (world.WasLiedTo && watchdog.Last?.Decision.Diagnosis.Verdict == Verdict.Unknown)
        // Told in two looks under the primary's own name, a lie is on record: no standby has ever followed such a timeline (gate CandidateTimeline).
        || (world.WasLiedTo && journal.Memory.NewestTimeline > world.Nodes.Max(node => node.Branch.Timeline))
        // Who was replaced, and who is to follow, went with the record.
        || (world.Truth.IsRestored && watchdog.Last?.Decision.Diagnosis.Verdict is Verdict.Unknown or Verdict.Serving)
        // And which of two primaries is the old one, where the record does not say that it was replaced (runbook, TwoPrimaries).
        || (world.Truth.IsRestored && watchdog.Last?.Decision.Diagnosis.Verdict is Verdict.TwoPrimaries
            && !Array.Exists(world.Nodes, node => node.IsPrimary && journal.Memory.Replaced.Contains(node.Name)))
        || (world.SwitchedOverUnseen && watchdog.Last?.Decision.Diagnosis.Verdict == Verdict.Unknown)
        || Array.Exists(world.Nodes, node => node is { HostUp: false, FencedByCommand: true })
        || (watchdog.Last?.Decision.Diagnosis.Verdict == Verdict.Stopped && !world.Setting.Spec.Policy.FailoverWhenStopped)
        || Array.Exists(world.Nodes, node => node.IsStandby && node.StartBlocked && node.Process == Process.Stopped && !Returning.Outstanding(journal.Memory).Contains(node.Name));
}
