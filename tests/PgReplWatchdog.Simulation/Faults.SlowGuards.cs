namespace PgReplWatchdog.Simulation;

/// <summary>Guards that come late, and guards without a session.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] SlowGuards() =>
    [
        (2, GuardLags),
        (2, GuardLosesSession),
    ];

    /// <summary>Each tick comes as late as the watchdog counts with: its clock, the guard's clock, the kill and this world's steps take the rest.</summary>
    private void GuardLags(Node node, double until)
    {
        var counted = ((1.25 * Policy.GuardTimeToLive.TotalSeconds) + 0.5) / world.Setting.WatchdogRate;
        var late = counted - (Policy.GuardTimeToLive.TotalSeconds / node.Guard.Rate) - Guard.LongestKill - 0.2;
        if (late <= 0)
            return;
        world.Tell($"the ticks of the guard of {node} are {late:0.0} s apart until {until:0.0}");
        node.Guard.Lags(late, until);
    }

    /// <summary>Sometimes because the postmaster hangs: those who are connected write on. Sometimes the primary is cut off then.</summary>
    private void GuardLosesSession(Node node, double until)
    {
        until = Math.Max(until, world.Now + 2);
        world.Tell($"the guard of {node} has no session until {until:0.0}");
        node.Guard.LosesSession(until);
        if (world.Chance(0.3))
            Hangs(node, Hang.Postmaster, until);
        if (world.Chance(0.5))
            world.At(world.Now + world.Between(0, 3), () => Isolate(node, Math.Min(HealedAt, world.Now + world.Between(8, 25))));
    }
}
