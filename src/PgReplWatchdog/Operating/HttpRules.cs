using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Page;

namespace PgReplWatchdog.Operating;

/// <summary>
/// What holds for every request: how large, how many, what a browser may do with the answer, TLS. Who asks too much is refused, and neither scrapes nor load balancers'
/// health checks wait for him: those have no part in the limits of readers.
/// </summary>
public static class HttpRules
{
    /// <summary>Policies of the rate limiter.</summary>
    public const string Reading = "reading", Acting = "acting", Streaming = "streaming", Scraping = "scraping";

    /// <summary>The largest body: a token and a name fit several times.</summary>
    public const int BodyBytes = 16 * 1024;

    /// <summary>Requests that one client may make at once, and those that he may make in each second after that.</summary>
    public const int ReadsAtOnce = 400, ReadsPerSecond = 200;

    /// <summary>Of the readers of all clients, those that are at work: the journal is asked by one at a time, and no more processors than that wait for it.</summary>
    public const int ReadsAtWork = 8;

    /// <summary>Open connections of all clients, at each address on which the service listens.</summary>
    public const int Connections = 2000;

    /// <summary>Whoever takes an answer more slowly than this is dropped: he keeps it in memory, and others waiting.</summary>
    public const int BytesPerSecond = 16 * 1024;

    /// <summary>Open event streams of all clients.</summary>
    public const int Streams = 500;

    /// <summary>Scrapes that are written at a time, and those that wait for their turn.</summary>
    public const int ScrapesAtOnce = 2, ScrapesWaiting = 32;

    private static readonly TimeSpan HeadersLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(60);

    /// <summary>Nothing from elsewhere, no script or style but from files of this service, in nobody's frame.</summary>
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private const string HttpsFromNowOn = "max-age=31536000"; // a year

    public static void Configure(WebApplicationBuilder builder, Installation installation)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(installation);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            // As configuration, not as UseUrls, which does not go together with an address of its own for agents.
            var doors = new Dictionary<string, string?> { ["Endpoints:Http:Url"] = installation.Listen.ToString() };
            if (installation.HealthListen is { } health)
                doors["Endpoints:Health:Url"] = health.ToString();
            kestrel.Configure(new ConfigurationBuilder().AddInMemoryCollection(doors).Build())
                .Endpoint("Http", door => Doors.Guard(door.ListenOptions, Doors.ReadersOfAClient))
                .Endpoint("Health", door => Doors.Guard(door.ListenOptions, Doors.ChecksOfAClient));
            if (installation.AgentListen is { } agents)
                kestrel.Listen(agents, listen => listen.UseConnectionHandler<AgentConnection>());
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = BodyBytes;
            kestrel.Limits.RequestHeadersTimeout = HeadersLimit;
            kestrel.Limits.KeepAliveTimeout = KeepAlive;
            kestrel.Limits.MaxConcurrentConnections = Connections;
            kestrel.Limits.MinResponseDataRate = new MinDataRate(BytesPerSecond, Grace);
            if (installation.Certificate is { } certificate)
                kestrel.ConfigureHttpsDefaults(https => (https.ServerCertificate, https.ServerCertificateChain) = (certificate.Own, certificate.Chain));
        });
        if (installation.Certificate is not null)
            builder.WebHost.UseKestrelHttpsConfiguration();
        // On loopback only its own names are asked for, or those of a proxy in front: a page from elsewhere whose name was made to lead here reads nothing.
        string[] own = installation.Listen.IsLoopback ? [installation.Listen.Host, "localhost", "127.0.0.1", "[::1]"] : ["*"];
        builder.Services.AddHostFiltering(hosts => hosts.AllowedHosts = builder.Configuration["AllowedHosts"] is { Length: > 0 } allowed ? allowed.Split(';') : own);
        // The builder's own filter comes before everything, also where health is asked for.
        foreach (var filter in builder.Services.Where(service => service.ServiceType == typeof(IStartupFilter) && service.ImplementationType?.Name == "HostFilteringStartupFilter").ToList())
            builder.Services.Remove(filter);
        builder.Services.AddProblemDetails();
        builder.Services.AddRateLimiter(Limit);
    }

    public static void Use(WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        var listensOnLoopback = app.Services.GetRequiredService<Installation>().Listen.IsLoopback;
        var healthPort = app.Services.GetRequiredService<Installation>().HealthListen?.Port;
        app.Use((context, next) =>
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = ContentSecurityPolicy;
            headers.XContentTypeOptions = "nosniff";
            headers.XFrameOptions = "DENY";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            if (context.Request.IsHttps && !listensOnLoopback)
                headers.StrictTransportSecurity = HttpsFromNowOn;
            headers.CacheControl = "no-store"; // what is true now; files of the page say otherwise
            return next(context);
        });
        // Whoever checks health asks for whatever name or address he knows. Nothing is told there that a page from elsewhere could use.
        app.UseWhen(context => !IsForHealth(context), readers => readers.UseHostFiltering());
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseWhen(context => !IsForHealth(context), PageEndpoints.UseFiles);
        app.UseRouting();
        app.Use((context, next) => IsForHealth(context) && context.GetEndpoint()?.Metadata.GetMetadata<ForHealth>() is null
            ? Results.NotFound().ExecuteAsync(context) : next(context));
        app.UseRateLimiter();
        foreach (var places in new[] { new Workplaces(Reading, ReadsAtWork, ReadsAtOnce), new Workplaces(Scraping, ScrapesAtOnce, ScrapesWaiting) })
        {
            app.Lifetime.ApplicationStopped.Register(places.Dispose);
            app.Use(places.InvokeAsync);
        }

        bool IsForHealth(HttpContext context) => context.Connection.LocalPort == healthPort;
    }

    private static void Limit(RateLimiterOptions limiter)
    {
        limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        limiter.OnRejected = (context, _) =>
        {
            context.HttpContext.Response.Headers.RetryAfter = "1";
            return ValueTask.CompletedTask;
        };
        limiter.AddPolicy(Reading, context => RateLimitPartition.GetTokenBucketLimiter(Client(context), _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = ReadsAtOnce,
            TokensPerPeriod = ReadsPerSecond,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        }));
        limiter.AddPolicy(Acting, _ => RateLimitPartition.GetNoLimiter("")); // wrong tokens are counted (ApiTokens); who has the right one is not to be locked out by others
        limiter.AddConcurrencyLimiter(Streaming, streams => streams.PermitLimit = Streams);
        limiter.AddPolicy(Scraping, _ => RateLimitPartition.GetNoLimiter("")); // its workplaces are its limit
    }

    /// <summary>Marks what is answered at HealthListen.</summary>
    internal sealed class ForHealth;

    private static string Client(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";
}
