using System.Text.RegularExpressions;
using PgReplWatchdog.Metrics;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>What rules and dashboards ask Prometheus for, against what the code has: a query for what is never there answers nothing, and nobody notices.</summary>
internal static partial class Expressions
{
    private static readonly Dictionary<string, MetricDescription> Known = new WatchdogMetrics().All.ToDictionary(metric => metric.Name);

    /// <summary>Metrics that there are none of, labels that they do not have, and states that never hold.</summary>
    public static IEnumerable<string> Mistakes(string expression)
    {
        foreach (Match selector in Selector().Matches(expression))
        {
            var name = selector.Groups["name"].Value;
            var series = HistogramPart().Replace(name, "");
            if (!Known.TryGetValue(name, out var metric) && !(Known.TryGetValue(series, out metric) && metric.Type == "histogram"))
            {
                yield return $"there is no {name} ({expression})";
                continue;
            }
            foreach (Match matcher in Matcher().Matches(selector.Groups["matchers"].Value))
            {
                var (label, value) = (matcher.Groups["label"].Value, matcher.Groups["value"].Value);
                if (label is not ("le" or "job" or "instance") && !metric.Labels.Contains(label))
                    yield return $"{name} has no label {label} ({expression})";
                else if (!metric.States.IsEmpty && label == metric.Labels[^1] && value.Split('|').FirstOrDefault(state => !metric.States.Contains(state)) is { } wrong)
                    yield return $"{name} has no {label} {wrong} ({expression})";
            }
        }
    }

    [GeneratedRegex(@"(?<![\w:])(?<name>pgwatchdog_\w+)(\{(?<matchers>[^}]*)\})?")]
    private static partial Regex Selector();

    [GeneratedRegex("""(?<label>\w+)\s*(=~|!~|!=|=)\s*"(?<value>[^"]*)["]""")]
    private static partial Regex Matcher();

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex HistogramPart();
}
