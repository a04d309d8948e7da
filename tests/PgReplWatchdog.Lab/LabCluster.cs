using System.Diagnostics;

namespace PgReplWatchdog.Lab;

/// <summary>Some hosts with PostgreSQL and SSH, started for a test and gone after it, whatever becomes of the test.</summary>
public sealed class LabCluster : IAsyncDisposable
{
    private static readonly Lazy<bool> Namespaces = new(TryNamespaces);

    private readonly LabSlot slot;
    private readonly Reaper reaper;
    private bool disposed;

    private LabCluster(LabSlot slot, Reaper reaper, LabOptions options, LabUser user)
    {
        this.slot = slot;
        this.reaper = reaper;
        WatchdogAddress = options.Namespaces ? slot.BridgeAddress : "127.0.0.1";
        ProxyAddress = options.Namespaces ? slot.ProxyAddress : "127.0.0.1";
        Hosts = [.. options.Hosts.Select((name, index) => new LabHost(slot, name, index, user, options, AddressOf))];
    }

    /// <summary>Whether hosts can have network namespaces here: root, iproute2 and nftables, and a kernel that lets us.</summary>
    public static bool CanUseNamespaces => Namespaces.Value;

    /// <summary>Unique; all processes of the lab have it in their environment as PGWATCHDOG_LAB.</summary>
    public string Id => slot.Id;

    public string Directory => slot.Directory;

    /// <summary>The private key that opens all hosts (ed25519, OpenSSH's format).</summary>
    public string ClientKeyFile => Path.Combine(Directory, "client_key");

    /// <summary>The address from which this process reaches the hosts.</summary>
    public string WatchdogAddress { get; }

    /// <summary>Where a proxy comes from: no cut between the watchdog and a host is its own.</summary>
    public string ProxyAddress { get; }

    /// <summary>A port of 127.0.0.1 that is this lab's own, for the watchdog's HTTP server.</summary>
    public int WatchdogPort => slot.WatchdogPort;

    /// <summary>Another one, where a proxy in front of the hosts asks the watchdog.</summary>
    public int AgentPort => slot.AgentPort;

    public IReadOnlyList<LabHost> Hosts { get; }

    public LabHost this[string name] =>
        Hosts.FirstOrDefault(host => host.Name == name) ?? throw new LabException($"there is no host {name} in this lab");

    /// <summary>Starts a lab; when that fails, nothing of it is left.</summary>
    public static async Task<LabCluster> StartAsync(LabOptions options, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(options);
        var user = await LabUser.FindAsync(ct);
        var (slot, reaper) = await LabSlot.ClaimAsync(options);
        var lab = new LabCluster(slot, reaper, options, user);
        try
        {
            await lab.StartHostsAsync(options, ct);
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

    internal static void Check(LabOptions options)
    {
        Programs.Require(options.Namespaces, options.Major);
        if (options.Namespaces && !CanUseNamespaces)
            throw new LabException("network namespaces cannot be used here: they need root and a kernel that permits them");
        if (options.DiskMegabytes > 0 && !Environment.IsPrivilegedProcess)
            throw new LabException("small disks are mounted, which needs root");
        if (options.Hosts.Count is 0 or > LabSlot.MaximumHosts || options.Hosts.Distinct().Count() != options.Hosts.Count)
            throw new LabException($"a lab has 1 to {LabSlot.MaximumHosts} hosts with different names");
        // The names become file, interface and socket names, and are used in shell commands unquoted.
        if (options.Hosts.FirstOrDefault(name => !IsName(name)) is { } bad)
            throw new LabException($"'{bad}' cannot be a host's name: lower-case letters, digits and dashes, 20 at most");
        if (options.Running.FirstOrDefault(name => !options.Hosts.Contains(name)) is { } unknown)
            throw new LabException($"PostgreSQL is to run on {unknown}, which is not among the hosts");
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= 20 && char.IsAsciiLetterLower(name[0])
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    // In a namespace without a name, which ends with the process: nothing to tidy up.
    private static bool TryNamespaces()
    {
        if (!Environment.IsPrivilegedProcess || !((string[])["ip", "nft", "unshare"]).All(Programs.Exists))
            return false;
        const string Script = "ip link add pgwa type bridge && ip link add pgwb type veth peer name pgwc && nft add table inet pgw";
        var info = new ProcessStartInfo(Programs.Find("unshare"), ["--net", "--mount", "/bin/bash", "-c", Script])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["PATH"] = Programs.HostPath;
        using var process = Process.Start(info);
        return process is not null && process.WaitForExit(TimeSpan.FromSeconds(10)) && process.ExitCode == 0;
    }

    private async Task StartHostsAsync(LabOptions options, CancellationToken ct)
    {
        await Command.RunAsync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", $"lab-{Id}", "-f", ClientKeyFile], ct, null, Id);
        var publicKey = await File.ReadAllTextAsync(ClientKeyFile + ".pub", ct);
        if (options.Namespaces)
            await HostNetwork.CreateBridgeAsync(slot, ct);
        // WhenAll waits for all of them even if one fails, so nothing is being started when the lab is tidied up.
        await Task.WhenAll(Hosts.Select(host => host.StartAsync(options, publicKey, ct)));
    }

    private string? AddressOf(CutFrom from) => from switch
    {
        { IsEverybody: true } => null,
        { HostName: { } name } => this[name].Address,
        _ => WatchdogAddress,
    };
}
