using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Simulation;

/// <summary>
/// A load balancer ends all sessions to a node that it is told is not the primary. No primary that clients can use is taken from them for what the watchdog does not see
/// (docs/decisions/0016).
/// </summary>
internal sealed partial class Truth
{
    /// <summary>Since when each node serves, and no other one is primary; and since when somebody who can say so sees that.</summary>
    private readonly double[] aloneSince = NeverYet(), aloneInSightSince = NeverYet();

    private void LookAtRoles()
    {
        foreach (var node in world.Nodes)
        {
            var isAlone = node is { IsPrimary: true, AcceptsWrites: true } && Array.TrueForAll(world.Nodes, other => other == node || !other.IsPrimary);
            Since(aloneSince, node, isAlone);
            Since(aloneInSightSince, node, isAlone && IsSeenServing(node, world.Station));
        }
    }

    /// <summary>The watchdog tells a load balancer that this node is not the primary. What the record has against it counts, and its own answer (docs/decisions/0016).</summary>
    public void LookAtRole(Node node, RoleAnswer answer, double looked, NodeRoles roles)
    {
        var (record, seen) = (roles.Record, roles.Last?.Observation.Find(node.Name));
        if (answer.Yes != false || !node.AcceptsWrites || aloneSince[node.Index] > looked || seen is { IsServingStandby: true } || seen?.Server?.SystemIdentifier is not (null or World.SystemIdentifier))
            return;
        var isInSight = aloneInSightSince[node.Index] <= looked;
        var isAgainst = record.Procedure?.From == node.Name || record.Replaced.Contains(node.Name) ? !isInSight || MayBeReplaced(node, record)
                || (record.Procedure is { FencedBy: not FencedBy.Unknown } && seen is not { IsServingPrimary: true }) // by a guard that did not know how long it was paused
                || (world.Setting.Mischief > 0 && seen is not { IsServingPrimary: true }) // its answer was lost, or rubbish
            : record.IntendedPrimary != node.Name && !(isInSight && seen is { IsServingPrimary: true }
                && roles.Last!.Observation.Find(record.IntendedPrimary) is not { IsServingPrimary: true });
        if (!isAgainst)
            Violated("Roles", $"{node} is the only primary since {aloneSince[node.Index]:0.0}, and a load balancer is told that it is none: {answer.Reason}");
    }

    /// <summary>
    /// On record it is replaced, and it serves in sight. Another primary has taken writes since, or may still come of the promotion that was asked for. Or the record is
    /// older than what an operator, a second watchdog or a switchover out of sight has done.
    /// </summary>
    private bool MayBeReplaced(Node node, ClusterMemory record) =>
        newest != node.Branch || record.Procedure is { PromotedAt: not null }
        || HasOperatorActed || IsRestored || world.SwitchedOverUnseen || world.Second is { HasDecided: true };
}
