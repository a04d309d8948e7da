using System.Text.Json.Nodes;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>A dashboard of grafana/dashboards, as Grafana is given it.</summary>
internal sealed record Dashboard(string File, JsonNode Json)
{
    public static IReadOnlyList<Dashboard> All { get; } =
    [
        .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "grafana", "dashboards"), "*.json").Order(StringComparer.Ordinal)
            .Select(file => new Dashboard(Path.GetFileName(file), JsonNode.Parse(System.IO.File.ReadAllText(file))!)),
    ];

    public string Uid => (string)Json["uid"]!;

    /// <summary>Without rows, which only part them.</summary>
    public IEnumerable<JsonNode> Panels => Json["panels"]!.AsArray().Select(panel => panel!).Where(panel => (string)panel["type"]! != "row");

    /// <summary>Everything that is asked of Prometheus, annotations included.</summary>
    public IEnumerable<string> Expressions => Panels.SelectMany(ExpressionsOf)
        .Concat(Json["annotations"]!["list"]!.AsArray().Where(annotation => annotation!["expr"] is not null).Select(annotation => Filled((string)annotation!["expr"]!)));

    public static IEnumerable<string> ExpressionsOf(JsonNode panel) => panel["targets"]!.AsArray().Select(target => Filled((string)target!["expr"]!));

    /// <summary>With Grafana's variables filled in.</summary>
    private static string Filled(string expression) => expression.Replace("$cluster", "main", StringComparison.Ordinal)
        .Replace("$__rate_interval", "1m", StringComparison.Ordinal).Replace("$__interval", "15s", StringComparison.Ordinal).Replace("$__range", "1h", StringComparison.Ordinal);
}
