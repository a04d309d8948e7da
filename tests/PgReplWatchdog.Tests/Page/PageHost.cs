using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Page;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Page;

/// <summary>The service in this process, over a world that a test pretends. Its nodes are closed ports of loopback.</summary>
internal sealed class PageHost : IAsyncDisposable
{
    public const string Token = "a-token-of-more-than-twenty-characters";

    private readonly string directory;
    private readonly WebApplication service;

    private PageHost(string directory, WebApplication service, PretendedWorld world, Uri? health)
    {
        (this.directory, this.service, World) = (directory, service, world);
        Http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator })
        {
            BaseAddress = new Uri(service.Urls.First(url => new Uri(url).Port != health?.Port)),
        };
        Health = health;
    }

    /// <summary>Where health checks are answered apart; null where they are not.</summary>
    public Uri? Health { get; }

    public PretendedWorld World { get; }
    public HttpClient Http { get; }
    public Views Views => service.Services.GetRequiredService<Views>();
    public string StateDirectory => Path.Combine(directory, "state");
    public Uri Address => Http.BaseAddress!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static Policy Policy { get; } = Operating.Looks.Policy with { CheckInterval = TimeSpan.FromMilliseconds(100), ProbeTimeout = TimeSpan.FromMilliseconds(100) };

    /// <param name="world">What is seen.</param>
    /// <param name="remember">Puts something into the journal before the service starts.</param>
    /// <param name="token">Null: nothing can be changed over HTTP.</param>
    /// <param name="certificate">With one the service listens with TLS.</param>
    /// <param name="policy">By default ten checks a second.</param>
    /// <param name="health">Health checks have an address of their own.</param>
    /// <param name="more">Tokens beside that one.</param>
    /// <param name="clusters">By default main alone.</param>
    public static async Task<PageHost> StartAsync(
        PretendedWorld? world = null, Action<IJournal>? remember = null, string? token = Token, X509Certificate2? certificate = null, Policy? policy = null, bool health = false,
        NamedToken[]? more = null, params string[] clusters)
    {
        world ??= new PretendedWorld();
        var directory = Directory.CreateTempSubdirectory("pgwatchdog-page-").FullName;
        var state = Directory.CreateDirectory(Path.Combine(directory, "state"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        if (remember is not null)
        {
            using var journal = new SqliteJournal(state);
            remember(journal);
        }
        var file = Path.Combine(directory, "appsettings.json");
        await File.WriteAllTextAsync(file, """{ "Logging": { "LogLevel": { "Default": "None" } } }""", Cancellation);
        var names = clusters.Length > 0 ? clusters : ["main"];
        var installation = new Installation(new Uri(certificate is null ? "http://127.0.0.1:0" : "https://127.0.0.1:0"), state, [.. names.Select(name => Cluster(name, policy ?? Policy))])
        {
            HealthListen = health ? new Uri($"http://127.0.0.1:{Ports.Free()}") : null,
            Tokens = token is null ? [] : [new NamedToken("operator", new Secret(token), ["pause", "resume", "acknowledge"]), .. more ?? []],
            Certificate = certificate is null ? null : new ServerCertificate(certificate, []),
        };
        var service = PgReplWatchdog.Operating.Service.Build(installation, file, _ => (world, world));
        await service.StartAsync(Cancellation);
        var host = new PageHost(directory, service, world, installation.HealthListen);
        await host.ShowsAsync("/clusters/" + names[0], "timeline", "the first check is shown");
        return host;
    }

    private static ClusterAccess Cluster(string name, Policy policy)
    {
        ImmutableArray<NodeSpec> nodes = [new("alpha", "127.0.0.1", 1, "/alpha"), new("beta", "127.0.0.1", 2, "/beta")];
        return new ClusterAccess(new ClusterSpec(name, nodes, policy, new SqlRoles("replication", "pgwatchdog", "postgres")), new Secret("w"), new Secret("r"), "postgres", "/dev/null",
            nodes.ToImmutableDictionary(node => node.Name, node => new HostAccess(node, "/usr/lib/postgresql/15/bin", "/dev/null", 1, [])))
        {
            ServerAccount = "postgres",
            Procedures = new Procedures("", TimeSpan.FromSeconds(1), "", "", TimeSpan.FromSeconds(1)),
            FreezeWindows = FreezeWindows.None,
        };
    }

    public Task<string> GetAsync(string path) => Http.GetStringAsync(path, Cancellation);

    /// <summary>Waits until an address answers with a text in it, and returns the answer.</summary>
    public async Task<string> ShowsAsync(string path, string text, string what)
    {
        var page = "";
        await SetUpTests.EventuallyAsync(async () => (page = await GetAsync(path)).Contains(text, StringComparison.Ordinal), what);
        return page;
    }

    public async Task UntilLooksAsync(int more, string what)
    {
        var before = World.Looks;
        await SetUpTests.EventuallyAsync(() => Task.FromResult(World.Looks >= before + more), what);
    }

    public async ValueTask DisposeAsync()
    {
        World.GoOn();
        await service.StopAsync(CancellationToken.None);
        await service.DisposeAsync();
        Http.Dispose();
        Directory.Delete(directory, recursive: true);
    }
}
