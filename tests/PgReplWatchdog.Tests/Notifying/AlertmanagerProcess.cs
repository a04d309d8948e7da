using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace PgReplWatchdog.Tests.Notifying;

/// <summary>A real Alertmanager on a port of 127.0.0.1, which tells a receiver what it is told.</summary>
internal sealed class AlertmanagerProcess : IAsyncDisposable
{
    private const string Program = "/usr/bin/prometheus-alertmanager";

    private readonly string directory = Directory.CreateTempSubdirectory("pgwatchdog-alertmanager-").FullName;
    private readonly int port = Ports.Free();
    private readonly HttpClient http;
    private Process? process;

    private AlertmanagerProcess(Receiver receiver)
    {
        http = new HttpClient { BaseAddress = new Uri(Url), Timeout = TimeSpan.FromSeconds(5) };
        File.WriteAllText(Path.Combine(directory, "alertmanager.yml"), $"""
            route:
              receiver: test
              group_by: [alertname, cluster]
              group_wait: 0s
              group_interval: 1s
            receivers:
              - name: test
                webhook_configs:
                  - url: {receiver.Url}/from-alertmanager
                    send_resolved: true
            """);
    }

    public string Url => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");

    /// <summary>Has an address, and does not run yet.</summary>
    public static AlertmanagerProcess For(Receiver receiver)
    {
        Assert.True(File.Exists(Program), "prometheus-alertmanager is missing: install the Debian package of that name");
        return new AlertmanagerProcess(receiver);
    }

    /// <summary>As new: alerts are in memory alone.</summary>
    public async Task StartAsync()
    {
        var info = new ProcessStartInfo(Program,
        [
            $"--config.file={directory}/alertmanager.yml", $"--storage.path={directory}/data", $"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error",
        ])
        { RedirectStandardError = true, RedirectStandardOutput = true };
        process = Process.Start(info)!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        await SetUp.SetUpTests.EventuallyAsync(async () => await AskAsync("/-/ready") is not null, "Alertmanager is ready");
    }

    public async Task StopAsync()
    {
        if (process is null)
            return;
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        process = null;
    }

    /// <summary>The alerts that are active now, by name.</summary>
    public async Task<Dictionary<string, JsonNode>> ActiveAsync() =>
        JsonNode.Parse(await AskAsync("/api/v2/alerts?active=true") ?? "[]")!.AsArray().ToDictionary(alert => (string)alert!["labels"]!["alertname"]!, alert => alert!);

    private async Task<string?> AskAsync(string path)
    {
        try
        {
            return await http.GetStringAsync(path);
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        http.Dispose();
        Directory.Delete(directory, recursive: true);
    }
}
