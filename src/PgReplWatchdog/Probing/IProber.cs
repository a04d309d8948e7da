using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Probing;

/// <summary>The watchdog's eyes: real servers here; the seam for a simulated world.</summary>
public interface IProber
{
    /// <summary>The boot of the host on which this process runs: <see cref="ClusterObservation.Boot"/>.</summary>
    string Boot { get; }

    /// <summary>Asks every node once, and on suspicion every other vantage point. Never throws for what a node or a host does or fails to do.</summary>
    Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation);
}
