namespace PgReplWatchdog.Lab;

/// <summary>
/// Some hosts as an administrator knows them: a booted Debian 12 each, with systemd, sshd, sudo, and PostgreSQL as Debian's package installs and starts it. Needs root;
/// gone after the test, whatever becomes of it.
/// </summary>
public sealed class WholeHosts : IAsyncDisposable
{
    private readonly LabSlot slot;
    private readonly Reaper reaper;
    private bool disposed;

    private WholeHosts(LabSlot slot, Reaper reaper, IReadOnlyList<string> names)
    {
        this.slot = slot;
        this.reaper = reaper;
        Hosts = [.. names.Select(NewHost)];
    }

    /// <summary>Why hosts cannot be booted here, or null when they can.</summary>
    public static string? Obstacle =>
        !Directory.Exists(Base) ? "there is no root filesystem to boot: make test-hosts builds it"
        : !LabCluster.CanUseNamespaces ? "booting hosts needs root, iproute2 and nftables"
        : !Programs.Exists("systemd-nspawn") ? "booting hosts needs the Debian package systemd-container"
        : !File.ReadLines("/proc/self/mounts").Any(line => line.Split(' ')[2] is "cgroup2" or "cgroup") ? "booting hosts needs control groups"
        : null;

    /// <summary>Unique; the lab's processes outside of the hosts have it in their environment as PGWATCHDOG_LAB.</summary>
    public string Id => slot.Id;

    /// <summary>In memory; configurations written here have the product end with the lab.</summary>
    public string LabDirectory => slot.Directory;

    /// <summary>The private key that opens the accounts made by <see cref="WholeHost.CreateAccountAsync"/> (ed25519, OpenSSH's format).</summary>
    public string ClientKeyFile => Path.Combine(slot.Directory, "client_key");

    /// <summary>The address from which this process reaches the hosts.</summary>
    public string WatchdogAddress => slot.BridgeAddress;

    /// <summary>A port of 127.0.0.1 that is this lab's own, for the watchdog's HTTP server.</summary>
    public int WatchdogPort => slot.WatchdogPort;

    public IReadOnlyList<WholeHost> Hosts { get; }

    public WholeHost this[string name] =>
        Hosts.FirstOrDefault(host => host.Name == name) ?? throw new LabException($"there is no host {name} in this lab");

    /// <summary>What <c>deploy/lab/build-host-base</c> has built.</summary>
    internal static string Base => Environment.GetEnvironmentVariable("PGWATCHDOG_HOST_BASE") ?? "";

    /// <summary>Boots a host for each name; when that fails, nothing of it is left.</summary>
    public static async Task<WholeHosts> StartAsync(IReadOnlyList<string> names, CancellationToken ct = default)
    {
        if (Obstacle is { } obstacle)
            throw new LabException(obstacle);
        var options = new LabOptions { Hosts = names, Running = [], Namespaces = true };
        LabCluster.Check(options);
        var (slot, reaper) = await LabSlot.ClaimAsync(options);
        var lab = new WholeHosts(slot, reaper, names);
        try
        {
            await lab.StartHostsAsync(ct);
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends everything and tidies up; throws when something could not be.</summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        await reaper.FinishAsync();
        foreach (var host in Hosts)
            host.Forget();
    }

    private WholeHost NewHost(string name, int index)
    {
        var address = slot.Address(index);
        return new WholeHost(slot, name, address, new HostNetwork(slot, slot.Namespace(name), slot.Link(index), address), ClientKeyFile);
    }

    private async Task StartHostsAsync(CancellationToken ct)
    {
        await File.WriteAllTextAsync(Path.Combine(slot.Directory, LabConfiguration.LabIdFile), Id, ct);
        await Command.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", $"lab-{Id}", "-f", ClientKeyFile], ct, null, Id);
        await HostNetwork.CreateBridgeAsync(slot, ct);
        // WhenAll waits for all of them even if one fails, so nothing is being started when the lab is tidied up.
        await Task.WhenAll(Hosts.Select(host => host.StartAsync(ct)));
    }
}
