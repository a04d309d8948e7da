using PgReplWatchdog.Topology;
using Quartz;

namespace PgReplWatchdog.Scheduling;

/// <summary>One job a cluster, in memory.</summary>
public static class Schedule
{
    private const int SparePlaces = 10;

    public static void Add(IServiceCollection services, IEnumerable<ClusterSpec> clusters)
    {
        var watched = clusters.ToList();
        services.AddQuartz(quartz =>
        {
            // A check keeps its place while its action runs: no cluster waits for another one's. By default there are ten places.
            quartz.UseDefaultThreadPool(maxConcurrency: (2 * watched.Count) + SparePlaces);
            foreach (var cluster in watched)
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
