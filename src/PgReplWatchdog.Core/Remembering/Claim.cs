using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// Another node than the intended primary says that it is primary on a newer timeline: somebody promoted it, or it is wrong. Its word alone moves nothing; it is the primary
/// when the intended one is seen to have given up: by two looks, and the evidence that a failover takes.
/// </summary>
/// <param name="Node">Who says so; null where nobody does.</param>
/// <param name="Looks">In how many looks in a row.</param>
public sealed record Claim(string? Node, int Looks)
{
    public static readonly Claim None = new(null, 0);

    /// <summary>The proof has come to its end: it is the primary.</summary>
    public bool IsProven { get; private init; }

    /// <summary>The timeline that somebody else has confirmed: the claimant's host has its history file, or a standby streams from the claimant on it. 0: nobody has.</summary>
    private uint Confirmed { get; init; }

    /// <summary>
    /// Nodes that say that they are primary, and whose host has said that their history does not continue the record, or that their data is a standby's. A host that tells no more
    /// takes nothing back.
    /// </summary>
    private ImmutableHashSet<string> Contradicted { get; init; } = [];

    /// <summary>A serving primary of this cluster on a newer timeline than any on record.</summary>
    public static bool IsNewer(ClusterMemory memory, NodeObservation node)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(node);
        return node is { IsServingPrimary: true, Server: { } server } && node.Node != memory.IntendedPrimary
            && server.SystemIdentifier == memory.SystemIdentifier && server.Timeline > memory.NewestTimeline && !memory.HasAbandoned(node.Node, server.Timeline);
    }

    /// <summary>
    /// One more look. <paramref name="isHeard"/>: some standby hears the intended primary, or its port was seen open. <paramref name="silentFor"/>: since the intended primary was
    /// seen or heard to live last.
    /// </summary>
    public Claim Looked(Policy policy, ClusterMemory memory, ClusterObservation observation, bool isHeard, TimeSpan silentFor)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(observation);
        var primaries = observation.Nodes.Where(node => node.IsServingPrimary).ToList();
        // An answer of before this look may be from before the promotion.
        var told = primaries.Where(node => observation.Host(node.Node) is { History: not null } host && host.At >= observation.At - observation.Took).ToList();
        var contradicted = Contradicted.Except(told.Select(node => node.Node)).Except(observation.Nodes.Where(node => node.IsServingStandby).Select(node => node.Node))
            .Union(told.Where(node => observation.Host(node.Node) is { StandbySignal: true } || !ContinuesTheRecord(memory, observation, node)).Select(node => node.Node));
        if (primaries is not [var claimant] || !IsNewer(memory, claimant))
            return None with { Contradicted = contradicted };
        var timeline = claimant.Server!.Timeline;
        var claim = new Claim(claimant.Node, claimant.Node == Node ? Looks + 1 : 1)
        {
            Contradicted = contradicted,
            Confirmed = told.Contains(claimant) || observation.Nodes.Any(node => node.Confirms(claimant)) ? timeline : claimant.Node == Node ? Confirmed : 0,
        };
        return claim with
        {
            IsProven = claim.Looks > 1 && IsNamedByTheHosts(memory, claimant) && !contradicted.Contains(claimant.Node)
                && HasGivenUp(policy, memory, observation, claim.Confirmed == timeline, isHeard, silentFor),
        };
    }

    /// <summary>The record is an old one, and a host has another node as the primary: an operator decides.</summary>
    private static bool IsNamedByTheHosts(ClusterMemory memory, NodeObservation claimant) =>
        memory.Later is not { } later || later.Primary == claimant.Node;

    /// <summary>Its host has the history file of the claimed timeline, which has the timeline on record among its ancestors. A host that tells none contradicts nothing.</summary>
    public static bool ContinuesTheRecord(ClusterMemory memory, ClusterObservation observation, NodeObservation claimant)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(observation);
        ArgumentNullException.ThrowIfNull(claimant);
        return observation.Host(claimant.Node)?.History is not { } newest
            || (newest.Of(claimant.Server?.Timeline ?? 0) is { } history && (memory.History is not { } record || history.Continues(record)));
    }

    /// <summary>
    /// It answers as a standby; or its host says that nothing runs or that its data is a standby's, or nobody has had a sign of it for long enough, and somebody confirms the
    /// claim: else the word of one server would decide alone.
    /// </summary>
    private static bool HasGivenUp(Policy policy, ClusterMemory memory, ClusterObservation observation, bool isConfirmed, bool isHeard, TimeSpan silentFor)
    {
        var intended = observation.Find(memory.IntendedPrimary);
        var host = observation.Host(memory.IntendedPrimary);
        return intended is null or { IsServingStandby: true }
            || (isConfirmed && intended.IsSilent && (host is { IsDead: true } or { IsReachable: true, StandbySignal: true }
                || (!isHeard && host is not { PostmasterRuns: true } && silentFor >= policy.UnreachableThreshold)));
    }
}
