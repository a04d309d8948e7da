namespace PgReplWatchdog.Simulation;

/// <summary>An operator promotes a node that has never seen the newest timeline: two histories have the same number.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Operators() =>
    [
        (2, (_, _) => OldPrimaryIsPromoted()),
    ];

    /// <summary>The primary's host fails, and after a failover all others do. The operator makes the old primary a standby and promotes it.</summary>
    private void OldPrimaryIsPromoted()
    {
        if (Array.Find(world.Nodes, node => node.IsPrimary) is not { } old)
            return;
        var acts = world.Now + world.Between(12, 25);
        PowerFails(old, acts + 0.5);
        world.At(acts, () =>
        {
            if (!Array.Exists(world.Nodes, node => node.IsPrimary && node != old))
                return;
            var back = Math.Min(HealedAt - 1, world.Now + world.Between(6, 40));
            foreach (var node in world.Nodes.Where(node => node != old))
                PowerFails(node, back);
            if (world.Chance(0.6))
                world.At(back - 0.1, () => Isolate(old, Math.Min(HealedAt, back + world.Between(1, 15))));
            world.At(world.Now + world.Between(1, 4), () => MakeItAStandby(old));
        });
    }

    private void MakeItAStandby(Node old)
    {
        if (!old.HostUp || old.FencedByCommand || Array.Exists(world.Nodes, node => node.IsPrimary && node != old))
            return;
        world.Tell($"an operator makes {old} a standby and promotes it");
        world.Kill(old, "shut down");
        (old.StartBlocked, old.BlockedByGuard, old.Guard.Order) = (false, false, null);
        (old.IsStandby, old.Upstream) = (true, null);
        world.Start(old);
        world.At(world.Now + 2, () =>
        {
            if (!old.IsRunning || !old.IsStandby || Array.Exists(world.Nodes, node => node.IsPrimary))
                return;
            world.Truth.OperatorPromotes(old);
            old.PromotedAt = world.Now;
        });
    }
}
