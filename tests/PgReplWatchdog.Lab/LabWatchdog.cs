using System.Text.Json.Nodes;

namespace PgReplWatchdog.Lab;

/// <summary>A watchdog of a lab that is stopped and started: the service, with the configuration that it runs by.</summary>
public sealed class LabWatchdog(string configuration, int port) : IAsyncDisposable
{
    private Service? service;

    /// <summary>Starts the service and waits until its first check has ended.</summary>
    public async Task StartAsync(CancellationToken ct = default) => service = await Service.StartAsync(configuration, port, ct: ct);

    /// <summary>Stops the service cleanly.</summary>
    public async Task StopAsync()
    {
        if (service is { } running)
            await running.DisposeAsync();
        service = null;
    }

    /// <summary>Ends the service as kill -9 does.</summary>
    public async Task KillAsync()
    {
        if (service is { } running)
            await running.KillAsync();
        await StopAsync();
    }

    /// <summary>Copies its state directory, as a backup or a snapshot of its host does, to where <see cref="RestoreAsync"/> finds it. It does not run meanwhile.</summary>
    public Task SaveAsync(CancellationToken ct = default) => CopyAsync(StateOnDisk, Saved, ct);

    /// <summary>Puts the state directory of <see cref="SaveAsync"/> in the place of today's. It does not run meanwhile.</summary>
    public Task RestoreAsync(CancellationToken ct = default) => CopyAsync(Saved, StateOnDisk, ct);

    /// <summary>The status now; null where the service does not run or does not answer.</summary>
    public Task<ServiceStatus?> StatusAsync(CancellationToken ct = default) => service is { } running ? running.StatusAsync(ct) : Task.FromResult<ServiceStatus?>(null);

    /// <summary>Waits until the status is as wanted.</summary>
    public Task<ServiceStatus> UntilAsync(Func<ServiceStatus, bool> condition, string what, TimeSpan limit, CancellationToken ct = default) =>
        service is { } running ? running.UntilAsync(condition, what, limit, ct) : throw new LabException($"the service does not run, so this is not seen: {what}");

    /// <summary>Runs a command of the product with the same configuration; throws when it fails.</summary>
    public async Task CommandAsync(IEnumerable<string> arguments, CancellationToken ct = default)
    {
        if (await Product.RunAsync(configuration, arguments, ct) is { ExitCode: not 0 } failed)
            throw new LabException($"pgwatchdog {string.Join(' ', arguments)} failed: {failed}");
    }

    private string StateOnDisk => (string)JsonNode.Parse(File.ReadAllText(configuration))!["PgReplWatchdog"]!["StateDirectory"]!;

    private string Saved => StateOnDisk + ".saved";

    private async Task CopyAsync(string from, string to, CancellationToken ct)
    {
        if (service is not null)
            throw new LabException("the service runs: its state directory is not copied");
        await Command.RunAsync("rm", ["-rf", to], ct);
        await Command.RunAsync("cp", ["-a", from, to], ct);
    }

    public async ValueTask DisposeAsync() => await StopAsync();
}
