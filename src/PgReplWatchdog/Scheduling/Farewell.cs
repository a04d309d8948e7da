namespace PgReplWatchdog.Scheduling;

/// <summary>Disarms the guards when the service stops; registered before the scheduler, so that it has its turn when no check runs any more.</summary>
public sealed class Farewell(WatchedClusters clusters) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(clusters.All.Select(watchdog => watchdog.DisarmAsync(cancellationToken)));
}
