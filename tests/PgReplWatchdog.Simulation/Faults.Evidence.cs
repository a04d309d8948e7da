namespace PgReplWatchdog.Simulation;

/// <summary>What makes the record or a name wrong: a switchover out of sight, a standby that follows a standby, an address that moves to another node.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Evidence() =>
    [
        (2, (_, until) => SwitchesOverUnseen(until)),
        (1, (_, until) => Cascades(until)),
        (1, (node, until) => AddressMoves(node, until)),
        (1, (_, until) => AddressFollowsThePrimary(until)),
    ];

    /// <summary>
    /// An operator switches over in the right order while the watchdog sees nothing. Then the watchdog sees all but the new primary, and the old one, a standby now, may die.
    /// </summary>
    private void SwitchesOverUnseen(double until)
    {
        var seesAgain = world.Now + world.Between(4, 12);
        world.Tell($"the watchdog is blind until {seesAgain:0.0}");
        foreach (var node in world.Nodes)
            CutBoth(world.Watchdog, node.Index, Math.Min(HealedAt, seesAgain));
        world.At(world.Now + world.Between(0.5, 3), () =>
        {
            if (Array.Find(world.Nodes, node => node is { IsPrimary: true, IsServing: true }) is not { } old
                || Array.Find(world.Nodes, node => node is { IsServing: true, IsStandby: true, DiskFull: false, ReplayPaused: false } && world.Receiver(node)?.Primary == old
                    && world.Network.BothUp(node.Index, old.Index, world.Now)) is not { } successor)
                return;
            SwitchOver(old, successor);
            if (world.Chance(0.7))
            {
                CutBoth(world.Watchdog, successor.Index, Math.Min(HealedAt, Math.Max(until, seesAgain + 15)));
                world.At(world.Between(world.Now + 1, seesAgain + 5), () => Crashes(old));
            }
            if (world.Chance(0.5))
                world.At(seesAgain, () => crash.After(1));
        });
    }

    /// <summary>A clean shutdown waits until the standbys have everything.</summary>
    private void SwitchOver(Node old, Node successor)
    {
        world.Tell($"an operator switches over from {old} to {successor}");
        world.SwitchedOverUnseen = true;
        old.Guard.Order = null;
        (successor.Position, successor.Branch, successor.PromotedAt) = (old.Position, old.Branch, world.Now);
        world.Kill(old, "shut down");
        foreach (var node in world.Nodes)
        {
            if (node != successor && (node.IsStandby || node == old))
                (node.IsStandby, node.Upstream, node.ConnectAt) = (true, successor, world.Now + 1);
        }
        world.At(world.Now + 0.5, () => world.Start(old));
    }

    /// <summary>With three nodes: one standby follows the other one, until an operator points it at the primary again.</summary>
    private void Cascades(double until)
    {
        var standbys = Array.FindAll(world.Nodes, node => node is { IsRunning: true, IsStandby: true });
        if (standbys is not [var upstream, var below] || world.Receiver(below) is not { } stream)
            return;
        world.Tell($"{below} follows {upstream} until {until:0.0}");
        stream.AtStandby = false;
        (below.Upstream, below.ConnectAt) = (upstream, world.Now);
        world.At(until, PointsBack);

        // While there is no primary, nobody knows where to.
        void PointsBack()
        {
            if (below is not { IsStandby: true } || below.Upstream != upstream || !upstream.IsStandby)
                return;
            if (Array.Find(world.Nodes, node => node.IsPrimary && node != below) is not { } primary)
            {
                world.At(world.Now + 1, PointsBack);
                return;
            }
            below.Upstream = primary;
            if (world.Receiver(below) is { } other && other.Primary == upstream)
                other.AtStandby = false;
        }
    }

    /// <summary>The primary fails, and its address is moved to the node that has replaced it.</summary>
    private void AddressFollowsThePrimary(double until)
    {
        if (Array.Find(world.Nodes, node => node.IsPrimary) is not { } old)
            return;
        Crashes(old);
        var ends = Math.Min(HealedAt, Math.Max(until, world.Now + 30));
        for (var after = 2; after < 20; after += 2)
            world.At(world.Now + after, Follows);
        world.At(ends, () => world.LeadsTo[old.Index] = old);

        void Follows()
        {
            if (world.Now >= ends || world.LeadsTo[old.Index] != old || Array.Find(world.Nodes, node => node.IsPrimary && node != old) is not { } successor)
                return;
            world.Tell($"the address of {old} leads to {successor}, its successor, until {ends:0.0}");
            world.LeadsTo[old.Index] = successor;
        }
    }

    /// <summary>A node's name leads the watchdog to another node: a floating address, or DNS.</summary>
    private void AddressMoves(Node node, double until)
    {
        var other = Anybody();
        if (other == node)
            return;
        world.Tell($"the address of {node} leads to {other} until {until:0.0}");
        world.LeadsTo[node.Index] = other;
        world.At(until, () => world.LeadsTo[node.Index] = node);
        if (world.Chance(0.5) && Array.Find(world.Nodes, one => one.IsPrimary) is { } primary)
            world.At(world.Now + world.Between(0.5, 6), () => Crashes(primary));
    }
}
