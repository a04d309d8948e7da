using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace PgReplWatchdog.Lab;

/// <summary>What is a lab's own on this machine: a number, and by that a directory, ports, a subnet and interface names.</summary>
/// <remarks>
/// The directory is the lock as well: creating it is atomic (the reaper does it), so labs of different processes and users
/// cannot get the same number, and no lock file is left over.
/// </remarks>
internal sealed class LabSlot
{
    public const int MaximumHosts = 19;

    private const int Slots = 250;
    private const int FirstPort = 20000; // up to 29999, below the range for outgoing connections
    private const int Ports = 40; // two for each host, the proxy's and the watchdog's

    private readonly int number;

    private LabSlot(int number, string directory)
    {
        this.number = number;
        Directory = directory;
        Id = string.Create(CultureInfo.InvariantCulture, $"{number}-{Random.Shared.Next(0x1000000):x6}");
    }

    /// <summary>Unique over time, too, while the number is used again.</summary>
    public string Id { get; }

    /// <summary>Short, because the path of a Unix socket must not exceed 107 bytes.</summary>
    public string Directory { get; }

    public string Bridge => $"pgw{number}";

    public string BridgeAddress => $"10.213.{number}.1";

    public string ProxyAddress => $"10.213.{number}.2";

    public string Link(int host) => $"pgw{number}h{host}";

    public string Namespace(string host) => $"pgw{number}-{host}";

    public string Address(int host) => $"10.213.{number}.{11 + host}";

    public int PostgresPort(int host) => FirstPort + (number * Ports) + (2 * host);

    public int SshPort(int host) => PostgresPort(host) + 1;

    public int WatchdogPort => FirstPort + (number * Ports) + Ports - 1;

    public int AgentPort => WatchdogPort - 1;

    /// <summary>Takes a number nobody uses, together with the reaper that will give it back.</summary>
    public static async Task<(LabSlot Slot, Reaper Reaper)> ClaimAsync(LabOptions options)
    {
        var parent = ParentDirectory();
        var start = Random.Shared.Next(Slots);
        for (var i = 0; i < Slots; i++)
        {
            var number = (start + i) % Slots;
            var slot = new LabSlot(number, Path.Combine(parent, $"pgw{number}"));
            // First looking, then taking: what is there already must not become the reaper's.
            if (slot.IsFree(options) && await Reaper.ClaimAsync(slot, options) is { } reaper)
                return (slot, reaper);
        }

        throw new LabException($"no free place for a lab in {parent}: {Slots} labs are running or were kept there");
    }

    // In memory if possible: a lab writes a few dozen megabytes per host and needs none of them afterwards.
    private static string ParentDirectory() => Libc.IsWritable("/dev/shm") ? "/dev/shm" : "/tmp";

    private bool IsFree(LabOptions options) =>
        !System.IO.Directory.Exists(Directory)
        && CanListen(WatchdogPort)
        && CanListen(AgentPort)
        && (options.Namespaces ? IsNetworkFree(options) : ArePortsFree(options.Hosts.Count));

    private bool IsNetworkFree(LabOptions options) =>
        !System.IO.Directory.Exists($"/sys/class/net/{Bridge}")
        && !options.Hosts.Any(host => File.Exists($"/run/netns/{Namespace(host)}"));

    private bool ArePortsFree(int hosts) =>
        Enumerable.Range(0, hosts).All(host => CanListen(PostgresPort(host)) && CanListen(SshPort(host)));

    private static bool CanListen(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
