using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests;

/// <summary>A lab, set up by the product's own command and watched by the product's own service.</summary>
public sealed class RunningCluster : IAsyncDisposable
{
    /// <summary>The longest that anything here may take; a deadline, not a measurement.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private RunningCluster(LabCluster lab, string configuration)
    {
        Lab = lab;
        Configuration = configuration;
    }

    public LabCluster Lab { get; }
    public string Configuration { get; }
    public LabHost Alpha => Lab["alpha"];
    public LabHost Beta => Lab["beta"];

    /// <summary>The second standby, where one was asked for.</summary>
    public LabHost Gamma => Lab["gamma"];

    public Service Service { get; private set; } = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Alpha the primary, beta (and gamma) its standby, failover ready. A short threshold, as tests have no patience.</summary>
    public static async Task<RunningCluster> StartAsync(
        bool namespaces = false, bool service = true, Action<JsonObject>? change = null, bool gamma = false, int diskMegabytes = 0, string[]? setUp = null,
        string major = LabOptions.DebianMajor)
    {
        if (namespaces)
            RequireNamespaces();
        var lab = await LabCluster.StartAsync(new LabOptions
        {
            Hosts = gamma ? ["alpha", "beta", "gamma"] : ["alpha", "beta"],
            Namespaces = namespaces,
            DiskMegabytes = diskMegabytes,
            Major = major,
        }, Cancellation);
        var running = new RunningCluster(lab, LabConfiguration.Write(lab, lab.WatchdogPort, cluster =>
        {
            cluster["UnreachableThreshold"] = "00:00:03";
            cluster["GuardTimeToLive"] = "00:00:00"; // it would need a longer threshold
            cluster["Fencing"] = "BestEffort";
            change?.Invoke(cluster);
        }));
        try
        {
            await ClientWriter.PrepareAsync(lab["alpha"], Cancellation);
            await running.RequireAsync(setUp ?? ["setup"]);
            if (service)
            {
                await running.StartServiceAsync();
                await running.UntilAsync(status => lab.Hosts.Skip(1).All(standby => status.Ready(standby.Name)), "failover is ready");
            }
            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    /// <summary>At home a missing privilege skips with a word; in CI it is a failure.</summary>
    public static void RequireNamespaces()
    {
        if (LabCluster.CanUseNamespaces)
            return;
        Assert.False(Environment.GetEnvironmentVariable("CI") == "true", "in CI network namespaces must be there: root, iproute2, nftables");
        Assert.Skip("network namespaces need root, iproute2 and nftables");
    }

    public async Task StartServiceAsync() => Service = await Service.StartAsync(Configuration, Lab.WatchdogPort, ct: Cancellation);

    public Task<ServiceStatus> UntilAsync(Func<ServiceStatus, bool> condition, string what) => Service.UntilAsync(condition, what, Patience, Cancellation);

    /// <summary>Watches for a while that something does not happen: each check's status must pass.</summary>
    public Task HoldsForAsync(TimeSpan time, Action<ServiceStatus> assert) =>
        HoldsForAsync(time, async () => assert(await Service.StatusAsync(Cancellation) ?? throw new LabException("the service does not answer")));

    /// <summary>The same for what is asked of others.</summary>
    public static async Task HoldsForAsync(TimeSpan time, Func<Task> assert)
    {
        using var over = new CancellationTokenSource(time);
        while (!over.IsCancellationRequested)
        {
            await assert();
            await Task.WhenAny(Task.Delay(TimeSpan.FromMilliseconds(100), over.Token));
        }
    }

    public Task<ProductResult> RunAsync(params string[] arguments) => Product.RunAsync(Configuration, arguments, Cancellation);

    public async Task<ProductResult> RequireAsync(params string[] arguments)
    {
        var result = await RunAsync(arguments);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result;
    }

    public async Task<bool> IsPrimaryAsync(LabHost host) => await host.PsqlAsync("SELECT NOT pg_is_in_recovery()", Cancellation) == "t";

    public async ValueTask DisposeAsync()
    {
        if (Service is not null)
            await Service.DisposeAsync();
        await Lab.DisposeAsync();
    }
}
