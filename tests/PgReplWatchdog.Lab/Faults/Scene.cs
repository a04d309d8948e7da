namespace PgReplWatchdog.Lab.Faults;

/// <summary>Where a fault happens: a lab, and who is primary in it when the fault begins.</summary>
/// <param name="Lab">The hosts.</param>
/// <param name="Primary">The primary as the fault finds it.</param>
/// <param name="First">The watchdog of the cluster, for faults that stop and start it.</param>
/// <param name="Second">A watchdog that does not run, with a state directory of its own.</param>
public sealed record Scene(LabCluster Lab, LabHost Primary, LabWatchdog? First = null, LabWatchdog? Second = null)
{
    private static readonly TimeSpan PromotionLimit = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    public IReadOnlyList<LabHost> Standbys => [.. Lab.Hosts.Where(host => host != Primary)];

    /// <summary>The watchdog of the cluster.</summary>
    internal LabWatchdog Watchdog => First ?? throw new LabException("this scene has no watchdog that can be stopped");

    /// <summary>The second watchdog.</summary>
    internal LabWatchdog SecondWatchdog => Second ?? throw new LabException("this scene has no second watchdog");

    /// <summary>The scene as it is: the one host that serves as primary.</summary>
    public static async Task<Scene> FindAsync(LabCluster lab, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(lab);
        var primaries = new List<LabHost>();
        foreach (var host in lab.Hosts)
        {
            if (await host.IsPrimaryAsync(ct))
                primaries.Add(host);
        }
        return primaries.Count == 1
            ? new Scene(lab, primaries[0])
            : throw new LabException($"one primary was expected: {(primaries.Count == 0 ? "there is none" : string.Join(", ", primaries))}");
    }

    /// <summary>Who else has become primary; null where nobody has.</summary>
    public async Task<LabHost?> NewPrimaryAsync(CancellationToken ct = default)
    {
        foreach (var host in Standbys)
        {
            if (await host.IsPrimaryAsync(ct))
                return host;
        }
        return null;
    }

    /// <summary>Waits until somebody else is primary.</summary>
    public async Task<LabHost> UntilPromotedAsync(CancellationToken ct = default)
    {
        using var limit = new CancellationTokenSource(PromotionLimit);
        while (!limit.IsCancellationRequested)
        {
            if (await NewPrimaryAsync(ct) is { } host)
                return host;
            await Task.Delay(PollInterval, ct);
        }
        throw new LabException($"within {PromotionLimit.TotalSeconds:0} s nobody was promoted in {Primary}'s place");
    }

    /// <summary>Starts the old primary's PostgreSQL as its supervisor would, unless it runs or somebody else is primary.</summary>
    internal async Task StartPrimaryUnlessReplacedAsync(CancellationToken ct)
    {
        if (!Primary.PostgresRunning && await NewPrimaryAsync(ct) is null)
            await TryStartAsync(Primary, ct);
    }

    /// <summary>The same after the host was gone. Its guard may not run: an operator asks it whether this node may start (docs/runbook.md, "Before PostgreSQL starts").</summary>
    internal async Task BootPrimaryUnlessReplacedAsync(CancellationToken ct)
    {
        if (!Primary.PostgresRunning && await NewPrimaryAsync(ct) is null)
            await TryBootAsync(Primary, ct);
    }

    /// <summary>Starts PostgreSQL as a service manager does at boot: where set-up has left a guard, its boot check is a condition of the start (docs/runbook.md).</summary>
    internal static async Task TryBootAsync(LabHost host, CancellationToken ct)
    {
        try
        {
            await host.RunAsync($"[ ! -e {host.DataDirectory}.pgwatchdog/guard ] || /bin/sh {host.DataDirectory}.pgwatchdog/guard boot-check", ct);
            await TryStartAsync(host, ct);
        }
        catch (LabException) when (!ct.IsCancellationRequested)
        {
            // It may not start: that is what the check is for.
        }
    }

    /// <summary>Starts PostgreSQL; that it may be kept from it, or be stopped at once, is the watchdog's good right.</summary>
    internal static async Task TryStartAsync(LabHost host, CancellationToken ct)
    {
        try
        {
            if (!host.PostgresRunning)
                await host.StartPostgresAsync(ct);
        }
        catch (LabException) when (!ct.IsCancellationRequested)
        {
            // Whether the cluster is whole in the end is judged elsewhere.
        }
    }
}
