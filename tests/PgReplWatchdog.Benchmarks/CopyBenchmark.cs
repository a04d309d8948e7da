using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Benchmarks;

/// <summary>The product's copy of a primary beside plain pg_basebackup and plain rsync of the same database, in turns, so that what the machine does besides hits all alike.</summary>
internal static partial class CopyBenchmark
{
    private static readonly string[] Methods = ["BaseBackup", "Rsync"];

    public static async Task RunAsync(int megabytes, int runs, CancellationToken ct)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), ct);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        // A row is a little over 1 KiB on disk.
        await alpha.PsqlAsync($"CREATE TABLE ballast AS SELECT g AS id, repeat(md5(g::text), 31) AS filler FROM generate_series(1, {megabytes} * 970) g", ct);
        var configurations = Methods.ToDictionary(method => method, method => LabConfiguration.Write(lab, lab.WatchdogPort, cluster => cluster["CopyMethod"] = method, $"{method}.json"));
        foreach (var method in Methods)
            await SetUpAsync(configurations[method], "--overwrite", "beta"); // rights and settings of both, and a warm cache
        await beta.RunAsync($"mkdir -p -m 700 {Path.GetDirectoryName(alpha.AuthorizedKeys)} && ssh-keygen -q -t ed25519 -N '' -f {beta.HomeDirectory}/plain && cat {beta.HomeDirectory}/plain.pub >> {alpha.AuthorizedKeys}", ct);
        var size = await alpha.PsqlAsync("SELECT round(sum(pg_database_size(oid)) / 1024 / 1024) FROM pg_database", ct);
        var seconds = new Dictionary<string, List<double>>();
        for (var run = 1; run <= runs; run++)
        {
            foreach (var method in Methods)
            {
                // In turn, and with as much memory in use: whoever comes second copies from a warmer cache into a fuller one.
                foreach (var plain in new[] { run % 2 == 0, run % 2 == 1 })
                {
                    if (plain)
                        Add(method == "Rsync" ? "plain rsync" : "plain pg_basebackup", await PlainAsync(alpha, beta, method, ct));
                    else
                        Add($"setup, {method}", CopySeconds(await SetUpAsync(configurations[method], "--overwrite", "beta")));
                    await beta.RunAsync($"rm -rf {beta.DataDirectory}.before-pgwatchdog-*", ct);
                }
            }
            Console.WriteLine($"copy {run}/{runs}: " + string.Join(", ", seconds.Select(one => string.Create(CultureInfo.InvariantCulture, $"{one.Key} {one.Value[^1]:0.00} s"))));
        }
        foreach (var (product, plain) in new[] { ("setup, BaseBackup", "plain pg_basebackup"), ("setup, Rsync", "plain rsync") })
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"copy of {size} MiB: {product} {Median(product):0.00} s, {plain} {Median(plain):0.00} s, throughput ratio {Median(plain) / Median(product):0.00} (at least 0.95)"));
        }

        void Add(string what, double took)
        {
            if (!seconds.TryGetValue(what, out var all))
                seconds[what] = all = [];
            all.Add(took);
        }

        double Median(string what) => seconds[what].Order().ElementAt(seconds[what].Count / 2);

        async Task<string> SetUpAsync(string configuration, params string[] more)
        {
            var setup = await Product.RunAsync(configuration, ["setup", .. more], ct);
            return setup.ExitCode == 0 ? setup.Output : throw new LabException(setup.ToString());
        }
    }

    /// <summary>What a person would type for it: the copy alone, into a directory that is not there.</summary>
    private static async Task<double> PlainAsync(LabHost alpha, LabHost beta, string method, CancellationToken ct)
    {
        var into = Path.Combine(beta.Directory, "plain");
        await beta.RunAsync($"rm -rf {into}", ct);
        var started = Stopwatch.GetTimestamp();
        await beta.RunAsync(method == "Rsync"
            ? $"rsync -a --exclude=/pg_wal/ --exclude=/postmaster.pid -e 'ssh -p {alpha.SshPort} -i {beta.HomeDirectory}/plain -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR' {alpha.SshUser}@{alpha.Address}:{alpha.DataDirectory}/ {into}/ || [ $? -eq 24 ]; sync"
            : $"{beta.BinDirectory}/pg_basebackup -h {alpha.SocketDirectory} -p {alpha.PostgresPort} -U {alpha.SuperUser} -D {into} -X stream -c fast", ct);
        var took = Stopwatch.GetElapsedTime(started).TotalSeconds;
        await beta.RunAsync($"rm -rf {into}", ct);
        return took;
    }

    private static double CopySeconds(string output) => double.Parse(Step().Match(output).Groups["seconds"].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"copy alpha by .*: done in (?<seconds>[0-9.]+) s")]
    private static partial Regex Step();
}
