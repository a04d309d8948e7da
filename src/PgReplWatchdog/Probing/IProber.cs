using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Probing;

/// <summary>The watchdog's eyes. Two of them: real servers here, a simulated world in the tests.</summary>
public interface IProber
{
    /// <summary>Asks every node once. Never throws for what a node does or fails to do.</summary>
    Task<ClusterObservation> ObserveAsync(CancellationToken cancellation);
}
