using System.Globalization;
using System.Text;
using PgReplWatchdog.Metrics;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>What a scrape gave: values by series.</summary>
internal sealed class Scraped(string text)
{
    private readonly Dictionary<string, double> values = text.Split('\n')
        .Where(line => line.Length > 0 && line[0] != '#')
        .Select(line => (Name: line[..line.LastIndexOf(' ')], Value: line[(line.LastIndexOf(' ') + 1)..]))
        .ToDictionary(line => line.Name, line => double.Parse(line.Value, CultureInfo.InvariantCulture));

    public static Scraped Of(WatchdogMetrics metrics) => new(Encoding.UTF8.GetString(metrics.Scrape()));

    public string Text => text;

    public IEnumerable<string> Series => values.Keys;

    /// <summary>As it is written there: <c>pgwatchdog_epoch{cluster="main"}</c>; without the prefix, and without the cluster where it is main's.</summary>
    public double this[string series] => values[Whole(series)];

    public bool Has(string series) => values.ContainsKey(Whole(series));

    private static string Whole(string series) => series.Split('{', 2) is [var name, var labels] ? $"pgwatchdog_{name}{{cluster=\"main\",{labels}" : $"pgwatchdog_{series}{{cluster=\"main\"}}";
}
