using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>A real Prometheus and a real Alertmanager with the examples of deploy/prometheus, their addresses replaced by the lab's, and somebody who is told.</summary>
internal sealed class Monitoring : IAsyncDisposable
{
    private readonly List<Process> processes = [];
    private readonly ConcurrentQueue<string> told = [];
    private readonly WebApplication receiver;
    private readonly HttpClient http;

    private Monitoring(WebApplication receiver, int port) => (this.receiver, http) = (receiver, new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") });

    /// <summary>What Alertmanager has told: RECEIVER ALERT STATUS.</summary>
    public IEnumerable<string> Told => told;

    /// <param name="lab">What is watched.</param>
    /// <param name="ct">Ends the start.</param>
    /// <param name="patience">For how long a condition has to hold, in place of a minute.</param>
    public static async Task<Monitoring> StartAsync(LabCluster lab, CancellationToken ct, string patience = "1m")
    {
        int[] ports = [FreePort(), FreePort(), FreePort()];
        var (prometheus, alertmanager, receiving) = (ports[0], ports[1], ports[2]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{receiving}");
        var monitoring = new Monitoring(builder.Build(), prometheus);
        monitoring.receiver.MapPost("/{name}", monitoring.HearAsync);
        await monitoring.receiver.StartAsync(ct);

        Copy(lab, "pgwatchdog.rules.yml", (" for: 1m", $" for: {patience}"));
        Copy(lab, "alertmanager.yml", ("127.0.0.1:9000", $"127.0.0.1:{receiving}"));
        Copy(lab, "prometheus.yml", ("127.0.0.1:9093", $"127.0.0.1:{alertmanager}"), ("127.0.0.1:9187", $"127.0.0.1:{lab.WatchdogPort}"),
            ("scrape_interval: 5s", "scrape_interval: 1s"), ("evaluation_interval: 15s", "evaluation_interval: 1s"));
        monitoring.Run(lab, "prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alertmanager", $"--web.listen-address=127.0.0.1:{alertmanager}", "--cluster.listen-address=");
        monitoring.Run(lab, "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus", $"--web.listen-address=127.0.0.1:{prometheus}");
        return monitoring;
    }

    /// <summary>The values that an expression has now, by its labels in their order; nothing while Prometheus does not answer.</summary>
    public async Task<IReadOnlyList<(string Labels, double Value)>> AskAsync(string expression, CancellationToken ct)
    {
        if (await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(expression)}", ct) is not { } answer)
            return [];
        return [.. answer.GetProperty("result").EnumerateArray().Select(series => (
            string.Join(' ', series.GetProperty("metric").EnumerateObject().Where(label => label.Name != "__name__").Select(label => label.Value.GetString())),
            double.Parse(series.GetProperty("value")[1].GetString()!, CultureInfo.InvariantCulture)))];
    }

    /// <summary>How many series an expression had in the last minutes; an error of Prometheus's is one here.</summary>
    public async Task<int> CountAsync(string expression, CancellationToken ct)
    {
        var now = TimeProvider.System.GetUtcNow();
        var path = $"/api/v1/query_range?query={Uri.EscapeDataString(expression)}&start={now.AddMinutes(-2).ToUnixTimeSeconds()}&end={now.ToUnixTimeSeconds()}&step=1";
        var answer = await GetAsync(path, ct);
        Assert.True(answer is not null, $"Prometheus does not answer {expression}");
        return answer.Value.GetProperty("result").GetArrayLength();
    }

    /// <summary>The alerts that fire, but for the one that always does.</summary>
    public async Task<IReadOnlyList<string>> FiringAsync(CancellationToken ct) =>
        [.. (await AskAsync("max by (alertname, gate) (ALERTS{alertstate=\"firing\", severity!=\"none\"})", ct)).Select(alert => alert.Labels)];

    private async Task<JsonElement?> GetAsync(string path, CancellationToken ct)
    {
        try
        {
            using var answer = await http.GetAsync(path, ct);
            return answer.IsSuccessStatusCode ? JsonDocument.Parse(await answer.Content.ReadAsStringAsync(ct)).RootElement.GetProperty("data") : null;
        }
        catch (HttpRequestException)
        {
            return null; // it has not come up yet
        }
    }

    private async Task HearAsync(string name, HttpRequest request)
    {
        using var message = await JsonDocument.ParseAsync(request.Body);
        foreach (var alert in message.RootElement.GetProperty("alerts").EnumerateArray())
            told.Enqueue($"{name} {alert.GetProperty("labels").GetProperty("alertname").GetString()} {alert.GetProperty("status").GetString()}");
    }

    private void Run(LabCluster lab, string program, params string[] arguments)
    {
        var path = Path.Combine("/usr/bin", program);
        Assert.True(File.Exists(path), $"{program} is missing: install the Debian package of that name");
        var info = new ProcessStartInfo(path, arguments) { WorkingDirectory = lab.Directory, RedirectStandardError = true, RedirectStandardOutput = true };
        info.Environment["PGWATCHDOG_LAB"] = lab.Id; // ends with the lab, whatever becomes of the test
        var process = Process.Start(info)!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        processes.Add(process);
    }

    private static void Copy(LabCluster lab, string file, params (string Example, string Ours)[] changes)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "deploy", "prometheus", file));
        foreach (var (example, ours) in changes)
        {
            Assert.Contains(example, text, StringComparison.Ordinal);
            text = text.Replace(example, ours, StringComparison.Ordinal);
        }
        File.WriteAllText(Path.Combine(lab.Directory, file), text);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in processes)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        await receiver.DisposeAsync();
        http.Dispose();
    }
}
