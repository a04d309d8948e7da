using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>Hosts in network namespaces: who sees whom decides what may be done.</summary>
public sealed class PartitionTests
{
    private static readonly TimeSpan LongerThanTheThreshold = TimeSpan.FromSeconds(10);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(CutMode.Drop, CutDirection.Both)]
    [InlineData(CutMode.Refuse, CutDirection.Both)]
    [InlineData(CutMode.Drop, CutDirection.Inbound)]
    [InlineData(CutMode.Drop, CutDirection.Outbound)]
    public async Task A_watchdog_that_alone_is_cut_from_the_primary_holds(CutMode mode, CutDirection direction)
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        await cluster.Alpha.CutAsync(CutFrom.Watchdog, mode, direction, Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "ServingElsewhere", "the watchdog knows that it is the one cut off");
        await cluster.HoldsForAsync(LongerThanTheThreshold, status =>
        {
            Assert.Equal("ServingElsewhere", status.Verdict);
            Assert.Equal("alpha", status.IntendedPrimary);
        });
        Assert.False(await cluster.IsPrimaryAsync(cluster.Beta));
        await cluster.Alpha.HealAsync(ct: Cancellation);
        await cluster.UntilAsync(status => status.Ready("beta"), "all is as before");
    }

    [Fact]
    public async Task A_watchdog_that_sees_nobody_holds()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        await cluster.Alpha.CutAsync(CutFrom.Watchdog, ct: Cancellation);
        await cluster.Beta.CutAsync(CutFrom.Watchdog, ct: Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "WatchdogIsolated", "the watchdog knows that it is alone");
        await cluster.HoldsForAsync(LongerThanTheThreshold, status => Assert.Equal("alpha", status.IntendedPrimary));
        await cluster.Alpha.HealAsync(ct: Cancellation);
        await cluster.Beta.HealAsync(ct: Cancellation);
        await cluster.UntilAsync(status => status.Ready("beta"), "all is as before");
        Assert.True(await cluster.IsPrimaryAsync(cluster.Alpha));
    }

    [Fact]
    public async Task Only_the_link_between_the_two_is_cut_and_nothing_is_promoted()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        await cluster.Alpha.CutAsync(CutFrom.Host("beta"), ct: Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Serving" && !status.Streams("beta"), "beta does not stream");
        await cluster.HoldsForAsync(LongerThanTheThreshold, status => Assert.Equal("Serving", status.Verdict));
        await cluster.Alpha.HealAsync(ct: Cancellation);
        await cluster.UntilAsync(status => status.Ready("beta"), "beta streams again");
    }

    [Fact]
    public async Task A_host_that_vanishes_is_replaced_and_fenced_when_it_comes_back()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        await cluster.Alpha.KillAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        Assert.True(await cluster.IsPrimaryAsync(cluster.Beta));
        await cluster.Alpha.ReviveAsync(startPostgres: true, Cancellation);
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(!cluster.Alpha.PostgresRunning), "alpha is stopped");
        await cluster.UntilAsync(status => status.Verdict == "Serving" && status.IntendedPrimary == "beta", "all is quiet");
    }
}
