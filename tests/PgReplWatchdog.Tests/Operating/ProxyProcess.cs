using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using Npgsql;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>
/// A real HAProxy with the example of deploy/haproxy, its addresses replaced by the lab's; it stands where no cut of the watchdog's network is its own.
/// All the time it is asked which servers it has up.
/// </summary>
internal sealed class ProxyProcess : IAsyncDisposable
{
    private const string Program = "/usr/sbin/haproxy";
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource stop = new();
    private readonly LabCluster lab;
    private readonly string file;
    private readonly string socket;
    private readonly List<string> twoUp = [];
    private readonly Task watching;
    private Process process;

    private ProxyProcess(LabCluster lab, string file, string socket, int primaryPort, int replicaPort)
    {
        (this.lab, this.file, this.socket, PrimaryPort, ReplicaPort) = (lab, file, socket, primaryPort, replicaPort);
        process = Start();
        watching = WatchAsync();
    }

    public int PrimaryPort { get; }
    public int ReplicaPort { get; }

    /// <summary>Each time at which it had more than one server of the primary up.</summary>
    public IReadOnlyList<string> TwoUp
    {
        get
        {
            lock (twoUp)
                return [.. twoUp];
        }
    }

    public static async Task<ProxyProcess> StartAsync(LabCluster lab, CancellationToken ct)
    {
        Assert.True(File.Exists(Program), "haproxy is missing: install the Debian package haproxy");
        var (primary, replica) = (Ports.Free(), Ports.Free());
        var socket = Path.Combine(lab.Directory, "haproxy.sock");
        var text = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "haproxy", "haproxy.cfg"), ct);
        foreach (var (example, ours) in new (string, string)[]
        {
            ("bind :5432", $"bind 127.0.0.1:{primary}"), ("bind :5433", $"bind 127.0.0.1:{replica}"),
            ("10.0.0.11:5432", $"{lab["alpha"].Address}:{lab["alpha"].PostgresPort}"), ("10.0.0.12:5432", $"{lab["beta"].Address}:{lab["beta"].PostgresPort}"),
            ("agent-addr 10.0.0.13 agent-port 9188", string.Create(CultureInfo.InvariantCulture, $"agent-addr {lab.WatchdogAddress} agent-port {lab.AgentPort}")),
            ("maxconn 1000", $"maxconn 1000\n    stats socket {socket}"), ("    mode tcp", $"    mode tcp\n    source {lab.ProxyAddress}"),
        })
        {
            Assert.Contains(example, text, StringComparison.Ordinal);
            text = text.Replace(example, ours, StringComparison.Ordinal);
        }
        var file = Path.Combine(lab.Directory, "haproxy.cfg");
        await File.WriteAllTextAsync(file, text, ct);
        return new ProxyProcess(lab, file, socket, primary, replica);
    }

    /// <summary>As `systemctl restart haproxy` does: all sessions end, and nothing is remembered.</summary>
    public async Task RestartAsync()
    {
        await EndAsync();
        process = Start();
    }

    /// <summary>The names of the servers of a backend that are up now, with blanks between them; null where it does not say.</summary>
    public async Task<string?> UpAsync(string backend, CancellationToken ct)
    {
        try
        {
            using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await client.ConnectAsync(new UnixDomainSocketEndPoint(socket), ct);
            await using var stream = new NetworkStream(client);
            await stream.WriteAsync("show stat\n"u8.ToArray(), ct);
            using var reader = new StreamReader(stream);
            var rows = (await reader.ReadToEndAsync(ct)).Split('\n').Select(row => row.Split(','));
            return string.Join(' ', rows.Where(row => row.Length > 17 && row[0] == backend && row[1] is not ("FRONTEND" or "BACKEND") && IsUp(row[17])).Select(row => row[1]));
        }
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            return null;
        }
    }

    // A server that only an agent speaks for is shown as "no check" while it is up.
    private static bool IsUp(string status) => status == "no check" || status.StartsWith("UP", StringComparison.Ordinal);

    /// <summary>The backend of the primary has this server, and it alone, up.</summary>
    public Task LeadsToAsync(string node, CancellationToken ct) =>
        SetUpTests.EventuallyAsync(async () => await UpAsync("primary", ct) == node, $"HAProxy has {node} up");

    /// <summary>Where a client gets to over it: the server's port, or null where it gets nowhere.</summary>
    public static async Task<int?> AskAsync(int port, string sql = "SELECT current_setting('port')::int", CancellationToken ct = default)
    {
        try
        {
            await using var source = NpgsqlDataSource.Create(ClientWriter.ConnectionString("127.0.0.1", port));
            await using var command = source.CreateCommand(sql);
            return (int?)await command.ExecuteScalarAsync(ct);
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await watching;
        await EndAsync();
        stop.Dispose();
    }

    private Process Start()
    {
        var info = new ProcessStartInfo(Program, ["-db", "-f", file]) { RedirectStandardError = true, RedirectStandardOutput = true };
        info.Environment["PGWATCHDOG_LAB"] = lab.Id; // ends with the lab, whatever becomes of the test
        var started = Process.Start(info)!;
        started.BeginErrorReadLine();
        started.BeginOutputReadLine();
        return started;
    }

    private async Task EndAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private async Task WatchAsync()
    {
        try
        {
            while (true)
            {
                if (await UpAsync("primary", stop.Token) is { } up && up.Contains(' ', StringComparison.Ordinal))
                {
                    lock (twoUp)
                        twoUp.Add($"{DateTimeOffset.UtcNow:O} {up}");
                }
                await Task.Delay(PollInterval, stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }
}
