using PgReplWatchdog.Topology;
using Quartz;

namespace PgReplWatchdog.Scheduling;

/// <summary>One job a cluster, in memory.</summary>
public static class Schedule
{
    public static void Add(IServiceCollection services, IEnumerable<ClusterSpec> clusters)
    {
        services.AddQuartz(quartz =>
        {
            foreach (var cluster in clusters)
            {
                var key = new JobKey(cluster.Name);
                quartz.AddJob<CheckJob>(job => job.WithIdentity(key).StoreDurably());
                quartz.AddTrigger(trigger => trigger.ForJob(key).WithIdentity(cluster.Name).StartNow().WithSimpleSchedule(simple => simple
                    .WithInterval(cluster.Policy.CheckInterval).RepeatForever()
                    .WithMisfireInstruction(SimpleTriggerMisfireInstruction.NextWithExistingCount))
                    .WithMisfireThreshold(cluster.Policy.CheckInterval)); // missed checks are gone: only what is true now matters
            }
        });
        services.AddQuartzHostedService(host => host.WaitForJobsToComplete = true);
    }
}
