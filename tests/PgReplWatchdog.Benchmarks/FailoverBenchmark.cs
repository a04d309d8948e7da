using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Npgsql;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Lab.Faults;

namespace PgReplWatchdog.Benchmarks;

/// <summary>How long clients go without writes by a fault (from the last write that the old primary acknowledges: to kill all processes takes a moment), what is lost, whether two nodes acknowledge at a time, and how long the old primary takes to come back.</summary>
internal static class FailoverBenchmark
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(20);

    /// <summary>The default; the longest of the cases.</summary>
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    /// <summary>About a thousand rows a second.</summary>
    private static readonly Pace Brisk = new(TimeSpan.Zero);

    private sealed record Run(double FaultToWrite, double DecisionToWrite, double Overlap, double Rejoin, double RowsPerSecond, int Lost);

    /// <summary>Returns the exit status: 0, or 1 where a run exceeded a limit.</summary>
    public static async Task<int> RunAsync(int runs, IReadOnlyList<string> only, CancellationToken ct)
    {
        var exceeded = new List<string>();
        foreach (var one in FailoverCase.All.Where(one => only.Count == 0 || only.Contains(one.Name)))
        {
            var measured = new List<Run>();
            for (var run = 1; run <= runs; run++)
            {
                measured.Add(await OnceAsync(one, ct));
                var last = measured[^1];
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{one.Name} {run}/{runs}: fault to first acknowledged write {last.FaultToWrite:0.000} s, decision to write {last.DecisionToWrite:0.000} s, both acknowledge {last.Overlap:0.000} s, old primary back {last.Rejoin:0.0} s, {last.RowsPerSecond:0} rows/s, {last.Lost} lost"));
            }
            Print($"{one.Name}: fault to first write, s (median at most {one.Median.ToString(CultureInfo.InvariantCulture)})", measured.Select(run => run.FaultToWrite));
            Print($"{one.Name}: decision to first write, s", measured.Select(run => run.DecisionToWrite));
            Print($"{one.Name}: both acknowledge, s (0)", measured.Select(run => run.Overlap));
            Print($"{one.Name}: host's return to streaming, s", measured.Select(run => run.Rejoin));
            Print($"{one.Name}: rows lost", measured.Select(run => (double)run.Lost));
            exceeded.AddRange(Exceeded(one, measured));
        }
        foreach (var line in exceeded)
            Console.WriteLine($"LIMIT EXCEEDED: {line}");
        return exceeded.Count == 0 ? 0 : 1;
    }

    private static IEnumerable<string> Exceeded(FailoverCase one, List<Run> measured)
    {
        var times = Sorted(measured.Select(run => run.FaultToWrite));
        if (Median(times) > one.Median)
            yield return string.Create(CultureInfo.InvariantCulture, $"{one.Name}: median {Median(times):0.000} s from fault to first write, at most {one.Median} s");
        if (times.Count(time => time > one.AtMost) is > 0 and var slow)
            yield return string.Create(CultureInfo.InvariantCulture, $"{one.Name}: {slow} of {measured.Count} runs took longer than {one.AtMost} s from fault to first write");
        if (measured.Count(run => run.Overlap > 0) is > 0 and var both)
            yield return $"{one.Name}: in {both} of {measured.Count} runs two nodes acknowledged writes at the same time";
    }

    private static async Task<Run> OnceAsync(FailoverCase one, CancellationToken ct)
    {
        await using var cluster = await WatchedCluster.StartAsync(one.Fault.NeedsNetwork, one.Change, ct);
        var (alpha, beta) = (cluster.Lab["alpha"], cluster.Lab["beta"]);
        var scene = await Scene.FindAsync(cluster.Lab, ct);
        await using var outside = new ClientWriter(cluster.Lab.Hosts, Brisk);
        await using var pinned = new PinnedWriter(alpha);
        outside.Start();
        pinned.Start();
        await Until(() => outside.Acknowledged.Count > 1000 && pinned.Acknowledged.Count > 10, ct);
        await using var held = one.HoldsReplay ? await HeldReplay.BeginAsync(alpha, beta, "ALTER TABLE reported ADD COLUMN more int", ct) : null;
        await Task.Delay(Random.Shared.NextDouble() * CheckInterval, ct); // a fault comes at any moment between two checks
        var before = outside.Acknowledged;
        var beganAt = DateTimeOffset.UtcNow;
        var began = Stopwatch.GetTimestamp();
        await one.Fault.StartAsync(scene, ct);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        var first = await FirstWriteAsync(beta, patience.Token);
        await Until(() => outside.Acknowledged[^1].By == beta, ct);
        var status = await cluster.Service.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary", Patience, ct);
        var decided = JsonDocument.Parse(status.Json).RootElement.GetProperty("clusters")[0].GetProperty("lastFailover").GetProperty("procedure").GetProperty("decidedAt").GetDateTimeOffset();
        await one.Fault.EndAsync(scene, ct);
        var ended = Stopwatch.StartNew();
        await cluster.Service.UntilAsync(status => status.Verdict == "Serving" && status.Streams("alpha"), "alpha streams from beta", Patience, ct);
        var rejoin = ended.Elapsed.TotalSeconds;
        await outside.StopAsync();
        await pinned.StopAsync();

        var account = WriteAccount.Of(outside, pinned);
        var from = one.OldSessionsGoOn ? began : Math.Max(began, outside.Acknowledged.Last(row => row.By == alpha).Timestamp);
        return new Run(
            Stopwatch.GetElapsedTime(from, first).TotalSeconds,
            (beganAt + Stopwatch.GetElapsedTime(began, first) - decided).TotalSeconds,
            Math.Max(0, Stopwatch.GetElapsedTime(first, account.By(alpha)[^1].Timestamp).TotalSeconds),
            rejoin,
            before.Count / Stopwatch.GetElapsedTime(before[0].Timestamp, before[^1].Timestamp).TotalSeconds,
            (await account.LostOnAsync(beta, ct)).Count);
    }

    /// <summary>
    /// Over one session to the standby, again and again until a row is acknowledged: how long a driver takes to try the hosts of its list (with dropped packets its own
    /// connect time-out for each that is gone) is not the watchdog's doing.
    /// </summary>
    private static async Task<long> FirstWriteAsync(LabHost beta, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(ClientWriter.ConnectionString(beta));
        await connection.OpenAsync(ct);
        await using var insert = new NpgsqlCommand("INSERT INTO deed (client, id) VALUES ('first', 1)", connection);
        while (true)
        {
            try
            {
                await insert.ExecuteNonQueryAsync(ct);
                return Stopwatch.GetTimestamp();
            }
            catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction)
            {
                await Task.Delay(PollInterval / 4, ct);
            }
        }
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
        var sorted = Sorted(values);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-50} min {sorted[0]:0.000}  median {Median(sorted):0.000}  max {sorted[^1]:0.000}"));
    }

    private static List<double> Sorted(IEnumerable<double> values) => [.. values.Order()];

    /// <summary>Of an even number the greater of the middle two.</summary>
    private static double Median(List<double> sorted) => sorted[sorted.Count / 2];
}
