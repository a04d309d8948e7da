namespace PgReplWatchdog.Tests.Failover;

/// <summary>Hosts in network namespaces: who sees whom decides what may be done.</summary>
public sealed class PartitionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_host_that_vanishes_unguarded_is_replaced_and_comes_back_as_a_standby_although_it_started_as_a_primary()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        await cluster.Alpha.KillAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        Assert.True(await cluster.IsPrimaryAsync(cluster.Beta));
        await cluster.Alpha.ReviveAsync(startPostgres: true, Cancellation);
        var status = await cluster.UntilAsync(status => status.Verdict == "Serving" && status.Streams("alpha"), "alpha streams from beta");
        Assert.Equal("beta", status.IntendedPrimary);
    }
}
