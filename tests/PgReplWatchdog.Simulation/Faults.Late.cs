namespace PgReplWatchdog.Simulation;

/// <summary>Requests that reach a host after the watchdog has given them up, and a wall clock that is set.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Late() =>
    [
        (2, (_, until) => RequestsAreLate(until)),
        (2, (_, _) => WallClockIsSet()),
    ];

    /// <summary>By a second, as NTP does it, or by a person's mistake; either way.</summary>
    private void WallClockIsSet()
    {
        var most = new[] { 1.0, 10, 60, 7200 }[world.Random.Next(4)];
        world.WallClockStep += TimeSpan.FromSeconds(world.Between(-most, most));
        world.Tell($"the wall clock of the watchdog's host is set: {world.WallClockStep.TotalSeconds:0.0} s from the right time");
    }

    private void RequestsAreLate(double until)
    {
        world.Tell($"some requests to hosts arrive late until {until:0.0}");
        world.LateUntil = until;
    }
}
