using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using PgReplWatchdog.Metrics;

namespace PgReplWatchdog.Simulation;

/// <summary>Many seeds on all cores, and the numbers at the end.</summary>
internal static class Fleet
{
    private const int MostShown = 5;

    /// <summary>True if nothing was violated.</summary>
    /// <param name="first">The first seed.</param>
    /// <param name="seeds">How many.</param>
    /// <param name="until">Ends at the first violation of this kind; null: plays all.</param>
    public static bool Play(int first, int seeds, Func<Violation, bool>? until)
    {
        var watch = Stopwatch.StartNew();
        var violated = new ConcurrentBag<(int Seed, Violation Violation)>();
        var (runs, failovers, falsePromotions, allowedPromotions, seconds) = (0, 0, 0, 0, 0.0);
        var gate = new Lock();
        var next = first - 1;
        Parallel.For(0, Environment.ProcessorCount, _ =>
        {
            var metrics = new WatchdogMetrics();
            while (!(until is not null && violated.Any(found => until(found.Violation))) && Interlocked.Increment(ref next) is var seed && seed < first + seeds)
            {
                var outcome = Run.Of(seed, tracing: false, metrics);
                foreach (var violation in outcome.Violations)
                    violated.Add((seed, violation));
                lock (gate)
                {
                    runs++;
                    failovers += outcome.Failovers;
                    falsePromotions += outcome.FalsePromotions;
                    allowedPromotions += outcome.AllowedPromotions;
                    seconds += outcome.Seconds;
                }
            }
        });
        foreach (var (seed, violation) in violated.OrderBy(found => found.Seed).Take(MostShown))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{violation.Invariant} at {violation.When:0.0} s: {violation.What}\n  replay: make simulate SEED={seed}"));
        Console.WriteLine(FormattableString.Invariant(
            $"{runs} runs, {seconds / 3600:0} simulated hours, {failovers} failovers, {falsePromotions} false promotions ")
            + FormattableString.Invariant($"({allowedPromotions} beside a live primary with BestEffort or by hand), {watch.Elapsed.TotalSeconds:0.0} s"));
        foreach (var kind in violated.GroupBy(found => found.Violation.Invariant).OrderBy(group => group.Key, StringComparer.Ordinal))
            Console.WriteLine($"  {kind.Key}: {kind.Count()} violations, seeds {string.Join(' ', kind.Select(found => found.Seed).Order().Take(10))}");
        Console.WriteLine(violated.IsEmpty ? "no violations" : $"{violated.Count} violations");
        return violated.IsEmpty;
    }
}
