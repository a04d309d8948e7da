using PgReplWatchdog.Metrics;
using Quartz;

namespace PgReplWatchdog.Scheduling;

/// <summary>The scheduled check of one cluster; the job's name is the cluster's. Two checks of one cluster never overlap.</summary>
[DisallowConcurrentExecution]
public sealed class CheckJob(WatchedClusters clusters, WatchdogMetrics metrics, TimeProvider clock, ILogger<CheckJob> logger) : IJob
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        var watchdog = clusters[context.JobDetail.Key.Name];
        metrics.PublishDelay(watchdog.Spec, context.FireTimeUtc - (context.ScheduledFireTimeUtc ?? context.FireTimeUtc));
        try
        {
            if (await watchdog.TickAsync(cancellationToken) is { } sooner && sooner < watchdog.Spec.Policy.CheckInterval)
                await ScheduleAsync(context, sooner, cancellationToken);
        }
        catch (Exception failure) when (failure is SchedulerException || (failure is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            // The service stops, and the scheduler takes no more checks.
        }
        // The other broad catch of the house: a check that throws is a bug, and a bug must not end the watching.
        catch (Exception failure)
        {
            metrics.PublishError(watchdog.Spec);
            Log.CheckFailed(logger, failure, watchdog.Spec.Name);
        }
    }

    /// <summary>One check more between two regular ones; always the same trigger, so that they cannot pile up.</summary>
    private async Task ScheduleAsync(IJobExecutionContext context, TimeSpan sooner, CancellationToken cancellation)
    {
        var key = context.JobDetail.Key;
        var trigger = TriggerBuilder.Create().WithIdentity(key.Name, "sooner").ForJob(key).StartAt(clock.GetUtcNow() + sooner).Build();
        await context.Scheduler.ScheduleJob(trigger, ScheduleJobOptions.Replacing, cancellation);
    }
}
