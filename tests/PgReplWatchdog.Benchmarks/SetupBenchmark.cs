using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Benchmarks;

/// <summary>Set-up of two bare nodes on booted hosts, without the time of the copy itself, and a plan of what is set up already.</summary>
internal static partial class SetupBenchmark
{
    private const string Account = "pgwatchdog";

    public static async Task RunAsync(int runs, CancellationToken ct)
    {
        if (WholeHosts.Obstacle is { } obstacle)
        {
            Console.WriteLine($"setup: not measured, {obstacle}");
            return;
        }
        List<double> setUps = [], plans = [];
        for (var run = 1; run <= runs; run++)
        {
            await using var hosts = await WholeHosts.StartAsync(["alpha", "beta"], ct);
            var configuration = LabConfiguration.Write(hosts, Account);
            foreach (var host in hosts.Hosts)
                await host.RunAsync("cat > prepare && sh prepare", (await TimedAsync(configuration, ct, "config", "host", "main", host.Name)).Output, ct);
            var (output, setUp) = await TimedAsync(configuration, ct, "setup", "main", "--overwrite", "beta");
            var copy = double.Parse(Copy().Match(output).Groups["seconds"].Value, CultureInfo.InvariantCulture);
            var (_, plan) = await TimedAsync(configuration, ct, "setup", "main", "--plan");
            setUps.Add(setUp - copy);
            plans.Add(plan);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"setup {run}/{runs}: {setUp:0.00} s, of which the copy {copy:0.00} s; plan {plan:0.00} s"));
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"setup of two bare nodes on whole hosts without the copy: median {Median(setUps):0.00} s (under 15); --plan when set up: median {Median(plans):0.00} s (under 3)"));
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static async Task<(string Output, double Seconds)> TimedAsync(string configuration, CancellationToken ct, params string[] arguments)
    {
        var started = Stopwatch.GetTimestamp();
        var result = await Product.RunAsync(configuration, arguments, ct);
        var took = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return result.ExitCode == 0 ? (result.Output, took) : throw new LabException(result.ToString());
    }

    [GeneratedRegex(@"copy alpha by .*: done in (?<seconds>[0-9.]+) s")]
    private static partial Regex Copy();
}
