using PgReplWatchdog.Configuration;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Setup;

namespace PgReplWatchdog.Scheduling;

/// <summary>
/// Looks now and then whether set-up would change something, as `setup --plan` does: with means that only read, on tasks and SSH connections of its own, so that no check waits for it.
/// </summary>
public sealed class DriftWatch(Installation installation, WatchedClusters clusters, WatchdogMetrics metrics, ILogger<DriftWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private static readonly SetupOptions NoOptions = new([], "");

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        installation.Clusters.Where(cluster => cluster.DriftCheckInterval > TimeSpan.Zero).Select(cluster => WatchAsync(cluster, stoppingToken)));

    private async Task WatchAsync(ClusterAccess cluster, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(cluster.DriftCheckInterval);
        string? told = null;
        while (await timer.WaitForNextTickAsync(stopping))
        {
            var (steps, said) = await LookAsync(cluster, stopping);
            var what = Printable.Line(said);
            metrics.PublishDrift(cluster.Spec, steps);
            if (what != told && !(told is null && steps == 0))
                Tell(cluster.Spec.Name, steps, what);
            told = what;
        }
    }

    private void Tell(string cluster, int? steps, string what)
    {
        if (steps is null)
            Log.DriftUnknown(logger, cluster, what);
        else if (steps == 0)
            Log.NotDrifted(logger, cluster);
        else
            Log.Drifted(logger, cluster, steps.Value, what);
    }

    /// <summary>How many steps and of what kind; null and why not. A failover moves what set-up looks at: meanwhile nothing can be said.</summary>
    private async Task<(int? Steps, string What)> LookAsync(ClusterAccess cluster, CancellationToken stopping)
    {
        if (clusters.All.First(watchdog => watchdog.Spec.Name == cluster.Spec.Name).Last is not { Decision: { Diagnosis.Verdict: Verdict.Serving, Memory.Procedure: null } })
            return (null, "the primary does not serve, or a failover is under way");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        deadline.CancelAfter(Limit);
        try
        {
            using var hosts = new SetupHosts(cluster);
            var plan = SetupPlanner.Plan(cluster.Spec, await new FactsGatherer(cluster, hosts).GatherAsync(deadline.Token), NoOptions);
            return plan.IsRefused
                ? (null, string.Join("; ", plan.Refusals))
                : (plan.Steps.Length, string.Join(", ", plan.Steps.Select(step => $"{step.Node} {step.GetType().Name}")));
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return (null, $"the hosts have not answered within {Limit.TotalSeconds:0} s");
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return (null, failure.Message); // what a host answered could not be understood: no reason to end a watchdog
        }
    }
}
