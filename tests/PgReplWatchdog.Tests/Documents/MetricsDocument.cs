using System.Globalization;
using System.Text;
using PgReplWatchdog.Metrics;

namespace PgReplWatchdog.Tests.Documents;

/// <summary>docs/metrics.md is written from the metrics that the code makes.</summary>
public sealed class MetricsDocument
{
    private const string Rewrite = "PGWATCHDOG_REWRITE_DOCS";

    [Fact]
    public async Task The_metrics_document_is_what_the_code_says()
    {
        var file = Path.Combine(Repository.Root, "docs", "metrics.md");
        var wanted = Render();
        if (Environment.GetEnvironmentVariable(Rewrite) == "1")
            await File.WriteAllTextAsync(file, wanted, TestContext.Current.CancellationToken);
        Assert.True(File.Exists(file) && await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken) == wanted,
            $"docs/metrics.md is not current: run the tests with {Rewrite}=1 and review the change");
    }

    private static string Render()
    {
        var text = new StringBuilder("""
            # Metrics

            Written from the code (`src/PgReplWatchdog/Metrics/`); a test keeps it current. Alert rules that use them are in `deploy/prometheus/`, dashboards in `grafana/`.

            `GET /metrics`, in Prometheus's text format, from memory: a scrape asks no database and no host, and shows the last check as a whole. `cluster` and `node` are the configured names. What is not known is not there: the series
            of a node that does not answer goes away instead of keeping its last value. A moment that never was is 0. Counters are there at 0 before anything happens.

            A *state set* is one gauge a state, its last label: 1 for what holds, 0 for the others, all of them always there. The states are the words of the log, the status and the [runbook](runbook.md), or PostgreSQL's own where they are
            lower-case. Besides these there are the usual `process_` and `dotnet_` metrics.

            | metric | type | labels | unit | meaning |
            | --- | --- | --- | --- | --- |

            """);
        foreach (var metric in new WatchdogMetrics().All)
            text.Append(CultureInfo.InvariantCulture, $"| `{metric.Name}` | {metric.Type} | {string.Join(", ", metric.Labels)} | {metric.Unit} | {metric.Meaning}{States(metric)} |\n");
        return text.ToString();
    }

    private static string States(MetricDescription metric) => metric.States.IsEmpty ? "" : $" *{metric.Labels[^1]}:* {string.Join(", ", metric.States)}.";
}
