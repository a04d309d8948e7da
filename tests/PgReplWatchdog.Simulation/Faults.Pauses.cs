namespace PgReplWatchdog.Simulation;

/// <summary>Whole hosts that are paused: a virtual machine that is suspended, or moved to another host.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Pauses() =>
    [
        (3, (node, _) => HostPauses(node)),
    ];

    /// <summary>Half of the time the watchdog does not reach it when it goes on: its guard alone can stop it.</summary>
    private void HostPauses(Node node)
    {
        if (!node.HostUp || node.Pause is not null || world.Now > HealedAt - 2)
            return;
        var seconds = world.Chance(0.3) ? world.Between(0.5, 60) : Math.Max(0.5, Duration());
        var pause = new Pause(world.Now, Math.Min(world.Now + seconds, HealedAt - 1), IsHidden: world.Chance(0.5));
        world.Tell($"the host of {node} is paused until {pause.Until:0.0}; its clock {(pause.IsHidden ? "hides" : "shows")} it");
        node.Pause = pause;
        CutOff(node, pause.Until);
        world.At(pause.Until, () => world.GoesOn(node, pause));
        if (world.Chance(0.5))
            CutBoth(node.Index, world.Watchdog, Math.Min(HealedAt, pause.Until + world.Between(1, 15)));
    }
}
