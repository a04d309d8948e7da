using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace PgReplWatchdog.Lab;

/// <summary>A real HAProxy in front of the hosts, which sends connections where an HTTP check says that the primary is.</summary>
public sealed class LabProxy : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(10);

    private readonly Process process;
    private readonly StringBuilder log = new();

    private LabProxy(Process process, int port)
    {
        this.process = process;
        Port = port;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The port of 127.0.0.1 that clients connect to.</summary>
    public int Port { get; }

    /// <summary>What HAProxy said: among others, which server it found up or down, and why.</summary>
    public string Log
    {
        get
        {
            lock (log)
                return log.ToString();
        }
    }

    /// <summary>Starts it; returns when it listens.</summary>
    /// <param name="lab">Whose hosts it sends connections to.</param>
    /// <param name="path">What is asked for, with GET; 200 means that connections may go there. {server} becomes the host's name.</param>
    /// <param name="check">Where to ask about a host.</param>
    /// <param name="ct">Ends the start.</param>
    public static async Task<LabProxy> StartAsync(LabCluster lab, string path, Func<LabHost, IPEndPoint> check, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(lab);
        ArgumentNullException.ThrowIfNull(path);
        var file = Path.Combine(lab.Directory, "haproxy.cfg");
        await File.WriteAllTextAsync(file, Configuration(lab, path, check), ct);
        var info = new ProcessStartInfo(Programs.Find("haproxy"), ["-db", "-f", file]) { RedirectStandardOutput = true, RedirectStandardError = true };
        info.Environment["PGWATCHDOG_LAB"] = lab.Id; // ends with the lab, also when its process was killed
        var proxy = new LabProxy(Process.Start(info) ?? throw new LabException("haproxy did not start"), lab.ProxyPort);
        try
        {
            await Wait.UntilAsync(() => proxy.process.HasExited || Listens(proxy.Port), "haproxy listens", StartLimit, ct, () => proxy.Log);
            return proxy.process.HasExited ? throw new LabException($"haproxy ended with {proxy.process.ExitCode}:\n{proxy.Log}") : proxy;
        }
        catch
        {
            await proxy.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
        process.Dispose();
    }

    // Sessions end with the server's role: a client must not stay on what is no primary any more.
    private static string Configuration(LabCluster lab, string path, Func<LabHost, IPEndPoint> check)
    {
        var text = new StringBuilder($"""
            defaults
              mode tcp
              timeout connect 1s
              timeout check 1s
              timeout client 1h
              timeout server 1h

            listen postgres
              bind 127.0.0.1:{lab.ProxyPort}
              option httpchk
              http-check send meth GET uri-lf {path.Replace("{server}", "%[srv_name]", StringComparison.Ordinal)}
              http-check expect status 200
              default-server check inter 200ms rise 1 fall 2 on-marked-down shutdown-sessions

            """);
        foreach (var host in lab.Hosts)
        {
            var asked = check(host);
            text.Append(CultureInfo.InvariantCulture, $"  server {host.Name} {host.Address}:{host.PostgresPort} addr {asked.Address} port {asked.Port}\n");
        }
        return text.ToString();
    }

    // Asked of the kernel: a connection to it would be handed to a server.
    private static bool Listens(int port) => File.ReadLines("/proc/net/tcp").Any(line => line.Contains($" 0100007F:{port:X4} 00000000:0000 0A ", StringComparison.Ordinal));

    private void Keep(string? line)
    {
        if (line is null)
            return;
        lock (log)
            log.AppendLine(line);
    }
}
