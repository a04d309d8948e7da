using System.Diagnostics;
using System.Globalization;
using Npgsql;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>A real HAProxy with the example of deploy/haproxy, its addresses replaced by the lab's.</summary>
internal sealed class ProxyProcess : IAsyncDisposable
{
    private readonly Process process;

    private ProxyProcess(Process process, int primaryPort, int replicaPort) => (this.process, PrimaryPort, ReplicaPort) = (process, primaryPort, replicaPort);

    public int PrimaryPort { get; }
    public int ReplicaPort { get; }

    public static async Task<ProxyProcess> StartAsync(LabCluster lab, CancellationToken ct)
    {
        const string Program = "/usr/sbin/haproxy";
        Assert.True(File.Exists(Program), "haproxy is missing: install the Debian package haproxy");
        var (primary, replica) = (Ports.Free(), Ports.Free());
        var text = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "haproxy", "haproxy.cfg"), ct);
        foreach (var (example, ours) in new (string, string)[]
        {
            ("bind :5432", $"bind 127.0.0.1:{primary}"), ("bind :5433", $"bind 127.0.0.1:{replica}"),
            ("10.0.0.11:5432", $"{lab["alpha"].Address}:{lab["alpha"].PostgresPort}"), ("10.0.0.12:5432", $"{lab["beta"].Address}:{lab["beta"].PostgresPort}"),
            ("addr 10.0.0.13 port 9187", string.Create(CultureInfo.InvariantCulture, $"addr 127.0.0.1 port {lab.WatchdogPort}")),
        })
        {
            Assert.Contains(example, text, StringComparison.Ordinal);
            text = text.Replace(example, ours, StringComparison.Ordinal);
        }
        var file = Path.Combine(lab.Directory, "haproxy.cfg");
        await File.WriteAllTextAsync(file, text, ct);
        var info = new ProcessStartInfo(Program, ["-db", "-f", file]) { RedirectStandardError = true, RedirectStandardOutput = true };
        info.Environment["PGWATCHDOG_LAB"] = lab.Id; // ends with the lab, whatever becomes of the test
        var process = Process.Start(info)!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        return new ProxyProcess(process, primary, replica);
    }

    /// <summary>Where a client gets to over it: the server's port, or null where it gets nowhere.</summary>
    public async Task<int?> AskAsync(LabHost any, int port, string sql = "SELECT current_setting('port')::int", CancellationToken ct = default)
    {
        var address = new NpgsqlConnectionStringBuilder(ClientWriter.ConnectionString([any])) { Host = "127.0.0.1", Port = port, Pooling = false };
        address.Remove("Target Session Attributes");
        try
        {
            await using var source = NpgsqlDataSource.Create(address);
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
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
