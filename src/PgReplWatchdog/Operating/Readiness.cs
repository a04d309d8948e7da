using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;

namespace PgReplWatchdog.Operating;

/// <summary>What GET /api/v1/clusters/NAME/readiness answers: were the primary to fail now, what would come of it. Null is unknown.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Ready">Nothing but the threshold stands between a dead primary and a failover.</param>
/// <param name="Verdict">What is the matter with the primary now.</param>
/// <param name="LastCheck">When that was found.</param>
/// <param name="Candidate">Who would be promoted.</param>
/// <param name="ExpectedLossBytes">WAL that it lacks, which is lost with a host that never returns.</param>
/// <param name="CrashedThresholdSeconds">So long after PostgreSQL was found crashed on a host that answers a failover begins.</param>
/// <param name="UnreachableThresholdSeconds">So long after the last sign of life of a host that does not answer.</param>
/// <param name="LastFailoverSeconds">What the last failover took from the decision to its end.</param>
/// <param name="Sentences">The same in words.</param>
/// <param name="Gates">Every gate about the cluster, shut or open.</param>
/// <param name="Candidates">Every standby, the best first, with the gates about it that are shut.</param>
public sealed record Readiness(
    string Cluster, bool Ready, Verdict Verdict, DateTimeOffset? LastCheck, string? Candidate, long? ExpectedLossBytes,
    double? CrashedThresholdSeconds, double? UnreachableThresholdSeconds, double? LastFailoverSeconds,
    ImmutableArray<string> Sentences, ImmutableArray<GateStatus> Gates, ImmutableArray<CandidateStatus> Candidates)
{
    public static Readiness Of(ClusterStatus cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return new Readiness(
            cluster.Name, cluster.FailoverReady, cluster.Verdict, cluster.LastCheck,
            cluster.FailoverReady ? cluster.Candidates.FirstOrDefault(candidate => candidate.Eligible)?.Node : null, cluster.ExpectedLossBytes,
            cluster.Policy?.CrashedThreshold.TotalSeconds, cluster.Policy?.UnreachableThreshold.TotalSeconds,
            cluster.LastFailover is { Succeeded: true } last ? (last.FinishedAt - last.Procedure.DecidedAt).TotalSeconds : null,
            [.. Operating.Sentences.WhatWouldHappen(cluster)], GateStatus.All(cluster), cluster.Candidates);
    }
}

/// <summary>A gate, and why it is shut where it is.</summary>
public sealed record GateStatus(Gate Gate, bool Open, ImmutableArray<string> Why)
{
    /// <summary>Those about the cluster; none where no check has ended, since nothing is known of them.</summary>
    public static ImmutableArray<GateStatus> All(ClusterStatus cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return cluster.LastCheck is null ? [] :
        [
            .. from gate in Enum.GetValues<Gate>()
               where gate != Gate.Unknown && !Sentences.IsOfACandidate(gate)
               let shut = cluster.Gates.Where(other => other.Gate == gate).Select(other => other.Sentence).ToImmutableArray()
               select new GateStatus(gate, shut.IsEmpty, shut),
        ];
    }
}
