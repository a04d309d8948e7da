using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Probing;

/// <summary>The watchdog's eyes: real servers here; the seam for a simulated world.</summary>
public interface IProber
{
    /// <summary>Asks every node once. Never throws for what a node does or fails to do.</summary>
    Task<ClusterObservation> ObserveAsync(CancellationToken cancellation);
}
