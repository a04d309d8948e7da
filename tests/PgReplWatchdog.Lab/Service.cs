using System.Diagnostics;
using System.Text.Json;

namespace PgReplWatchdog.Lab;

/// <summary>The running service, in a process of its own, seen through its status API.</summary>
public sealed class Service : IAsyncDisposable
{
    private const int SigTerm = 15;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly Process process;
    private readonly HttpClient http;
    private readonly List<string> lines = [];

    private bool disposed;

    private Service(Process process, int port, Action<string> onLine)
    {
        this.process = process;
        http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(5) };
        process.OutputDataReceived += (_, line) => Keep(line.Data, onLine);
        process.ErrorDataReceived += (_, line) => Keep(line.Data, onLine);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Http => http;

    public Process Process => process;

    /// <summary>What it has logged.</summary>
    public string Log
    {
        get
        {
            lock (lines)
                return string.Join('\n', lines);
        }
    }

    /// <summary>Starts `pgwatchdog run` and waits until its first check has ended.</summary>
    public static async Task<Service> StartAsync(string configuration, int port, Action<string>? onLine = null, CancellationToken ct = default)
    {
        var service = new Service(Product.Start(configuration, ["run"]), port, onLine ?? (_ => { }));
        try
        {
            await service.UntilAsync(status => status.Checked, "the first check has ended", StartLimit, ct);
            return service;
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until the status of the (only) cluster is as wanted, and returns it.</summary>
    public async Task<ServiceStatus> UntilAsync(Func<ServiceStatus, bool> condition, string what, TimeSpan limit, CancellationToken ct = default)
    {
        var watch = Stopwatch.StartNew();
        ServiceStatus? status = null;
        while (watch.Elapsed < limit)
        {
            if (process.HasExited)
                throw new LabException($"the service ended with {process.ExitCode} while waiting until {what}:\n{Log}");
            status = await StatusAsync(ct);
            if (status is not null && condition(status))
                return status;
            await Task.Delay(PollInterval, ct);
        }
        throw new LabException($"not within {limit.TotalSeconds:0} s: {what}. The last status:\n{status?.Json}\nThe service's log:\n{Log}");
    }

    /// <summary>The status now; null where it does not answer.</summary>
    public async Task<ServiceStatus?> StatusAsync(CancellationToken ct = default)
    {
        try
        {
            return new ServiceStatus(await http.GetStringAsync("/api/v1/status", ct));
        }
        catch (Exception failure) when (failure is HttpRequestException || (failure is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>Ends it as kill -9 does: nothing can be put in order.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>Ends it in order; a second time there is nothing left to end.</summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed)
            return;
        disposed = true;
        if (!process.HasExited)
        {
            Libc.Kill(process.Id, SigTerm);
            using var limit = new CancellationTokenSource(StopLimit);
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                await KillAsync();
                Keep($"(the lab killed it: it did not stop within {StopLimit.TotalSeconds:0} s)", _ => { });
            }
            Keep($"(it ended with {process.ExitCode} at {DateTimeOffset.UtcNow:HH:mm:ss.fff})", _ => { });
        }
        process.Dispose();
        http.Dispose();
    }

    private void Keep(string? line, Action<string> onLine)
    {
        if (line is null)
            return;
        lock (lines)
            lines.Add(line);
        onLine(line);
    }
}

/// <summary>The answer of the status API, for one cluster: the first one, unless another one is named.</summary>
public sealed class ServiceStatus(string json, string? name = null)
{
    private readonly JsonElement cluster = JsonDocument.Parse(json).RootElement.GetProperty("clusters").EnumerateArray()
        .First(cluster => name is null || cluster.GetProperty("name").GetString() == name);

    public string Json => json;

    /// <summary>The same answer, for another cluster.</summary>
    public ServiceStatus Of(string cluster) => new(json, cluster);

    /// <summary>Its checks do not come to their ends.</summary>
    public bool IsStale => cluster.GetProperty("stale").GetBoolean();

    public bool Checked => cluster.GetProperty("lastCheck").ValueKind != JsonValueKind.Null;
    public string Verdict => cluster.GetProperty("verdict").GetString()!;
    public string? IntendedPrimary => cluster.GetProperty("intendedPrimary").GetString();
    public bool FailoverReady => cluster.GetProperty("failoverReady").GetBoolean();
    public double PrimarySilenceSeconds => cluster.GetProperty("primarySilenceSeconds").GetDouble();
    public IEnumerable<string> Gates => cluster.GetProperty("gates").EnumerateArray().Select(gate => gate.GetProperty("gate").GetString()!);
    public IEnumerable<string> Events => cluster.GetProperty("events").EnumerateArray().Select(entry => $"{entry.GetProperty("kind").GetString()}: {entry.GetProperty("sentence").GetString()}");

    /// <summary>A node's entry.</summary>
    public JsonElement Node(string name) => cluster.GetProperty("nodes").EnumerateArray().First(node => node.GetProperty("name").GetString() == name);

    public bool Streams(string node) => Node(node).GetProperty("streaming") is { ValueKind: JsonValueKind.True };

    /// <summary>When the last failover was decided, if it ended without a new primary; null where it has one, or there was none.</summary>
    public DateTimeOffset? FailedFailover => cluster.GetProperty("lastFailover") is { ValueKind: JsonValueKind.Object } failover && !failover.GetProperty("succeeded").GetBoolean()
        ? failover.GetProperty("procedure").GetProperty("decidedAt").GetDateTimeOffset() : null;

    /// <summary>A guard is on record as armed.</summary>
    public bool IsGuarded => cluster.GetProperty("guard") is { ValueKind: not JsonValueKind.Null };

    public bool Ready(string standby) => Verdict == "Serving" && FailoverReady && Streams(standby);

    public override string ToString() => json;
}
