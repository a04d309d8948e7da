using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Benchmarks;

/// <summary>What thinking costs: decisions a minute on one core, for three nodes. No server takes part.</summary>
internal static class DecideBenchmark
{
    public static void Run(double seconds)
    {
        Measure("healthy", seconds, Rehearsal.Healthy, "alpha");
        Measure("in failover", seconds, Rehearsal.Failover, "beta");
    }

    private static void Measure(string what, double seconds, ImmutableArray<ClusterObservation> looks, string primary)
    {
        _ = Burst(looks, primary, TimeSpan.FromSeconds(Math.Min(seconds, 3))); // compiled, and compiled again
        var collections = GC.CollectionCount(0);
        var before = Environment.CpuUsage.TotalTime; // not the clock: others may be at work beside it
        var decisions = Burst(looks, primary, TimeSpan.FromSeconds(seconds));
        var took = Environment.CpuUsage.TotalTime - before;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"decide, three nodes {what}: {decisions * 60 / took.TotalSeconds / 1e6:0.0} million decisions a minute of processor time, {took.TotalMicroseconds / decisions:0.0} us each, {GC.CollectionCount(0) - collections} collections"));
    }

    private static long Burst(ImmutableArray<ClusterObservation> looks, string primary, TimeSpan time)
    {
        var decisions = 0L;
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < time)
        {
            var decided = Rehearsal.Decide(looks).Select(decision => decision.Memory).ToList();
            if (decided[^1] is not { Procedure: null } last || last.IntendedPrimary != primary)
                throw new InvalidOperationException($"{decided[^1].IntendedPrimary} is primary in the end, not {primary}: this is not what was to be measured");
            decisions += decided.Count;
        }
        return decisions;
    }
}
