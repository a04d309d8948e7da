using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Topology;
using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>What is the matter with a cluster, and what stands between it and a failover.</summary>
internal sealed class DecisionMetrics
{
    private const string NoAction = nameof(WatchdogAction.None);

    private readonly Gauge nodes, primaries, primaryInfo, silence, threshold, epoch, guardArmed, drift, ready, automatic, paused, maximumLag, expectedLoss, notBefore;
    private readonly Gauge candidateEligible, candidateRank, candidateMissing;
    private readonly StateSet verdict, gateShut, ineligible;
    private readonly Counter decisions, refusals, events;

    public DecisionMetrics(MetricList list)
    {
        string[] ofNode = ["cluster", "node"];
        var gates = Enum.GetNames<Gate>().Where(gate => gate != nameof(Gate.Unknown)).ToList();
        nodes = list.Gauge("cluster_nodes", "Configured nodes.", "cluster");
        primaries = list.Gauge("cluster_primaries", "Nodes that answered as primary in the last check: 1 is right, 2 is split brain.", "cluster");
        primaryInfo = list.Gauge("cluster_primary_info", "The node that is to be primary; always 1, absent until one has been seen.", ofNode);
        verdict = list.StateSet("verdict", "What is the matter with the primary.", Enum.GetNames<Verdict>(), "cluster", "verdict");
        silence = list.Gauge("primary_silence_seconds", "Time since anybody had a sign of life of the primary.", "cluster");
        threshold = list.Gauge("failover_threshold_seconds", "How long this verdict has to stand before it leads to a failover; absent where it never does.", "cluster", "verdict");
        epoch = list.Gauge("epoch", "Grows by one with each change of the intended primary.", "cluster");
        guardArmed = list.Gauge("guard_armed", "1 while the primary's guard is known to be armed: it stops a primary that nobody outside hears.", "cluster");
        drift = list.Gauge("setup_drift_steps",
            "Steps that set-up would take: 0 is as set-up leaves it. Absent while that is not known: not looked yet, a host silent, the primary not serving, set-up would refuse.", "cluster");

        ready = list.Gauge("failover_ready", "1 when nothing but the threshold stands between a dead primary and a failover.", "cluster");
        gateShut = list.StateSet("gate_shut", "Every gate that stands between now and a failover; several may be 1.", gates, "cluster", "gate");
        automatic = list.Gauge("failover_automatic", "1 where the watchdog is configured to fail over by itself.", "cluster");
        paused = list.Gauge("failover_paused", "1 while a person has paused failover.", "cluster");
        maximumLag = list.Gauge("failover_max_lag_bytes", "Configured: a standby that lacks more WAL is not promoted.", "cluster");
        expectedLoss = list.Gauge("failover_expected_loss_bytes",
            "WAL that the best candidate lacks, and that a failover now would lose with a host that never returns; absent while nobody knows.", "cluster");
        notBefore = list.Gauge("failover_not_before_timestamp_seconds", "When the next failover may begin, after one that nobody has acknowledged; 0 for at once.", "cluster");
        candidateEligible = list.Gauge("candidate_eligible", "1 for a standby that may be promoted.", ofNode);
        candidateRank = list.Gauge("candidate_rank", "1 for the standby that would be promoted, 2 for the next best; 0 for one that may not be.", ofNode);
        candidateMissing = list.Gauge("candidate_missing_bytes", "WAL known to be written by the primary that the standby has not received; absent while unknown.", ofNode);
        ineligible = list.StateSet("candidate_ineligible", "Why a standby may not be promoted, or would cause trouble (candidate_eligible is 1 then); several may be 1.",
            gates.Where(gate => gate is nameof(Gate.PromotionUnavailable) || gate.StartsWith("Candidate", StringComparison.Ordinal)), "cluster", "node", "gate");

        decisions = list.Counter("decisions_total", "Looks, by what was done about what they found.", "cluster", "action");
        refusals = list.Counter("refusals_total", "Looks at which the primary had been found failed for long enough, and this gate kept from failing over.", "cluster", "gate");
        events = list.Counter("events_total", "What the watchdog has told, by kind; what people asked for on its host is not among it.", "cluster", "kind");
    }

    public void Announce(ClusterSpec spec)
    {
        var (cluster, policy) = (spec.Name, spec.Policy);
        nodes.WithLabels(cluster).Set(spec.Nodes.Length);
        ready.WithLabels(cluster).Set(0);
        automatic.WithLabels(cluster).Set(policy.Automatic ? 1 : 0);
        maximumLag.WithLabels(cluster).Set(policy.MaximumLagBytes);
        threshold.WithLabels(cluster, nameof(Verdict.Crashed)).Set(policy.CrashedThreshold.TotalSeconds);
        foreach (var failure in new[] { Verdict.Hung, Verdict.Down }.Concat(policy.FailoverWhenStopped ? [Verdict.Stopped] : []))
            threshold.WithLabels(cluster, failure.ToString()).Set(policy.UnreachableThreshold.TotalSeconds);
        foreach (var action in WatchdogAction.Kinds.Append(NoAction))
            decisions.WithLabels(cluster, action).Inc(0);
        foreach (var gate in gateShut.States.Where(gate => gate != nameof(Gate.ThresholdNotReached)))
            refusals.WithLabels(cluster, gate).Inc(0);
        foreach (var kind in Enum.GetValues<EventKind>().Where(IsToldByTheWatchdog))
            events.WithLabels(cluster, kind.ToString()).Inc(0);
    }

    public void Told(ClusterSpec spec, EventKind kind) => events.WithLabels(spec.Name, kind.ToString()).Inc();

    public void Drifted(ClusterSpec spec, int? steps) => drift.SetOrRemove(steps, spec.Name);

    public void Count(Finding finding)
    {
        var decision = finding.Decision;
        decisions.WithLabels(finding.Cluster, decision.Action.Kind).Inc();
        if (!decision.Diagnosis.Verdict.IsFailure() || decision.Memory.Procedure is not null || decision.Gates.Any(shut => shut.Gate == Gate.ThresholdNotReached))
            return;
        foreach (var gate in decision.Gates.Select(shut => shut.Gate).Distinct())
            refusals.WithLabels(finding.Cluster, gate.ToString()).Inc();
    }

    public void Write(Finding finding)
    {
        var (cluster, decision, memory) = (finding.Cluster, finding.Decision, finding.Memory);
        primaries.WithLabels(cluster).Set(finding.Observation.Nodes.Count(node => node.IsServingPrimary));
        foreach (var other in primaryInfo.GetAllLabelValues().Where(other => other[0] == cluster && other[1] != memory.IntendedPrimary).ToList())
            primaryInfo.RemoveLabelled(other);
        if (memory.IntendedPrimary is { } primary)
            primaryInfo.WithLabels(cluster, primary).Set(1);
        verdict.Set([cluster], decision.Diagnosis.Verdict.ToString());
        silence.WithLabels(cluster).Set(decision.Silence.TotalSeconds);
        epoch.WithLabels(cluster).Set(memory.Epoch);
        guardArmed.WithLabels(cluster).Set(memory.Guard is null ? 0 : 1);
        ready.WithLabels(cluster).Set(decision.IsReady ? 1 : 0);
        gateShut.Set([cluster], decision.Gates.Select(shut => shut.Gate.ToString()));
        paused.WithLabels(cluster).Set(finding.Observation.Wish.Paused ? 1 : 0);
        expectedLoss.SetOrRemove(decision.ExpectedLossBytes, cluster);
        var tooSoon = decision.Gates.Any(shut => shut.Gate == Gate.RecentFailover);
        notBefore.WithLabels(cluster).Set(tooSoon && memory.LastFailover is { } last ? (last.FinishedAt + finding.Spec.Policy.MinimumInterval).ToSeconds() : 0);
        foreach (var node in finding.Spec.Nodes)
            WriteCandidate([cluster, node.Name], decision.Candidates.FirstOrDefault(candidate => candidate.Node == node.Name), decision.Candidates);
    }

    /// <summary>The primary is none.</summary>
    private void WriteCandidate(string[] labels, Candidate? candidate, ImmutableArray<Candidate> all)
    {
        candidateEligible.SetOrRemove(candidate is null ? null : candidate.IsEligible ? 1 : 0, labels);
        candidateRank.SetOrRemove(candidate is null ? null : candidate.IsEligible ? all.IndexOf(candidate) + 1 : 0, labels);
        candidateMissing.SetOrRemove(candidate?.MissingBytes, labels);
        if (candidate is null)
            ineligible.Remove(labels);
        else
            ineligible.Set(labels, candidate.Reasons.Concat(candidate.Doubts).Select(reason => reason.Gate.ToString()));
    }

    /// <summary>The others are put on record by a command, in a process of its own, or when the journal is read.</summary>
    private static bool IsToldByTheWatchdog(EventKind kind) =>
        kind is not (EventKind.Unknown or EventKind.Paused or EventKind.Resumed or EventKind.Acknowledged or EventKind.MemoryNotUnderstood
            or EventKind.SetUpBegun or EventKind.SetUpEnded or EventKind.TokenRefused);
}
