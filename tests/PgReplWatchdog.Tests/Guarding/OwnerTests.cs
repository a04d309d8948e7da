using PgReplWatchdog.Acting;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>A lease belongs to the watchdog that ordered it: only that one renews it, replaces it or takes it back.</summary>
public sealed class OwnerTests
{
    private const string Own = "0a1b2c3d";
    private const string Other = "3d2c1b0a";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Other_watchdog_neither_replaces_nor_removes_a_lease_unless_its_owner_is_lost()
    {
        await using var cluster = await GuardedCluster.StartAsync(namespaces: false);
        var alpha = cluster.Alpha;
        await cluster.ArmForAsync(alpha, Own, "beta");
        var order = await OrderAsync(alpha);
        Assert.EndsWith(" 2000 pgwatchdog beta " + Own, order, StringComparison.Ordinal);

        await alpha.RunAsync(HostCommands.DisarmGuard(cluster.Access(alpha), Other), Cancellation);
        Assert.Equal(order, await OrderAsync(alpha));
        var others = new GuardOrder(GuardedCluster.TimeToLive, ["beta"], Other).Line("pgwatchdog");
        var refused = await Assert.ThrowsAsync<LabException>(() => alpha.RunAsync(HostCommands.ArmGuard(cluster.Access(alpha), others, Other), Cancellation));
        Assert.Contains($"another watchdog ({Own}) has armed the guard", refused.Message, StringComparison.Ordinal);
        Assert.Equal(order, await OrderAsync(alpha));

        await alpha.RunAsync(HostCommands.ArmGuard(cluster.Access(alpha), others, Other, lost: Own), Cancellation);
        Assert.EndsWith(Other, await OrderAsync(alpha), StringComparison.Ordinal);
        await alpha.RunAsync(HostCommands.DisarmGuard(cluster.Access(alpha), Own), Cancellation);
        Assert.EndsWith(Other, await OrderAsync(alpha), StringComparison.Ordinal);
        await alpha.RunAsync(HostCommands.DisarmGuard(cluster.Access(alpha), Other), Cancellation);
        await GuardedCluster.SeenAsync(alpha, "pgwatchdog_guard");
    }

    [Fact]
    public async Task Lease_is_renewed_by_its_owner_and_by_no_other_watchdog()
    {
        await using var cluster = await GuardedCluster.StartAsync(namespaces: false);
        await using (await cluster.WatchAsync(cluster.Alpha, seen => $"{Own} {seen}"))
        await using (await cluster.WatchAsync(cluster.Alpha, seen => $"{Other} {seen}"))
        {
            await cluster.ArmForAsync(cluster.Alpha, Own, "nobody");
            await GuardedCluster.GoesOnAsync(cluster.Alpha);
        }
        await GuardedCluster.StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task Another_watchdogs_sessions_do_not_keep_the_primary_alive()
    {
        await using var cluster = await GuardedCluster.StartAsync(namespaces: false);
        await using var other = await cluster.WatchAsync(cluster.Alpha, seen => $"{Other} {seen}");
        await using var unnamed = await cluster.WatchAsync(cluster.Alpha);
        await cluster.ArmForAsync(cluster.Alpha, Own, "nobody");
        await GuardedCluster.StoppedAsync(cluster.Alpha);
    }

    private static Task<string> OrderAsync(LabHost host) => host.RunAsync($"cat {host.DataDirectory}.pgwatchdog/guard.armed", Cancellation);
}
