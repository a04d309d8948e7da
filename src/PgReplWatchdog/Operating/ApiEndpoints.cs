using Microsoft.Data.Sqlite;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;

namespace PgReplWatchdog.Operating;

/// <summary>Version 1 of the API for scripts: JSON, enums as words, null for what is not known, errors as problem details (RFC 9457).</summary>
public static class ApiEndpoints
{
    public const string Path = "/api/v1";
    private const int EventsShown = 10;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi(Path + "/openapi.json").RequireRateLimiting(HttpRules.Reading);
        var read = routes.MapGroup(Path).RequireRateLimiting(HttpRules.Reading);
        read.AddEndpointFilter(async (context, next) =>
        {
            try
            {
                return await next(context);
            }
            catch (SqliteException failure)
            {
                return Refused(StatusCodes.Status503ServiceUnavailable, $"the journal cannot be read: {failure.Message}");
            }
        });
        read.MapGet("/status", (WatchedClusters clusters, IJournal journal) =>
                Json(new StatusDocument(WatchdogMetrics.Version, [.. clusters.All.Select(watchdog => Status(watchdog, journal))])))
            .Produces<StatusDocument>().WithName("status").WithSummary("All clusters as the last check found them");
        read.MapGet("/clusters/{cluster}", (WatchedClusters clusters, IJournal journal, string cluster) => In(clusters, cluster, watchdog => Json(Status(watchdog, journal))))
            .Produces<ClusterStatus>().ProducesProblem(StatusCodes.Status404NotFound).WithName("cluster").WithSummary("One cluster as the last check found it");
        read.MapGet("/clusters/{cluster}/readiness", (WatchedClusters clusters, string cluster) =>
                In(clusters, cluster, watchdog => Json(Readiness.Of(ClusterStatus.Of(watchdog)))))
            .Produces<Readiness>().ProducesProblem(StatusCodes.Status404NotFound).WithName("readiness").WithSummary("Were the primary to fail now: would a failover work, and what would it lose");
        read.MapGet("/events", (WatchedClusters clusters, IJournal journal, string? cluster, int? limit, long? after, long? before) =>
                In(clusters, cluster, () => Json(new EventsDocument([.. journal.Recent(cluster, Math.Clamp(limit ?? EventsShown, 0, Endpoints.EventsAtOnce), after ?? 0, before ?? long.MaxValue)]))))
            .Produces<EventsDocument>().ProducesProblem(StatusCodes.Status404NotFound).WithName("events")
            .WithSummary("What happened, newest first: at most limit (10, no more than 1000), only those newer than the event with the id after and older than the one with the id before");
        read.MapGet("/failovers", (WatchedClusters clusters, IJournal journal, string? cluster) => In(clusters, cluster, () => Json(Failovers(clusters, journal, cluster))))
            .Produces<FailoversDocument>().ProducesProblem(StatusCodes.Status404NotFound).WithName("failovers").WithSummary("All failovers on record, newest first, without the events around them");
        read.MapGet("/clusters/{cluster}/failovers/{id}", (WatchedClusters clusters, IJournal journal, string cluster, string id) => In(clusters, cluster, _ =>
                FailoverReport.Find(journal, cluster, id) is { } report ? Json(report) : Missing($"{cluster} has no failover {id} on record; {Path}/failovers?cluster={cluster} lists them")))
            .Produces<FailoverReport>().ProducesProblem(StatusCodes.Status404NotFound).WithName("failover").WithSummary("One failover: phases, evidence, losses, and the events around it");

        foreach (var action in OperatorAction.All)
        {
            routes.MapPost($"{Path}/clusters/{{cluster}}/{action.Name}", (HttpContext context, WatchedClusters clusters, ApiTokens tokens, Installation installation, string cluster) =>
                    In(clusters, cluster, _ => Act(context, tokens, installation, action, cluster)))
                .RequireRateLimiting(HttpRules.Acting).WithName(action.Name).WithSummary($"{action.Summary} Takes the header Authorization: Bearer TOKEN")
                .Produces<OperatorOutcome>().ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status403Forbidden).ProducesProblem(StatusCodes.Status404NotFound)
                .ProducesProblem(StatusCodes.Status409Conflict)
                .ProducesProblem(StatusCodes.Status429TooManyRequests).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        }
    }

    private static ClusterStatus Status(Watchdog watchdog, IJournal journal) => ClusterStatus.Of(watchdog, () => journal.Recent(watchdog.Spec.Name, EventsShown));

    private static FailoversDocument Failovers(WatchedClusters clusters, IJournal journal, string? cluster) => new(
    [
        .. from watchdog in clusters.All
           where cluster is null || watchdog.Spec.Name == cluster
           from failover in journal.Failovers(watchdog.Spec.Name)
           orderby failover.Procedure.DecidedAt descending
           select FailoverReport.Of(watchdog.Spec.Name, failover),
    ]);

    private static IResult Act(HttpContext context, ApiTokens tokens, Installation installation, OperatorAction action, string cluster)
    {
        var from = context.Connection.RemoteIpAddress;
        var (whose, refused, why) = tokens.Judge(ApiTokens.In(context.Request), action, cluster, from);
        if (whose is null)
        {
            if (refused == StatusCodes.Status401Unauthorized)
                context.Response.Headers.WWWAuthenticate = "Bearer";
            return Refused(refused, refused == StatusCodes.Status401Unauthorized ? $"{why}: give one in the header Authorization: Bearer TOKEN" : why);
        }
        var (status, outcome) = action.Over(installation.StateDirectory, $"{whose.Name}, from {from}", cluster);
        return status == StatusCodes.Status200OK ? Json(outcome) : Refused(status, outcome.Sentence);
    }

    private static IResult In(WatchedClusters clusters, string cluster, Func<Watchdog, IResult> answer) =>
        clusters.Find(cluster) is { } found ? answer(found) : Missing(clusters.WhyNot(cluster));

    private static IResult In(WatchedClusters clusters, string? cluster, Func<IResult> answer) => cluster is null ? answer() : In(clusters, cluster, _ => answer());

    private static IResult Json<T>(T value) => Results.Json(value, PgReplWatchdog.Json.Indented);

    private static IResult Missing(string sentence) => Refused(StatusCodes.Status404NotFound, sentence);

    private static IResult Refused(int status, string sentence) => Results.Problem(sentence, statusCode: status);
}
