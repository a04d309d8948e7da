using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>The only public door to a decision: configuration, memory and one look in, a decision out. No I/O, no clock, no randomness.</summary>
public static class Decider
{
    /// <summary>The primary's position goes on record at most this often: a write a check would be too many.</summary>
    private static readonly TimeSpan PositionRecordInterval = TimeSpan.FromSeconds(10);

    /// <summary>How often a replaced primary that may come back is looked at.</summary>
    private static readonly TimeSpan ReturnLookInterval = TimeSpan.FromMilliseconds(250);

    public static Decision Decide(ClusterSpec spec, ClusterMemory memory, WorkingMemory working, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(working);
        var diagnosis = Diagnostician.Diagnose(memory, observation);
        var primary = observation.Find(diagnosis.Primary)?.Server is { Role: Role.Primary } serving ? serving : null;
        var next = new WorkingMemory
        {
            Suspicion = working.Suspicion.Looked(observation.At, SignOfLife(diagnosis, observation), spec.Policy.LateAfter, diagnosis.Verdict == Verdict.Down),
            Trail = primary?.CurrentLsn is { } current ? working.Trail.Add(observation.At, current) : working.Trail,
        };
        var silence = next.Suspicion.SilenceAt(observation.At);
        var candidates = CandidateSelection.Assess(spec, memory, Known(spec.Policy, next, memory, silence, observation), diagnosis.Primary, observation);
        var gates = Gates.Shut(spec.Policy, memory, diagnosis, next.Suspicion, candidates, observation);
        var step = Next(spec, memory, diagnosis, gates, candidates, silence, observation);

        return new Decision
        {
            Diagnosis = diagnosis,
            Gates = gates,
            Candidates = candidates,
            Lags = observation.Nodes.Where(node => node.Node != diagnosis.Primary)
                .ToImmutableDictionary(node => node.Node, node => Lag.Between(primary, node.Server, next.Trail, observation.At)),
            Silence = silence,
            Memory = step.Memory,
            Working = next,
            Action = step.Action,
            Events = step.Events,
            LookAgainIn = LookAgainIn(spec, step.Memory, diagnosis, gates, silence, observation),
        };
    }

    /// <summary>
    /// The threshold is reached between two regular checks: one more is due just then. And a replaced primary whose host answers
    /// may start at any moment: each second that it serves costs rows.
    /// </summary>
    private static TimeSpan? LookAgainIn(
        ClusterSpec spec, ClusterMemory memory, Diagnosis diagnosis, ImmutableArray<ShutGate> gates, TimeSpan silence, ClusterObservation observation)
    {
        if (diagnosis.Verdict == Verdict.Down && gates is [{ Gate: Gate.ThresholdNotReached }])
            return silence < spec.Policy.UnreachableThreshold ? spec.Policy.UnreachableThreshold - silence : ReturnLookInterval;
        return memory.Replaced.Any(node => observation.Find(node) is { Reach: Reach.Refused or Reach.Alive }) ? ReturnLookInterval : null;
    }

    /// <summary>Fencing first (two primaries cost data by the second), then what is under way, then what is new.</summary>
    private static NextStep Next(
        ClusterSpec spec, ClusterMemory memory, Diagnosis diagnosis, ImmutableArray<ShutGate> gates, ImmutableArray<Candidate> candidates,
        TimeSpan silence, ClusterObservation observation)
    {
        // The one that is being replaced is the procedure's own business: if it serves again, the failover is taken back.
        if (memory.Replaced.FirstOrDefault(node => node != memory.Procedure?.From && IsStale(memory, observation.Find(node))) is { } replaced)
            return new NextStep(memory, new WatchdogAction.Fence(replaced), []);
        if (memory.Procedure is { } procedure)
            return Failover.Continue(spec, memory, procedure, diagnosis, observation);
        if (gates.IsEmpty && candidates.FirstOrDefault() is { IsEligible: true } candidate)
            return Failover.Begin(spec, memory, candidate, silence, observation);
        return Learn(memory, diagnosis, observation);
    }

    /// <summary>
    /// A primary of this cluster on an older timeline than the one that replaced it. On a newer one a person has promoted it since,
    /// and with another system identifier it is another server: neither is ours to stop.
    /// </summary>
    private static bool IsStale(ClusterMemory memory, NodeObservation? node) => node is { IsServingPrimary: true, Server: { } server }
        && server.SystemIdentifier == memory.SystemIdentifier && server.Timeline < memory.NewestTimeline;

    /// <summary>What a quiet look adds to the durable memory; the same instance where it adds nothing.</summary>
    private static NextStep Learn(ClusterMemory memory, Diagnosis diagnosis, ClusterObservation observation)
    {
        var events = ImmutableArray.CreateBuilder<WatchdogEvent>();
        foreach (var node in memory.Replaced.Where(node => observation.Find(node) is { IsServingStandby: true }))
        {
            memory = memory with { Replaced = memory.Replaced.Remove(node) };
            events.Add(new(EventKind.NodeReplacedReturned, $"{node} is back as a standby"));
        }
        if (diagnosis is { Verdict: Verdict.Serving, Primary: { } name } && observation.Find(name)!.Server is { } server)
        {
            if (memory.IntendedPrimary != name)
            {
                events.Add(new(EventKind.PrimaryAdopted, memory.IntendedPrimary is { } before
                    ? $"{name} was promoted by somebody else: it is the primary from now on, in place of {before}"
                    : $"{name} is the primary"));
                memory = memory with
                {
                    IntendedPrimary = name,
                    Epoch = memory.Epoch + 1,
                    SystemIdentifier = server.SystemIdentifier,
                    Replaced = memory.Replaced.Remove(name),
                };
            }
            if (server.Timeline > memory.NewestTimeline)
                memory = memory with { NewestTimeline = server.Timeline };
            if (server.CurrentLsn is { } position
                && !(memory.LastPosition is { } last && observation.Time - last.Time < PositionRecordInterval && observation.Time >= last.Time))
                memory = memory with { LastPosition = new(position, observation.Time) };
        }
        return new NextStep(memory, WatchdogAction.Nothing, events.ToImmutable());
    }

    /// <summary>
    /// The newest moment at which somebody had a sign of life; null where this look brought none. An answer that says nothing
    /// counts as one: it must not bring a failover nearer.
    /// </summary>
    private static TimeSpan? SignOfLife(Diagnosis diagnosis, ClusterObservation observation)
    {
        if (diagnosis.Verdict is not (Verdict.Down or Verdict.ServingElsewhere))
            return observation.At;
        var heard = observation.Nodes
            .Select(node => node.Server?.WalReceiver is { IsStreaming: true } receiver
                ? observation.At - (receiver.LastMessageAge ?? TimeSpan.Zero)
                : (TimeSpan?)null)
            .Max();
        return heard;
    }

    /// <summary>
    /// Where the primary's WAL was when it fell silent. A position seen long before that says nothing of what was written since:
    /// then it is unknown.
    /// </summary>
    private static Lsn? Known(Policy policy, WorkingMemory working, ClusterMemory memory, TimeSpan silence, ClusterObservation observation)
    {
        var oldest = policy.UnreachableThreshold + PositionRecordInterval + policy.LateAfter;
        if (working.Trail.Newest is { } newest)
            return observation.At - silence - working.Trail.NewestAt <= oldest ? newest : null;
        return memory.LastPosition is { } last && observation.Time - silence - last.Time <= oldest ? last.Lsn : null;
    }
}
