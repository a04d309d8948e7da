using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>One metric, as docs/metrics.md has it.</summary>
/// <param name="Name">Its whole name.</param>
/// <param name="Type">What it is to Prometheus; of a state set, what it is to people.</param>
/// <param name="Labels">The names of its labels.</param>
/// <param name="Meaning">Its help text.</param>
/// <param name="States">Of a state set: the values of its last label, all of which are always there.</param>
public sealed record MetricDescription(string Name, string Type, ImmutableArray<string> Labels, string Meaning, ImmutableArray<string> States)
{
    /// <summary>The unit, as Prometheus has it in the name.</summary>
    public string Unit => Name.EndsWith("_timestamp_seconds", StringComparison.Ordinal) ? "seconds since 1970"
        : Name.EndsWith("_seconds", StringComparison.Ordinal) ? "seconds"
        : Name.EndsWith("_bytes", StringComparison.Ordinal) ? "bytes"
        : "";
}

/// <summary>Makes the metrics, and knows afterwards what was made.</summary>
internal sealed class MetricList(CollectorRegistry registry)
{
    private const string Prefix = "pgwatchdog_";

    private readonly MetricFactory factory = Prometheus.Metrics.WithCustomRegistry(registry);
    private readonly List<MetricDescription> made = [];

    public ImmutableArray<MetricDescription> Made => [.. made.OrderBy(metric => metric.Name, StringComparer.Ordinal)];

    public Gauge Gauge(string name, string meaning, params string[] labels) => factory.CreateGauge(Add(name, "gauge", labels, meaning), meaning, labels);

    public Counter Counter(string name, string meaning, params string[] labels) => factory.CreateCounter(Add(name, "counter", labels, meaning), meaning, labels);

    public Histogram Histogram(string name, string meaning, double[] buckets, params string[] labels) =>
        factory.CreateHistogram(Add(name, "histogram", labels, meaning), meaning, new HistogramConfiguration { LabelNames = labels, Buckets = buckets });

    /// <summary>The last label is the state.</summary>
    public StateSet StateSet(string name, string meaning, IEnumerable<string> states, params string[] labels)
    {
        ImmutableArray<string> all = [.. states];
        return new StateSet(factory.CreateGauge(Add(name, "state set", labels, meaning, all), meaning, labels), all);
    }

    private string Add(string name, string type, string[] labels, string meaning, ImmutableArray<string> states = default)
    {
        made.Add(new MetricDescription(Prefix + name, type, [.. labels], meaning, states.IsDefault ? [] : states));
        return Prefix + name;
    }
}
