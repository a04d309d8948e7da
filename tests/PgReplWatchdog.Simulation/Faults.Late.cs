namespace PgReplWatchdog.Simulation;

/// <summary>Requests that reach a host after the watchdog has given them up.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Late() =>
    [
        (2, (_, until) => RequestsAreLate(until)),
    ];

    private void RequestsAreLate(double until)
    {
        world.Tell($"some requests to hosts arrive late until {until:0.0}");
        world.LateUntil = until;
    }
}
