using Spectre.Console;

namespace PgReplWatchdog.Lab;

/// <summary>The demo's cluster left running, for a person to break.</summary>
public static class Playground
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(IAnsiConsole screen, CancellationToken ct)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), ct);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort);
        await ClientWriter.PrepareAsync(lab["alpha"], ct);
        var setup = await Product.RunAsync(configuration, ["setup"], ct);
        if (setup.ExitCode != 0)
            throw new LabException($"set-up failed: {setup}");
        await using var service = await Service.StartAsync(configuration, lab.WatchdogPort, line => screen.MarkupLineInterpolated($"[dim]{line}[/]"), ct);
        await service.UntilAsync(status => status.Ready("beta"), "failover is ready", Patience, ct);
        await using var writer = new ClientWriter(lab.Hosts);
        writer.Start();

        screen.MarkupLineInterpolated($"A cluster is up, watched, and written to. Open [bold]{service.Http.BaseAddress}metrics[/], [bold]{service.Http.BaseAddress}api/v1/status[/] or [bold]{service.Http.BaseAddress}healthz[/].");
        screen.MarkupLineInterpolated($"Ask it:      {Product.Program} status --config {configuration}");
        foreach (var host in lab.Hosts)
            screen.MarkupLineInterpolated($"{host.Name,-10}   psql 'host={host.Address} port={host.PostgresPort} user=app password=app-of-the-lab dbname=postgres'   postmaster {host.PostmasterPid}, log {host.ServerLog}");
        screen.MarkupLineInterpolated($"Break it:    kill -9 {lab["alpha"].PostmasterPid}    End it: Ctrl-C");
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, ct);
        }
        catch (OperationCanceledException)
        {
            screen.WriteLine("ending");
        }
        return 0;
    }
}
