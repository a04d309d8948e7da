using System.Diagnostics;
using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>A second watchdog, with a state directory of its own, on a cluster that has one.</summary>
public sealed class TwoWatchdogsTests
{
    private static readonly TimeSpan Patience = RunningCluster.Patience;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Second_watchdog_refuses_to_start_and_takes_over_a_lease_only_when_told()
    {
        await using var cluster = await RunningCluster.StartAsync(change: Guarded);
        var (second, port) = Second(cluster.Lab);
        var refused = await Product.RunAsync(second, ["run"], Cancellation);
        Assert.Equal(1, refused.ExitCode);
        Assert.Matches("^main: watchdog [0-9a-f]{8} at 127.0.0.1 \\(its session is on (alpha|beta)\\) watches this cluster already: stop that one first", refused.Error);
        await cluster.RequireAsync("check", "main"); // a command is no watchdog, and finds its own service

        var lease = await OrderAsync(cluster.Alpha);
        await cluster.Service.KillAsync();
        await using (var other = await Service.StartAsync(second, port, ct: Cancellation))
        {
            await other.UntilAsync(status => status.Gates.Contains("AnotherWatchdog"), "the lost watchdog's lease is noticed", Patience, Cancellation);
            Assert.Equal(lease, await OrderAsync(cluster.Alpha));
            var taken = await Product.RunAsync(second, ["takeover", "main", "--yes"], Cancellation);
            Assert.True(taken.ExitCode == 0, taken.ToString());
            await other.UntilAsync(status => status.Ready("beta"), "failover is ready under the second watchdog", Patience, Cancellation);
            Assert.NotEqual(lease.Split(' ')[4], (await OrderAsync(cluster.Alpha)).Split(' ')[4]);
        }
        Assert.Equal("", await OrderAsync(cluster.Alpha)); // its own lease it takes back when it stops
        await cluster.StartServiceAsync();
        await cluster.UntilAsync(status => status.Ready("beta"), "the first one is back, and alone");
    }

    /// <summary>A1: alpha with its clients and one watchdog on one side, beta and the other watchdog on the other one.</summary>
    [Fact]
    public async Task Two_watchdogs_on_two_sides_of_a_partition_make_no_second_primary()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true, service: false, change: Guarded);
        var (second, _) = Second(cluster.Lab);
        foreach (var host in cluster.Lab.Hosts) // set-up lets the watchdog in from its own address only
        {
            await host.RunAsync($"echo 'host postgres pgwatchdog samenet scram-sha-256' >> {host.DataDirectory}/pg_hba.conf", Cancellation);
            await host.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        }
        using var other = OnHost(cluster.Alpha, second);
        await SetUpTests.EventuallyAsync(async () => await OrderAsync(cluster.Alpha) != "", "the second watchdog, on alpha's host, arms the guard");
        // The first one does not see the second when it starts: that would be refused.
        foreach (var host in cluster.Lab.Hosts)
            await host.CutAsync(CutFrom.Watchdog, CutMode.Drop, ct: Cancellation);
        await cluster.StartServiceAsync();
        foreach (var host in cluster.Lab.Hosts)
            await host.HealAsync(CutFrom.Watchdog, Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Serving" && status.Gates.Contains("AnotherWatchdog"), "the first watchdog notices the second");
        await SetUpTests.EventuallyAsync(async () => await OrderAsync(cluster.Alpha) == "", "the second one notices the first, and takes its lease back");

        await using var pinned = new PinnedWriter(cluster.Alpha);
        pinned.Start();
        await SetUpTests.EventuallyAsync(() => Task.FromResult(pinned.Acknowledged.Count > 50), "rows are written");
        await cluster.Alpha.CutAsync(CutFrom.Everybody, CutMode.Drop, ct: Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Down" && status.PrimarySilenceSeconds > 12, "the first watchdog has long found alpha down");
        Assert.False(await cluster.IsPrimaryAsync(cluster.Beta));
        Assert.True(cluster.Alpha.PostgresRunning, "no guard stops alpha: nobody would take its place");
        await cluster.Alpha.HealAsync(ct: Cancellation);
        await pinned.StopAsync();

        other.Kill();
        await cluster.UntilAsync(status => status.Ready("beta"), "the first watchdog is alone, and failover is ready");
    }

    /// <summary>The service in a host's network namespace: it goes with that host in a partition.</summary>
    private static Process OnHost(LabHost host, string configuration)
    {
        var start = new ProcessStartInfo("ip", ["netns", "exec", host.Namespace!, Product.Program, "run", "--config", configuration]);
        start.Environment["PGWATCHDOG_LAB"] = File.ReadAllText(Path.Combine(Path.GetDirectoryName(configuration)!, "lab-id"));
        return Process.Start(start)!;
    }

    private static (string Configuration, int Port) Second(LabCluster lab)
    {
        var port = Ports.Free();
        return (LabConfiguration.Write(lab, port, cluster =>
        {
            Guarded(cluster);
            cluster.Parent!.Parent!["StateDirectory"] = Path.Combine(lab.Directory, "second");
        }, "second.json"), port);
    }

    private static void Guarded(JsonObject cluster)
    {
        cluster["UnreachableThreshold"] = "00:00:05";
        cluster["GuardTimeToLive"] = "00:00:03";
        cluster["Fencing"] = "Required";
    }

    private static Task<string> OrderAsync(LabHost host) => host.RunAsync($"cat {host.DataDirectory}.pgwatchdog/guard.armed 2>/dev/null || true", Cancellation);
}
