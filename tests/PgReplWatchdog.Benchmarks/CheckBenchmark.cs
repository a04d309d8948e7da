using System.Globalization;
using System.Text.RegularExpressions;

namespace PgReplWatchdog.Benchmarks;

/// <summary>What watching costs: processor time a check, and whether memory grows.</summary>
internal static partial class CheckBenchmark
{
    private const int WarmUpChecks = 300;
    private const double CpuTick = 0.01; // sysconf(_SC_CLK_TCK) is 100 on Linux
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(200);

    private sealed record Sample(long Checks, double CpuSeconds, double ResidentMiB);

    public static async Task RunAsync(int checks, CancellationToken ct)
    {
        await using var cluster = await WatchedCluster.StartAsync(false, section =>
        {
            section["CheckInterval"] = "00:00:00.1";
            section["ProbeTimeout"] = "00:00:00.1";
        }, ct);
        var before = await AfterAsync(WarmUpChecks, cluster, ct);
        var half = await AfterAsync(WarmUpChecks + (checks / 2), cluster, ct);
        var after = await AfterAsync(WarmUpChecks + checks, cluster, ct);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"checks {after.Checks - before.Checks} of a two-node cluster: CPU {1000 * (after.CpuSeconds - before.CpuSeconds) / (after.Checks - before.Checks):0.00} ms a check; resident {before.ResidentMiB:0.0} MiB after {before.Checks} checks, {half.ResidentMiB:0.0} after {half.Checks}, {after.ResidentMiB:0.0} after {after.Checks}"));
    }

    private static async Task<Sample> AfterAsync(int checks, WatchedCluster cluster, CancellationToken ct)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(Patience);
        while (true)
        {
            var done = long.Parse(ChecksDone().Match(await cluster.Service.Http.GetStringAsync("/metrics", deadline.Token)).Groups[1].Value, CultureInfo.InvariantCulture);
            if (done >= checks)
                return Take(done, cluster.Service.Process.Id);
            await Task.Delay(PollInterval, deadline.Token);
        }
    }

    private static Sample Take(long checks, int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // from field 3 on; utime and stime are 14 and 15
        var ticks = long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
        var resident = File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        return new Sample(checks, ticks * CpuTick, double.Parse(resident, CultureInfo.InvariantCulture) / 1024);
    }

    [GeneratedRegex(@"^pgwatchdog_check_duration_seconds_count\{[^}]*\} (\d+)", RegexOptions.Multiline)]
    private static partial Regex ChecksDone();
}
