using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>One gauge a state: 1 for what holds, 0 for the others, all of them always there, so that a query has no gaps and a new state breaks no numbering.</summary>
internal sealed class StateSet(Gauge gauge, ImmutableArray<string> states)
{
    public ImmutableArray<string> States => states;

    /// <summary>What is not among the states sets none of them.</summary>
    public void Set(string[] labels, params IEnumerable<string> holding)
    {
        var hold = holding.ToHashSet();
        foreach (var state in states)
            gauge.WithLabels([.. labels, state]).Set(hold.Contains(state) ? 1 : 0);
    }

    public void Remove(params string[] labels)
    {
        foreach (var state in states)
            gauge.RemoveLabelled([.. labels, state]);
    }
}

/// <summary>How values get into a gauge.</summary>
internal static class Gauges
{
    /// <summary>What is not known is not there: a series goes away instead of keeping its last value.</summary>
    public static void SetOrRemove(this Gauge gauge, double? value, params string[] labels)
    {
        if (value is { } known)
            gauge.WithLabels(labels).Set(known);
        else
            gauge.RemoveLabelled(labels);
    }

    /// <summary>An info metric: the one series that these labels begin with, in place of whatever was there.</summary>
    public static void SetInfo(this Gauge gauge, int key, params string[] labels)
    {
        foreach (var other in gauge.GetAllLabelValues().Where(other => other.Take(key).SequenceEqual(labels.Take(key)) && !other.SequenceEqual(labels)).ToList())
            gauge.RemoveLabelled(other);
        gauge.WithLabels(labels).Set(1);
    }

    /// <summary>A moment, as Prometheus has it.</summary>
    public static double ToSeconds(this DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;
}
