using PgReplWatchdog.Metrics;
using PgReplWatchdog.Page;

namespace PgReplWatchdog.Operating;

/// <summary>What the service answers over HTTP, from memory: a request never asks a database or a host, and takes no lock that a check waits for.</summary>
public static class Endpoints
{
    public const string StatusPath = ApiEndpoints.Path + "/status";
    public const string EventsPath = ApiEndpoints.Path + "/events";

    /// <summary>No more than this are given at once.</summary>
    public const int EventsLimit = 10_000;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/metrics", (WatchdogMetrics metrics) => Results.Bytes(metrics.Scrape(), WatchdogMetrics.ContentType)).ExcludeFromDescription().RequireRateLimiting(HttpRules.Scraping);
        routes.MapGet("/healthz", Health).ExcludeFromDescription();
        RoleEndpoints.Map(routes);
        ApiEndpoints.Map(routes);
        PageEndpoints.Map(routes);
    }

    /// <summary>Healthy is a watchdog whose checks come to an end, whatever they find.</summary>
    private static IResult Health(WatchedClusters clusters)
    {
        var late = clusters.All
            .Where(watchdog => !watchdog.ChecksEnd)
            .Select(watchdog => $"{watchdog.Spec.Name}: {(watchdog.Last is { } last ? $"the last check ended at {last.Observation.Time:u}" : "no check has ended yet")}")
            .ToList();
        return late.Count == 0 ? Results.Text("ok\n") : Results.Text(string.Concat(late.Select(line => line + "\n")), statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}
