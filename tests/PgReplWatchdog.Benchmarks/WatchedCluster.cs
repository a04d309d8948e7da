using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Benchmarks;

/// <summary>A lab set up and watched.</summary>
internal sealed class WatchedCluster(LabCluster lab, Service service) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public LabCluster Lab => lab;
    public Service Service => service;

    public static async Task<WatchedCluster> StartAsync(bool namespaces, Action<JsonObject> change, CancellationToken ct, string[]? hosts = null)
    {
        var lab = await LabCluster.StartAsync(hosts is null ? new LabOptions { Namespaces = namespaces } : new LabOptions { Namespaces = namespaces, Hosts = hosts }, ct);
        try
        {
            await ClientWriter.PrepareAsync(lab["alpha"], ct);
            var configuration = LabConfiguration.Write(lab, lab.WatchdogPort, change);
            var setup = await Product.RunAsync(configuration, ["setup"], ct);
            if (setup.ExitCode != 0)
                throw new LabException(setup.ToString());
            var service = await Service.StartAsync(configuration, lab.WatchdogPort, ct: ct);
            await service.UntilAsync(status => lab.Hosts.Skip(1).All(standby => status.Ready(standby.Name)), "failover is ready", Patience, ct);
            return new WatchedCluster(lab, service);
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await service.DisposeAsync();
        await lab.DisposeAsync();
    }
}
