using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.FileProviders;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Page;

/// <summary>
/// The page for people: / is all clusters, /clusters/NAME one, below it its events, its failovers and what a person may ask of it. The addresses for load balancers,
/// /clusters/NAME/primary and /clusters/NAME/nodes/NODE/..., are RoleEndpoints'.
/// </summary>
public static class PageEndpoints
{
    private const int EventsAtOnce = 500;
    private const int NameLength = 60;

    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<PageWriter>();
        services.AddSingleton<Views>();
        services.AddHostedService(provider => provider.GetRequiredService<Views>());
    }

    /// <summary>Style, script and the two libraries, out of the assembly.</summary>
    public static void UseFiles(IApplicationBuilder app) => app.UseStaticFiles(new StaticFileOptions
    {
        RequestPath = "/assets",
        FileProvider = new EmbeddedFileProvider(typeof(PageEndpoints).Assembly, typeof(PageEndpoints).Namespace + ".Assets"),
        ContentTypeProvider = new FileExtensionContentTypeProvider(),
        OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache", // kept, and asked for again: another version may have others
    });

    public static void Map(IEndpointRouteBuilder routes)
    {
        var pages = routes.MapGroup("").RequireRateLimiting(HttpRules.Reading).ExcludeFromDescription();
        pages.MapGet("/", ([AsParameters] Asked asked) => asked.ShowAsync<FleetPage>("Clusters", [], stream: "/stream"));
        pages.MapGet("/runbook", ([AsParameters] Asked asked) => asked.ShowAsync<RunbookPage>("Runbook", []));
        pages.MapGet("/clusters/{cluster}", ([AsParameters] Asked asked, string cluster) => asked.InAsync(cluster, view =>
            asked.ShowAsync<ClusterPage>(view.Name, [(nameof(ClusterPage.View), view)], stream: view.Path + "/stream")));
        pages.MapGet("/clusters/{cluster}/events", ([AsParameters] Asked asked, string cluster, long? before) => asked.InAsync(cluster, view => asked.ShowAsync<EventsPage>(
            $"Events of {view.Name}",
            [
                (nameof(EventsPage.View), view), (nameof(EventsPage.Before), before),
                (nameof(EventsPage.Entries), asked.Journal.Recent(cluster, EventsAtOnce, before: before ?? long.MaxValue).ToImmutableArray()),
            ])));
        pages.MapGet("/clusters/{cluster}/failovers/{id}", ([AsParameters] Asked asked, string cluster, string id) => asked.InAsync(cluster, view => FailoverAsync(asked, view, id)));
        pages.MapGet("/clusters/{cluster}/lag", (Views views, string cluster) => views.Of(cluster) is { } view ? Results.Json(view.Lag, Json.Options) : Results.NotFound());

        var streams = routes.MapGroup("").RequireRateLimiting(HttpRules.Streaming).ExcludeFromDescription();
        streams.MapGet("/stream", (HttpContext context, Views views, IHostApplicationLifetime life) => views.Fleet.StreamAsync(context, life.ApplicationStopping));
        streams.MapGet("/clusters/{cluster}/stream", (HttpContext context, Views views, IHostApplicationLifetime life, string cluster) =>
            views.PageOf(cluster) is { } page ? page.StreamAsync(context, life.ApplicationStopping) : Results.NotFound().ExecuteAsync(context));

        var actions = routes.MapGroup("").RequireRateLimiting(HttpRules.Acting).ExcludeFromDescription();
        foreach (var action in OperatorAction.All)
        {
            actions.MapPost($"/clusters/{{cluster}}/{action.Name}", (HttpContext context, [AsParameters] Asked asked, ApiTokens tokens, Installation installation, string cluster) =>
                asked.InAsync(cluster, view => ActAsync(context, asked, view, tokens, installation, action)));
        }
    }

    /// <summary>As a page, or with .md for the incident report or .json for a program at the end of the address.</summary>
    private static async Task<IResult> FailoverAsync(Asked asked, ClusterView view, string id)
    {
        var (name, kind) = (Path.GetFileNameWithoutExtension(id), Path.GetExtension(id));
        if (FailoverReport.Find(asked.Journal, view.Name, name) is not { } report)
            return await asked.MissingAsync($"{view.Name} has no failover {name} on record.");
        return kind switch
        {
            "" => await asked.ShowAsync<FailoverPage>($"Failover of {view.Name}", [(nameof(FailoverPage.View), view), (nameof(FailoverPage.Report), report)]),
            ".md" => Results.Text(IncidentReport.Of(report), "text/markdown; charset=utf-8"),
            ".json" => Results.Json(report, Json.Indented),
            _ => await asked.MissingAsync($"A failover is there as a page, with .md and with .json, not with {kind}."),
        };
    }

    /// <summary>The form brings the token along each time: without a session there is nothing that another site could abuse.</summary>
    private static async Task<IResult> ActAsync(HttpContext context, Asked asked, ClusterView view, ApiTokens tokens, Installation installation, OperatorAction action)
    {
        if (!tokens.IsConfigured)
            return await asked.SayAsync(StatusCodes.Status403Forbidden, "Not allowed", Words.Sentence(action.WhyOff(view.Name)), view);
        // The token is needed all the same. A browser says where a form comes from, and one of another site's is none of this page's.
        if (context.Request.Headers["Sec-Fetch-Site"] is [{ } site] && site is not ("same-origin" or "none"))
            return await asked.SayAsync(StatusCodes.Status403Forbidden, "Not allowed", "This form comes from another site. Nothing was changed.", view);
        if (!context.Request.HasFormContentType)
            return await asked.SayAsync(StatusCodes.Status415UnsupportedMediaType, "Not understood", "This address takes the form of the page.", view);
        IFormCollection form;
        try
        {
            form = await context.Request.ReadFormAsync(context.RequestAborted);
        }
        catch (Exception failure) when (failure is BadHttpRequestException or InvalidDataException or IOException)
        {
            return await asked.SayAsync((failure as BadHttpRequestException)?.StatusCode ?? StatusCodes.Status400BadRequest, "Not understood", "That is not what the form of the page sends.", view);
        }
        var from = context.Connection.RemoteIpAddress;
        var (whose, refused, why) = tokens.Judge(form["token"], action, view.Name, from);
        if (whose is null)
        {
            return await asked.SayAsync(refused == StatusCodes.Status401Unauthorized ? StatusCodes.Status403Forbidden : refused, "Not allowed",
                Words.Sentence($"{why}; nothing was changed"), view);
        }
        var (status, outcome) = action.Over(installation.StateDirectory, $"{whose.Name}{Claim(form["name"])} on the page, from {from}", view.Name);
        return await asked.SayAsync(status, outcome.Done ? "Done" : "Not done", outcome.Sentence + ".", view);
    }

    /// <summary>Who somebody says to be: beside the token's name, which he cannot choose. Shortened.</summary>
    private static string Claim(string? name) => name?.Trim() is { Length: > 0 } given ? $" ({Printable.Line(given[..Math.Min(given.Length, NameLength)])})" : "";

    /// <summary>What a page is written from, and the ways to answer.</summary>
    internal sealed record Asked(Views Views, PageWriter Writer, IJournal Journal)
    {
        public async Task<IResult> InAsync(string cluster, Func<ClusterView, Task<IResult>> answer) =>
            Views.Of(cluster) is { } view ? await answer(view) : await MissingAsync($"There is no cluster {cluster}.");

        public Task<IResult> MissingAsync(string sentence) => SayAsync(StatusCodes.Status404NotFound, "Not found", sentence, null);

        public Task<IResult> SayAsync(int status, string title, string sentence, ClusterView? view) =>
            ShowAsync<MessagePage>(title, [(nameof(MessagePage.Title), title), (nameof(MessagePage.Sentence), sentence), (nameof(MessagePage.View), view)], status: status);

        public async Task<IResult> ShowAsync<T>(string title, (string Name, object? Value)[] parameters, string? stream = null, int status = StatusCodes.Status200OK)
            where T : IComponent
        {
            var all = parameters.Append((nameof(Views), Views.All)).ToDictionary(pair => pair.Item1, pair => pair.Item2);
            return Results.Text(await Writer.WholeAsync<T>(title, stream, all), "text/html; charset=utf-8", statusCode: status);
        }
    }
}
