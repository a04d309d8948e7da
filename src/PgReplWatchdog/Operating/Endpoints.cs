using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;
using Prometheus;

namespace PgReplWatchdog.Operating;

/// <summary>What the service answers over HTTP, from memory: a request never asks a database or a host.</summary>
public static class Endpoints
{
    public const string StatusPath = "/api/v1/status";
    public const string EventsPath = "/api/v1/events";

    /// <summary>No more than this are given at once.</summary>
    public const int EventsLimit = 10_000;
    private const int EventsShown = 10;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMetrics("/metrics", routes.ServiceProvider.GetRequiredService<WatchdogMetrics>().Registry);
        routes.MapGet("/healthz", (WatchedClusters clusters) => Health(clusters));
        routes.MapGet(EventsPath, (IJournal journal, string? cluster, int? limit, long? after) =>
            Results.Json(new EventsDocument([.. journal.Recent(cluster, Math.Clamp(limit ?? EventsShown, 0, EventsLimit), after ?? 0)]), Json.Indented));
        RoleEndpoints.Map(routes);
        routes.MapGet(StatusPath, (WatchedClusters clusters, IJournal journal) => Results.Json(Status(clusters, journal), Json.Indented));
    }

    private static StatusDocument Status(WatchedClusters clusters, IJournal journal) => new(
        WatchdogMetrics.Version,
        [.. clusters.All.Select(watchdog => ClusterStatus.Of(watchdog.Spec, watchdog.Last, journal.Recent(watchdog.Spec.Name, EventsShown)))]);

    /// <summary>Healthy is a watchdog whose checks come to an end, whatever they find.</summary>
    private static IResult Health(WatchedClusters clusters)
    {
        var late = clusters.All
            .Where(watchdog => watchdog.Last is not { } last || TimeProvider.System.GetElapsedTime(last.Timestamp) > watchdog.Spec.Policy.LateAfter)
            .Select(watchdog => $"{watchdog.Spec.Name}: {(watchdog.Last is { } last ? $"the last check ended at {last.Observation.Time:u}" : "no check has ended yet")}")
            .ToList();
        return late.Count == 0 ? Results.Text("ok\n") : Results.Text(string.Concat(late.Select(line => line + "\n")), statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}
