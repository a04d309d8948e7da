namespace PgReplWatchdog.Simulation;

/// <summary>Guards that die, and a watchdog that cannot be a witness for them any more.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Guards() =>
    [
        (2, (node, _) => GuardDies(node)),
        (2, (_, _) => GuardDiesUnseen()),
        (1, (_, until) => LockOut(until)),
    ];

    private void GuardDies(Node node)
    {
        world.Tell($"the guard of {node} is killed, and its keeper restarts it");
        node.Guard.Restart(world.Between(0.1, 0.5), world.Now);
    }

    /// <summary>
    /// The watchdog loses sight of a primary that its standbys hear, for longer than it believes in a guard that it does not see. They testify for the guard. Then the
    /// guard dies with its keeper, and later everybody loses sight of the primary. Sometimes a new process of the watchdog has the guard on record alone.
    /// </summary>
    private void GuardDiesUnseen()
    {
        if (Array.Find(world.Nodes, other => other.IsPrimary) is not { } primary)
            return;
        CutBoth(primary.Index, world.Watchdog, HealedAt);
        var believed = (Policy.LateAfter + Policy.CheckInterval + Policy.ProbeTimeout).TotalSeconds * 1.2;
        world.At(world.Now + believed, () =>
        {
            if (!world.Streams.Exists(stream => stream.Primary == primary && stream.Hears(world.Now)))
                return;
            world.Tell($"the guard of {primary} dies with its keeper");
            primary.Guard.Die();
            world.Truth.GuardDied(primary);
            var isRestarted = world.Chance(0.3);
            world.At(world.Now + world.Between(0, 15), () =>
            {
                Isolate(primary, Math.Min(HealedAt, world.Now + world.Between(12, 30)));
                if (isRestarted)
                    crash.After(world.Random.Next(6));
            });
        });
    }

    private void LockOut(double until)
    {
        world.Tell($"the watchdog may not log in until {until:0.0}");
        world.LockedOutUntil = until;
    }

}
