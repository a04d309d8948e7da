namespace PgReplWatchdog.Simulation;

/// <summary>A second watchdog, started on a node's host: each node that it reaches shows its session. It orders nothing, since it sees the first one.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Owner() =>
    [
        (1, (node, _) => AnotherWatchdogComes(node)),
    ];

    /// <summary>Half of the time a partition follows, in which the primary stays on its side.</summary>
    private void AnotherWatchdogComes(Node host)
    {
        var until = Math.Min(HealedAt, world.Now + world.Between(5, 60));
        world.Tell($"a second watchdog runs on the host of {host} until {until:0.0}");
        (world.OtherAt, world.OtherUntil) = (host, until);
        if (world.Chance(0.5))
            world.At(world.Now + world.Between(1, 5), () => Isolate(host, until));
    }
}
