using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Benchmarks;

/// <summary>How long clients go without writes when the primary is killed.</summary>
internal static class FailoverBenchmark
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    private sealed record Run(double KillToWrite, double DecisionToPromoted, double DecisionToWrite, int Acknowledged, int Lost);

    public static async Task RunAsync(int runs, double threshold, CancellationToken ct)
    {
        var measured = new List<Run>();
        for (var run = 1; run <= runs; run++)
        {
            measured.Add(await OnceAsync(threshold, ct));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"failover {run}/{runs}: kill to first acknowledged write {measured[^1].KillToWrite:0.000} s (threshold {threshold:0.###} s), decision to primary {measured[^1].DecisionToPromoted:0.000} s, decision to write {measured[^1].DecisionToWrite:0.000} s, {measured[^1].Acknowledged} rows acknowledged, {measured[^1].Lost} lost"));
        }
        Print("kill to first acknowledged write, s", measured.Select(run => run.KillToWrite));
        Print("decision to primary (seen by SQL), s", measured.Select(run => run.DecisionToPromoted));
        Print("decision to first acknowledged write, s", measured.Select(run => run.DecisionToWrite));
        Print("rows lost", measured.Select(run => (double)run.Lost));
    }

    private static async Task<Run> OnceAsync(double threshold, CancellationToken ct)
    {
        await using var cluster = await WatchedCluster.StartAsync(
            section => section["UnreachableThreshold"] = TimeSpan.FromSeconds(threshold).ToString("c", CultureInfo.InvariantCulture), ct);
        var (alpha, beta) = (cluster.Lab["alpha"], cluster.Lab["beta"]);
        await using var writer = new ClientWriter(cluster.Lab.Hosts);
        writer.Start();
        await Until(() => writer.Acknowledged.Count > 500, ct);
        var killed = Stopwatch.GetTimestamp();
        var killedAt = DateTimeOffset.UtcNow;
        await alpha.KillPostgresAsync(ct);
        await Until(() => writer.Acknowledged[^1].Port == beta.PostgresPort, ct);
        var status = await cluster.Service.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary", Patience, ct);
        await writer.StopAsync();

        var rows = writer.Acknowledged;
        var first = rows.First(row => row.Port == beta.PostgresPort);
        var there = (await beta.PsqlAsync("SELECT id FROM deed", ct)).Split('\n').ToHashSet();
        var last = JsonDocument.Parse(status.Json).RootElement.GetProperty("clusters")[0].GetProperty("lastFailover");
        var decided = last.GetProperty("decidedAt").GetDateTimeOffset();
        var write = killedAt + Stopwatch.GetElapsedTime(killed, first.Timestamp);
        return new Run(
            Stopwatch.GetElapsedTime(killed, first.Timestamp).TotalSeconds,
            (last.GetProperty("finishedAt").GetDateTimeOffset() - decided).TotalSeconds,
            (write - decided).TotalSeconds,
            rows.Count, rows.Count(row => !there.Contains(row.Id.ToString(CultureInfo.InvariantCulture))));
    }

    private static async Task Until(Func<bool> condition, CancellationToken ct)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(Patience);
        while (!condition())
            await Task.Delay(PollInterval, deadline.Token);
    }

    private static void Print(string what, IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-42} min {sorted[0]:0.000}  median {sorted[sorted.Count / 2]:0.000}  max {sorted[^1]:0.000}"));
    }
}
