using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Diagnosing;

/// <summary>
/// A timeline is more than its number: a node that is promoted without having seen the newest timeline takes the same number. Different histories prove
/// different timelines. Equal ones prove nothing: after a failover that lost no WAL both nodes branch off at the same position.
/// </summary>
internal static class Histories
{
    /// <summary>The host shows another history than the record for that timeline, or for the record's newest one. Unknown is not another one.</summary>
    public static bool IsOther(ClusterMemory memory, ClusterObservation observation, string node, uint? timeline = null) =>
        (timeline ?? memory.History?.Timeline) is { } number && memory.History?.Of(number) is { } known
        && observation.Host(node)?.History?.Of(number) is { } own && own != known;

    /// <summary>The node's data come from the primary: this watchdog has rewound or copied them in this epoch.</summary>
    public static bool IsCopied(ClusterMemory memory, ClusterObservation observation, string node) =>
        observation.Host(node)?.Job is { ExitStatus: not HostJob.SourceNotReached } job && job.Epoch == memory.Epoch
        && !IsOther(memory, observation, node);

    /// <summary>A replaced node may have been promoted to the number on record apart from the primary. pg_rewind, which compares numbers, would not see it.</summary>
    public static bool MayDiverge(ClusterMemory memory, ClusterObservation observation, string node) =>
        IsOther(memory, observation, node)
        || (memory.Replaced.Contains(node) && observation.Host(node)?.History?.Timeline == memory.NewestTimeline && !IsCopied(memory, observation, node));

    /// <summary>An operator has promoted it since it was replaced, as its history shows: it may be the primary, stopped only for a moment.</summary>
    public static bool WasPromotedManually(ClusterMemory memory, ClusterObservation observation, string node) =>
        observation.Host(node)?.History is { } newest && !memory.HasAbandoned(node, newest.Timeline)
        && (newest.Timeline > memory.NewestTimeline || IsOther(memory, observation, node, newest.Timeline) || MayDiverge(memory, observation, node));

    /// <summary>The history of a serving primary's timeline. It stays known while its host does not tell.</summary>
    public static TimelineHistory? Learn(ClusterMemory memory, ClusterObservation observation, string primary, uint timeline) =>
        observation.Host(primary)?.History?.Of(timeline)
            ?? (memory.IntendedPrimary == primary && memory.History?.Timeline == timeline ? memory.History : null);

    /// <summary>A replaced primary that serves on the number of the expected one, which serves beside it: only an operator knows which is the right one.</summary>
    public static IEnumerable<string> Doubts(ClusterMemory memory, ClusterObservation observation)
    {
        if (observation.Find(memory.IntendedPrimary) is not { IsServingPrimary: true, Server: { } expected })
            return [];
        return observation.Nodes
            .Where(node => node is { IsServingPrimary: true, Server: { } server } && server.Timeline == expected.Timeline
                && memory.Replaced.Contains(node.Node) && node.Node != memory.IntendedPrimary
                && !IsCopied(memory, observation, node.Node) && !memory.HasAbandoned(node.Node, server.Timeline))
            .Select(node => FormattableString.Invariant($"{node.Node} and {memory.IntendedPrimary} both write timeline {expected.Timeline}, ")
                + (IsOther(memory, observation, node.Node) ? "with different histories" : "and nothing shows whether it is the same one")
                + $": stop one of them, or make {node.Node} the primary: pgwatchdog adopt CLUSTER {node.Node}");
    }

    /// <summary>What a later role change on a host's record means, and what to do.</summary>
    public static string Outdated(ClusterMemory memory, LaterEpoch later) => FormattableString.Invariant(
        $"this watchdog's record is an old one (epoch {memory.Epoch}, primary {memory.IntendedPrimary ?? "unknown"}): ")
        + FormattableString.Invariant($"the host of {later.Node} has epoch {later.Epoch} ")
        + $"with primary {later.Primary}. See which node is the primary, then: pgwatchdog adopt CLUSTER NODE";

    /// <summary>What an operator may do about a primary that is not the expected one; nothing where it is the one that was replaced.</summary>
    public static IEnumerable<string> Advice(ClusterMemory memory, ClusterObservation observation, NodeObservation primary)
    {
        if (!Claim.ContinuesTheRecord(memory, observation, primary))
            yield return FormattableString.Invariant(
                $"the host of {primary.Node} shows no history that continues timeline {memory.NewestTimeline} of the record");
        if (primary.Server!.Timeline >= memory.NewestTimeline && primary.Server.SystemIdentifier == memory.SystemIdentifier)
            yield return $"if {primary.Node} is to be the primary: pgwatchdog adopt CLUSTER {primary.Node}";
    }
}
