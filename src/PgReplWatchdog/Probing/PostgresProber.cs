using PgReplWatchdog.Configuration;
using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Probing;

/// <summary>Asks all nodes of a cluster at once, each over a session that is kept open, each within the same time-out.</summary>
public sealed class PostgresProber : IProber, IAsyncDisposable
{
    private readonly NodeSession[] sessions;
    private readonly TimeSpan timeout;
    private readonly TimeProvider clock;
    private readonly long start;

    public PostgresProber(ClusterAccess cluster, TimeProvider clock)
    {
        sessions = [.. cluster.Spec.Nodes.Select(node => new NodeSession(cluster, node))];
        timeout = cluster.Spec.Policy.ProbeTimeout;
        this.clock = clock;
        start = clock.GetTimestamp();
    }

    public async Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
    {
        var nodes = await Task.WhenAll(sessions.Select(session => AskAsync(session, cancellation)));
        return new ClusterObservation(clock.GetElapsedTime(start), clock.GetUtcNow(), [.. nodes]);
    }

    private async Task<NodeObservation> AskAsync(NodeSession session, CancellationToken cancellation)
    {
        try
        {
            return new NodeObservation(session.Node.Name, Reach.Serving, "", await session.AskAsync(timeout, clock, cancellation));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw; // the watchdog stops; that says nothing about a node
        }
        // One of the two broad catches of the house: whatever a node does to its probe is an answer.
        catch (Exception failure)
        {
            var (reach, detail) = ProbeFailure.Classify(failure, session.Node.Host, session.Node.Port, timeout);
            return new NodeObservation(session.Node.Name, reach, detail, null);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var session in sessions)
            await session.DisposeAsync();
    }
}
