using PgReplWatchdog.Configuration;
using PgReplWatchdog.Probing;
using Quartz;

namespace PgReplWatchdog.Scheduling;

/// <summary>Listens on an idle session to every node of every cluster, and has a check run at once where one ends.</summary>
public sealed class Alarms(Installation installation, ISchedulerFactory schedulers) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var scheduler = await schedulers.GetScheduler(stoppingToken);
        await Task.WhenAll(
            from cluster in installation.Clusters
            from node in cluster.Spec.Nodes
            let session = new AlarmSession(cluster, node, TimeProvider.System)
            select session.ListenAsync(() => scheduler.TriggerJob(new JobKey(cluster.Spec.Name), stoppingToken).AsTask(), stoppingToken));
    }
}
