using System.Globalization;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog;

/// <summary>
/// Watches one cluster. <see cref="TickAsync"/> is what the whole service is for: look, think, remember, act, tell.
/// </summary>
public sealed class Watchdog(
    ClusterSpec spec, IProber prober, IActionRunner runner, FreezeWindows freezeWindows, IJournal journal, WatchdogMetrics metrics, Notifier notifier, TimeProvider clock,
    ILogger<Watchdog> logger)
{
    /// <summary>After an action comes a fresh look at once, but a tick must end.</summary>
    private const int LooksPerTick = 8;

    /// <summary>Events kept for a journal that cannot be written; older ones are in the log.</summary>
    private const int UnwrittenLimit = 100;

    /// <summary>A look that comes this much before it is due is not too soon.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(5);

    /// <summary>A hook or a fence command may be given a minute; longer ones are taken for hung by those who ask.</summary>
    private static readonly TimeSpan LongestAction = TimeSpan.FromMinutes(1);

    /// <summary>A host that does not answer holds up the service's end for no longer than this and one attempt more.</summary>
    private static readonly TimeSpan FarewellLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FarewellInterval = TimeSpan.FromSeconds(1);

    private ClusterMemory memory = journal.Load(spec.Name).Within(spec);
    private WorkingMemory working = WorkingMemory.Empty;
    private bool journalWritable = true;
    private Inquiry? inquiry;
    private ActionReport? report;
    private long dueAt;
    private ImmutableArray<JournalEntry> unwritten = [];
    private string lastFailure = "";
    private volatile Progress? progress;

    /// <summary>This process, for whoever replays its looks: its monotonic clock begins anew with each.</summary>
    private readonly string run = clock.GetUtcNow().ToString("O", CultureInfo.InvariantCulture);

    public ClusterSpec Spec => spec;

    /// <summary>What is on record, from the process's start on.</summary>
    public ClusterMemory Record => memory;

    /// <summary>The last look and what was concluded; null before the first check.</summary>
    public Checked? Last { get; private set; }

    /// <summary>How long ago the last check ended; null before the first.</summary>
    public TimeSpan? Age => Last is { } last ? clock.GetElapsedTime(last.Timestamp) : null;

    /// <summary>
    /// For how long nothing has come to its end, for whoever has to go by what was seen last; null before the first check. While an action is under way nobody looks, and nothing else
    /// promotes: the time that one may take does not count.
    /// </summary>
    public TimeSpan? Silence => progress is not { } at ? null
        : clock.GetElapsedTime(at.Timestamp) - (at.Acting ? LongestAction : TimeSpan.Zero) is var silence && silence > TimeSpan.Zero ? silence : TimeSpan.Zero;

    /// <summary>Whether what was seen last still says something; false before the first check.</summary>
    public bool ChecksEnd => Silence <= spec.Policy.LateAfter;

    /// <summary>One check. Returns when the next one should be if that is sooner than the schedule has it; null otherwise.</summary>
    public async Task<TimeSpan?> TickAsync(CancellationToken cancellation)
    {
        if (clock.GetElapsedTime(clock.GetTimestamp(), dueAt) is { } early && early > Soon)
            return early;
        for (var look = 1; ; look++)
        {
            var started = clock.GetTimestamp();
            var seen = await prober.ObserveAsync(inquiry ?? FirstInquiry, cancellation);
            var observation = seen.WithoutAliases(memory.IntendedPrimary) with
            {
                JournalWritable = journalWritable,
                Report = report,
                Wish = journal.Wish(spec.Name),
                InFreezeWindow = freezeWindows.AreOpenAt(seen.Time),
                IsLate = IsOld(started),
            };
            var decision = Decider.Decide(spec, memory, working, observation);
            var onRecord = Remember(decision, observation);
            metrics.Publish(spec, observation, decision, clock.GetElapsedTime(started));
            Log.Checked(logger, spec.Name, decision.Diagnosis.Verdict.ToString(), clock.GetElapsedTime(started).TotalMilliseconds);

            (inquiry, report) = (decision.Inquiry, observation.IsLate ? report : null);
            dueAt = decision is { NotSooner: true, LookAgainIn: { } soon } ? clock.GetTimestamp() + (long)(soon.TotalSeconds * clock.TimestampFrequency) : 0;
            if (!onRecord || decision.Action is WatchdogAction.None)
                return decision.LookAgainIn;
            if (IsOld(started)) // the disk took its time
                return TimeSpan.Zero;
            progress = new Progress(clock.GetTimestamp(), Acting: true);
            ActionOutcome outcome;
            try
            {
                outcome = await runner.RunAsync(decision.Action, memory.Epoch, cancellation);
            }
            finally
            {
                progress = new Progress(clock.GetTimestamp(), Acting: false);
            }
            report = new ActionReport(decision.Action.Kind, decision.Action.Node, outcome.Succeeded, outcome.Bytes);
            Tell(decision.Action, outcome);
            if (!outcome.Succeeded || look == LooksPerTick)
                return null;
        }
    }

    private bool IsOld(long lookedAt) => clock.GetElapsedTime(lookedAt) > spec.Policy.ProbeTimeout + spec.Policy.LateAfter;

    /// <summary>A new process knows nothing of any host, and may find a failover on record: it asks everybody before it goes on with that.</summary>
    private Inquiry FirstInquiry => new(spec.Has(memory.Procedure?.From ?? memory.IntendedPrimary), Suspicious: true, [.. spec.Nodes.Select(node => node.Name)])
    {
        Renews = memory.IntendedPrimary,
    };

    /// <summary>
    /// The service stops in order, and nobody may look after this cluster for long: a guard that stays armed would stop the primary as soon as its standby is restarted.
    /// Repeated for a while where the host does not answer. The next process asks again: it does not know what this one has left armed.
    /// </summary>
    public async Task DisarmAsync(CancellationToken cancellation)
    {
        // Also one that was ordered a moment ago and has not confirmed.
        if (spec.Has(Last is null ? Guarding.MayBeArmedBefore(spec, memory, prober.Boot) : memory.Guard?.Node ?? working.MayBeArmed) is not { } node)
        {
            if (Last is null && spec.Policy.GuardTimeToLive > TimeSpan.Zero && spec.Has(memory.IntendedPrimary) is { } expected)
                Tell(new WatchdogEvent(EventKind.GuardChanged, $"the guard of {expected} may be armed: the watchdog stops before its first look, and cannot tell whose lease that is"));
            return;
        }
        var forgotten = memory with { Guard = null };
        var stops = new WatchdogEvent(EventKind.GuardChanged, $"disarming the guard of {node}: the watchdog stops");
        var left = new WatchdogEvent(EventKind.GuardChanged, $"the guard of {node} may still be armed. "
            + $"If the watchdog stays away, run on the host of {node}: rm '{spec.Node(node).GuardOrderFile}'");
        if (!Append(forgotten, [], [stops], clock.GetUtcNow()))
        {
            Tell(left);
            return;
        }
        memory = forgotten;
        Tell(stops);
        var began = clock.GetTimestamp();
        try
        {
            while (!await DisarmedAsync(node, cancellation))
            {
                // A primary that has failed needs it least, and its host may never answer.
                if (Last?.Decision.Diagnosis.Verdict.IsFailure() == true || clock.GetElapsedTime(began) > FarewellLimit)
                    break;
                await Task.Delay(FarewellInterval, clock, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
        }
        if (working.MayBeArmed is null)
            return;
        Append(memory, [left], [], clock.GetUtcNow());
        Tell(left);
    }

    private async Task<bool> DisarmedAsync(string node, CancellationToken cancellation)
    {
        working = working with { MayBeArmed = node };
        var disarm = new WatchdogAction.DisarmGuard(node);
        var outcome = await runner.RunAsync(disarm, memory.Epoch, cancellation);
        Tell(disarm, outcome);
        working = working with { MayBeArmed = outcome.Succeeded ? null : node };
        return outcome.Succeeded;
    }

    /// <summary>Before anything is done: what is not on record is not done. Writes only what changed.</summary>
    private bool Remember(Decision decision, ClusterObservation observation)
    {
        var changes = Changes.Between(Last?.Decision, decision);
        var since = Last?.Decision.Diagnosis.Verdict == decision.Diagnosis.Verdict ? Last.VerdictSince : observation.Time;
        var events = changes.AddRange(decision.Events);
        var nothingNew = events.IsEmpty && unwritten.IsEmpty && ReferenceEquals(memory, decision.Memory) && journalWritable;
        journal.Saw(spec.Name, new Look(run, memory, observation, decision.Diagnosis.Verdict, decision.Action.Kind, events),
            keep: decision.Diagnosis.Verdict != Verdict.Serving || !events.IsEmpty);
        var onRecord = nothingNew || Append(decision.Memory, changes, decision.Events, observation.Time);
        if (onRecord)
            memory = decision.Memory;
        working = decision.Working;
        Last = new Checked(observation, decision, since, clock.GetTimestamp());
        progress = new Progress(Last.Timestamp, Acting: false);
        var told = onRecord ? events : changes;
        foreach (var one in told)
            Tell(one);
        notifier.Saw(spec, Last, told);
        return onRecord;
    }

    private void Tell(WatchdogAction action, ActionOutcome outcome)
    {
        metrics.PublishOutcome(spec, action, outcome);
        var again = !outcome.Succeeded && outcome.Words == lastFailure; // an action is repeated until it works; its failure is told once
        lastFailure = outcome.Succeeded ? "" : outcome.Words;
        if (again)
            return;
        var told = new WatchdogEvent(outcome.Succeeded ? EventKind.ActionSucceeded : EventKind.ActionFailed,
            FormattableString.Invariant($"{outcome.Words} ({outcome.Took.TotalSeconds:0.00} s)"));
        Append(memory, [told], [], clock.GetUtcNow());
        Tell(told);
    }

    private void Tell(WatchdogEvent told)
    {
        metrics.PublishEvent(spec, told.Kind);
        Log.Event(logger, spec.Name, told);
    }

    /// <summary>What happened is kept until it can be written; what was decided and not written did not happen.</summary>
    private bool Append(ClusterMemory next, ImmutableArray<WatchdogEvent> happened, ImmutableArray<WatchdogEvent> decided, DateTimeOffset time)
    {
        unwritten = [.. unwritten.Concat(happened.Select(At)).TakeLast(UnwrittenLimit)];
        try
        {
            journal.Append(spec.Name, next, [.. unwritten, .. decided.Select(At)]);
            unwritten = [];
            if (!journalWritable)
                Log.JournalWritable(logger, spec.Name);
            journalWritable = true;
        }
        catch (JournalUnwritableException failure)
        {
            if (journalWritable)
                Log.JournalUnwritable(logger, spec.Name, failure.Message);
            journalWritable = false;
        }
        return journalWritable;

        JournalEntry At(WatchdogEvent told) => new(time, told.Kind, told.Sentence);
    }

    /// <summary>When something came to its end, or began.</summary>
    private sealed record Progress(long Timestamp, bool Acting);
}

/// <summary>One look and what was concluded from it.</summary>
/// <param name="Observation">What was seen.</param>
/// <param name="Decision">What was concluded.</param>
/// <param name="VerdictSince">Since when the verdict stands, wall clock.</param>
/// <param name="Timestamp">When the check ended, on the monotonic clock.</param>
public sealed record Checked(ClusterObservation Observation, Decision Decision, DateTimeOffset VerdictSince, long Timestamp);
