using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>
/// What would delay or spoil a failover to a standby that may be promoted (docs/decisions/0015). The election prefers a standby
/// without doubts. A sole candidate is promoted all the same: no primary at all is worse.
/// </summary>
public sealed record CandidateDoubts(Replays Replays, HostProofs Hosts)
{
    public static readonly CandidateDoubts Nothing = new(Replays.None, HostProofs.None);

    /// <summary>Replay may stand still for some seconds: a short query, a slow disk.</summary>
    public static readonly TimeSpan ReplayStandsStill = TimeSpan.FromSeconds(10);

    public IEnumerable<ShutGate> About(Candidate candidate, Policy policy, string? primary, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(observation);
        return
        [
            .. ReplayBehind(candidate, policy, observation),
            .. HostUnreachable(candidate.Node, observation),
            .. DiskFull(candidate.Node, observation),
            .. Undetachable(candidate.Node, observation),
            .. Synchronous(candidate.Node, primary, observation),
        ];
    }

    private IEnumerable<ShutGate> ReplayBehind(Candidate candidate, Policy policy, ClusterObservation observation)
    {
        var node = candidate.Node;
        if (observation.Find(node) is not { Server.ReplayPaused: false } || candidate.BacklogBytes is not { } backlog)
            yield break;
        var still = Replays.StandsStillFor(node);
        if (still >= ReplayStandsStill)
        {
            yield return new(Gate.CandidateReplayBehind, node, FormattableString.Invariant(
                $"replay on {node} has not moved for {still.TotalSeconds:0} s, and {backlog} bytes of received WAL wait for it: ")
                + $"find the query that holds it in pg_stat_activity on {node}, and end it");
        }
        else if (backlog > policy.MaximumLagBytes)
        {
            yield return new(Gate.CandidateReplayBehind, node, FormattableString.Invariant(
                $"{node} has not replayed {backlog} bytes of received WAL, MaximumLagBytes is {policy.MaximumLagBytes}: ")
                + "a promotion waits until it has");
        }
    }

    private IEnumerable<ShutGate> HostUnreachable(string node, ClusterObservation observation)
    {
        if (!Hosts.IsProven(node, observation))
        {
            yield return new(Gate.CandidateHostUnreachable, node,
                $"{Hosts.Silence(node, observation)}; a failover has to detach {node}, copy WAL to it and promote it there");
        }
    }

    /// <summary>A host that does not answer says nothing of it.</summary>
    private static IEnumerable<ShutGate> Undetachable(string node, ClusterObservation observation)
    {
        if (observation.Host(node) is { DetachObstacle: { Length: > 0 } obstacle })
            yield return new(Gate.CandidateUndetachable, node, $"{node} cannot be detached from its primary: {obstacle}: run setup");
    }

    /// <summary>A host that does not answer says nothing of its disk.</summary>
    private static ImmutableArray<ShutGate> DiskFull(string node, ClusterObservation observation) => observation.Host(node) switch
    {
        { IsReachable: true, StorageHangs: true } => [new(Gate.CandidateDiskFull, node,
            $"storage on the host of {node} does not answer: a failover has to write there; see to its disk")],
        { IsDiskFull: true } host => [new(Gate.CandidateDiskFull, node, FormattableString.Invariant(
            $"the disk of {node} is full, {host.FreeBytes} bytes are free")
            + $"{(host.Filling.Length > 0 ? $" ({host.Filling})" : "")}: a failover has to write there; make room")],
        _ => [],
    };

    /// <summary>The old primary is not there to confirm a commit: the other standbys have to.</summary>
    private static IEnumerable<ShutGate> Synchronous(string node, string? primary, ClusterObservation observation)
    {
        if (observation.Find(node)?.Server is not { } server)
            yield break;
        var others = observation.Nodes.Where(other => other.IsServingStandby && other.Node != node && other.Node != primary)
            .Select(other => other.Node).ToList();
        if (SynchronousStandbys.Lack(node, server.SynchronousStandbyNames, others) is { } lack)
        {
            yield return new(Gate.CandidateCommitsWait, node, $"after a failover to {node} commits would wait there: {lack}");
        }
        else if (server.SynchronousStandbyNames.Trim().Length == 0 && others.Count > 0
            && observation.Find(primary)?.Server is { Role: Role.Primary, SynchronousStandbyNames: var asked } && asked.Trim().Length > 0)
        {
            yield return new(Gate.CandidateNotSynchronous, node,
                $"after a failover to {node} replication would be asynchronous: synchronous_standby_names is {asked} on {primary} and empty on {node}: "
                + $"set it on {node}, with the names of the other standbys");
        }
    }
}
