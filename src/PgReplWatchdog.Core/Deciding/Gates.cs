using System.Globalization;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>All gates that are shut, by rule. To add one: a name in <see cref="Gate"/>, a rule here, a heading in docs/runbook.md, a scenario.</summary>
public static class Gates
{
    public static ImmutableArray<ShutGate> Shut(
        Policy policy, ClusterMemory memory, Diagnosis diagnosis, Suspicion suspicion, ImmutableArray<Candidate> candidates, ClusterObservation observation) =>
    [
        .. ThresholdNotReached(policy, diagnosis, suspicion, suspicion.SilenceAt(observation.At)),
        .. AutomaticOff(policy),
        .. RecentFailover(policy, memory, observation),
        .. JournalUnwritable(observation),
        .. NoCandidate(candidates),
    ];

    /// <summary>Ready: were the primary to go down now, nothing but the threshold would stand between it and a failover.</summary>
    public static bool AreReady(ImmutableArray<ShutGate> shut) => shut.All(gate => gate.Gate == Gate.ThresholdNotReached);

    private static IEnumerable<ShutGate> ThresholdNotReached(Policy policy, Diagnosis diagnosis, Suspicion suspicion, TimeSpan silence)
    {
        if (diagnosis.Verdict != Verdict.Down)
            yield return new(Gate.ThresholdNotReached, null, $"the primary is not down (verdict {diagnosis.Verdict})");
        else if (suspicion.DownLooks < 2)
            yield return new(Gate.ThresholdNotReached, null, "the primary was found down once; the next look has to find the same");
        else if (silence < policy.UnreachableThreshold)
        {
            yield return new(Gate.ThresholdNotReached, null, FormattableString.Invariant(
                $"the primary has been silent for {silence.TotalSeconds:0.0} s of {policy.UnreachableThreshold.TotalSeconds:0.###} s"));
        }
    }

    private static IEnumerable<ShutGate> AutomaticOff(Policy policy)
    {
        if (!policy.Automatic)
            yield return new(Gate.AutomaticOff, null, "Automatic is false in the configuration: a person has to promote");
    }

    private static IEnumerable<ShutGate> RecentFailover(Policy policy, ClusterMemory memory, ClusterObservation observation)
    {
        if (memory.LastFailover is { } last && last.FinishedAt + policy.MinimumInterval > observation.Time)
        {
            yield return new(Gate.RecentFailover, null, string.Create(CultureInfo.InvariantCulture,
                $"the last failover ended at {last.FinishedAt:u}; MinimumInterval is {policy.MinimumInterval}, so the next may start at {last.FinishedAt + policy.MinimumInterval:u}"));
        }
    }

    private static IEnumerable<ShutGate> JournalUnwritable(ClusterObservation observation)
    {
        if (!observation.JournalWritable)
            yield return new(Gate.JournalUnwritable, null, "the journal could not be written: see to space and rights in StateDirectory");
    }

    private static IEnumerable<ShutGate> NoCandidate(ImmutableArray<Candidate> candidates) =>
        candidates.Any(candidate => candidate.IsEligible)
            ? []
            : [new(Gate.NoCandidate, null, "no standby may be promoted"), .. candidates.SelectMany(candidate => candidate.Reasons)];
}
