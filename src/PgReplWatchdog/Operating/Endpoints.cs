using PgReplWatchdog.Metrics;
using PgReplWatchdog.Page;

namespace PgReplWatchdog.Operating;

/// <summary>What the service answers over HTTP, from memory: a request never asks a database or a host, and takes no lock that a check waits for.</summary>
public static class Endpoints
{
    public const string StatusPath = ApiEndpoints.Path + "/status";
    public const string EventsPath = ApiEndpoints.Path + "/events";

    /// <summary>No more than this are given in one answer: who takes it slowly keeps it in memory.</summary>
    public const int EventsAtOnce = 1_000;

    /// <summary>No more than this are printed by a command.</summary>
    public const int EventsLimit = 10_000;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/metrics", (WatchdogMetrics metrics) => Results.Bytes(metrics.Scrape(), WatchdogMetrics.ContentType))
            .ExcludeFromDescription().RequireRateLimiting(HttpRules.Scraping).WithMetadata(new HttpRules.ForHealth());
        routes.MapGet("/healthz", Health).ExcludeFromDescription().WithMetadata(new HttpRules.ForHealth());
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
