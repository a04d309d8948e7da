using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Lab.Faults;
using PgReplWatchdog.Tests.Guarding;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>
/// Faults that are no reason to promote anybody: in every variant, longer than the threshold, with clients that go on where they can. The guard is armed
/// and fencing is required: a healthy primary is not stopped either.
/// </summary>
public sealed class HoldTests
{
    /// <summary>Also longer than an armed guard may wait (4.25 s).</summary>
    private static readonly TimeSpan LongerThanTheThreshold = TimeSpan.FromSeconds(6);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Three clusters side by side: they wait most of the time.</summary>
    [Fact]
    public Task A_partition_that_leaves_the_primary_to_somebody_promotes_nobody() => Task.WhenAll(new[] { "F4", "F5", "F7" }.Select(async number =>
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true, change: Guarded);
        await HoldsAsync(cluster, [.. Fault.All.Where(fault => fault.Number == number)]);
    }));

    [Fact]
    public async Task A_lost_standby_of_two_promotes_nobody()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true, gamma: true, change: Guarded);
        await HoldsAsync(cluster, [.. Fault.All.Where(fault => fault.Number == "F8")]);
    }

    [Fact]
    public async Task A_full_disk_promotes_nobody_even_when_PostgreSQL_ends_by_it_and_it_is_said_what_fills_it()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true, diskMegabytes: 400, change: section => section["CrashedThreshold"] = "00:00:01");
        await using var pinned = new PinnedWriter(cluster.Alpha);
        pinned.Start();
        var scene = await Scene.FindAsync(cluster.Lab, Cancellation);
        var fault = new DiskFull();
        await fault.StartAsync(scene, Cancellation);
        var status = await cluster.UntilAsync(status => status.Gates.Contains("PrimaryDiskFull"), "it is seen that the disk is full");
        Assert.Matches("the disk of alpha is full, [0-9]+ bytes are free .*pg_wal [0-9]+ kB", status.Json);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Crashed", "it is seen that PostgreSQL has ended");
        await cluster.HoldsForAsync(LongerThanTheThreshold, status => Assert.Equal(("alpha", "Crashed"), (status.IntendedPrimary, status.Verdict)));
        Assert.Null(await scene.NewPrimaryAsync(Cancellation));
        // With room on its disk a crash that has stood for long is failed over at once: an administrator who starts alpha himself pauses that.
        await cluster.RequireAsync("pause", "main");
        await cluster.UntilAsync(status => status.Gates.Contains("Paused"), "failover is paused");
        await fault.EndAsync(scene, Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Serving", "alpha serves again");
        await cluster.RequireAsync("resume", "main");
        await cluster.UntilAsync(status => status.Ready("beta"), "all is as before");
        Assert.Equal(cluster.Alpha, (await Scene.FindAsync(cluster.Lab, Cancellation)).Primary);
        await pinned.StopAsync();
        Assert.Empty(await WriteAccount.Of(pinned).LostOnAsync(cluster.Alpha, Cancellation));
    }

    /// <summary>One after the other, each from a whole cluster to a whole cluster.</summary>
    private static async Task HoldsAsync(RunningCluster cluster, IReadOnlyList<Fault> faults)
    {
        Assert.NotEmpty(faults);
        await using var pinned = new PinnedWriter(cluster.Alpha);
        await using var outside = new ClientWriter(cluster.Lab.Hosts);
        pinned.Start();
        outside.Start();
        await using var proxy = await ProxyProcess.StartAsync(cluster.Lab, Cancellation);
        await proxy.LeadsToAsync("alpha", Cancellation);
        await using var behind = await ProxiedSession.OpenAsync(proxy, Cancellation);
        var scene = await Scene.FindAsync(cluster.Lab, Cancellation);
        await WholeAsync(cluster, scene, "the guard of alpha is armed");
        var postmaster = cluster.Alpha.PostmasterPid;
        Assert.NotNull(postmaster);
        foreach (var fault in faults)
        {
            Assert.False(fault.MayStopPrimary);
            Assert.Equal(Must.Hold, fault.Must);
            await fault.StartAsync(scene, Cancellation);
            await cluster.HoldsForAsync(LongerThanTheThreshold, status => Assert.Equal("alpha", status.IntendedPrimary));
            Assert.Null(await scene.NewPrimaryAsync(Cancellation));
            var before = pinned.Acknowledged.Count;
            await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(pinned.Acknowledged.Count > before), $"{fault}: the primary is undisturbed");
            await behind.WritesAsync();
            await fault.EndAsync(scene, Cancellation);
            await WholeAsync(cluster, scene, $"{fault}: all is as before");
            Assert.True(postmaster == cluster.Alpha.PostmasterPid, $"{fault}: PostgreSQL was stopped on a healthy primary. {await GuardedCluster.LogAsync(cluster.Alpha)}");
            Assert.False(File.Exists(GuardedCluster.StartBlock(cluster.Alpha)), $"{fault}: a start block is left on a healthy primary");
        }
        Assert.Empty(proxy.TwoUp);
        await pinned.StopAsync();
        await outside.StopAsync();
        Assert.Equal(cluster.Alpha, (await Scene.FindAsync(cluster.Lab, Cancellation)).Primary);
        Assert.Empty(await WriteAccount.Of(pinned, outside).LostOnAsync(cluster.Alpha, Cancellation));
    }

    /// <summary>The shortest threshold that a guard allows: these tests wait for it again and again.</summary>
    private static void Guarded(JsonObject section)
    {
        ReplacedTests.Guarded(section);
        section["UnreachableThreshold"] = "00:00:04.3";
    }

    /// <summary>Every standby streams, failover is ready and the guard is armed.</summary>
    private static Task<ServiceStatus> WholeAsync(RunningCluster cluster, Scene scene, string what) =>
        cluster.UntilAsync(status => status.IsGuarded && scene.Standbys.All(standby => status.Ready(standby.Name)), what);
}
