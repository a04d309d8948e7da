using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Benchmarks;

/// <summary>What it takes to be looked at: a scrape and a page of a cluster of three, and how late checks start while many look.</summary>
internal static partial class PageBenchmark
{
    private const int Requests = 1000;
    private const int Streams = 200;

    public static async Task RunAsync(double seconds, CancellationToken ct)
    {
        await using var cluster = await WatchedCluster.StartAsync(false, _ => { }, ct, hosts: ["alpha", "beta", "gamma"]);
        foreach (var path in (string[])["/metrics", "/", "/clusters/main", "/api/v1/status", "/clusters/main/primary"])
            await TimeAsync(cluster.Service, path, ct);

        var quiet = await LatenessAsync(cluster.Service, TimeSpan.FromSeconds(seconds), ct);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var bytes = new long[Streams];
        var readers = Enumerable.Range(0, Streams).Select(index => ReadAsync(cluster.Service.Http, bytes, index, end.Token)).ToList();
        while (bytes.Any(read => read == 0))
            await Task.Delay(50, ct);
        var before = bytes.Sum();
        var watched = await LatenessAsync(cluster.Service, TimeSpan.FromSeconds(seconds), ct);
        var rate = (bytes.Sum() - before) / seconds / 1024;
        await end.CancelAsync();
        await Task.WhenAll(readers);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"schedule lateness, 99th percentile, over {seconds:0} s: {quiet:0.0} ms with nobody looking, {watched:0.0} ms with {Streams} open event streams ({rate:0} KiB/s)"));
    }

    private static async Task TimeAsync(Service service, string path, CancellationToken ct)
    {
        List<double> took = [];
        var bytes = 0;
        for (var request = 0; request < Requests; request++)
        {
            var began = Stopwatch.GetTimestamp();
            bytes = (await service.Http.GetByteArrayAsync(path, ct)).Length;
            took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            await Task.Delay(10, ct); // below the limit of readers
        }
        took.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{path,-24} {bytes / 1024.0,6:0.0} KiB  median {took[Requests / 2]:0.00} ms  99th percentile {took[Requests * 99 / 100]:0.00} ms  max {took[^1]:0.00} ms"));
    }

    /// <summary>From the service's own histogram, interpolated in its bucket.</summary>
    private static async Task<double> LatenessAsync(Service service, TimeSpan time, CancellationToken ct)
    {
        var before = await BucketsAsync(service, ct);
        await Task.Delay(time, ct);
        var after = await BucketsAsync(service, ct);
        var counts = after.Zip(before, (later, earlier) => (later.Bound, Count: later.Count - earlier.Count)).ToList();
        var wanted = 0.99 * counts[^1].Count;
        var index = counts.FindIndex(bucket => bucket.Count >= wanted);
        var (lower, below) = index == 0 ? (0, 0) : (counts[index - 1].Bound, counts[index - 1].Count);
        return 1000 * (double.IsInfinity(counts[index].Bound) ? lower : lower + ((counts[index].Bound - lower) * (wanted - below) / Math.Max(1, counts[index].Count - below)));
    }

    private static async Task<List<(double Bound, double Count)>> BucketsAsync(Service service, CancellationToken ct) =>
    [
        .. Buckets().Matches(await service.Http.GetStringAsync("/metrics", ct)).Select(match => (
            match.Groups[1].Value == "+Inf" ? double.PositiveInfinity : double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture),
            double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture))),
    ];

    private static async Task ReadAsync(HttpClient http, long[] bytes, int index, CancellationToken ct)
    {
        try
        {
            await using var stream = await http.GetStreamAsync("/clusters/main/stream", ct);
            var buffer = new byte[64 * 1024];
            while (await stream.ReadAsync(buffer, ct) is > 0 and var read)
                Interlocked.Add(ref bytes[index], read);
        }
        catch (OperationCanceledException)
        {
            // It has been measured.
        }
    }

    [GeneratedRegex("""^pgwatchdog_schedule_delay_seconds_bucket\{[^}]*le="([^"]+)"\} (\d+)""", RegexOptions.Multiline)]
    private static partial Regex Buckets();
}
