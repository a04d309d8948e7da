using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>A primary with two standbys, set up by the product.</summary>
public sealed class ThreeHostsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Both_standbys_stream_from_the_primary_each_through_its_own_slot(bool namespaces)
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces, gamma: true, diskMegabytes: namespaces ? 400 : 0);
        Assert.Equal("2|2", await cluster.Alpha.PsqlAsync(
            "SELECT count(*) FILTER (WHERE active), (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming') FROM pg_replication_slots", Cancellation));
        await using var writer = new ClientWriter(cluster.Lab.Hosts);
        writer.Start();
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged.Count > 100), "rows are written");
        await writer.StopAsync();
        var account = WriteAccount.Of(writer);
        foreach (var standby in (LabHost[])[cluster.Beta, cluster.Gamma])
        {
            Assert.False(await standby.IsPrimaryAsync(Cancellation));
            await SetUp.SetUpTests.EventuallyAsync(async () => (await account.LostOnAsync(standby, Cancellation)).Count == 0, $"{standby} has all rows");
        }
    }
}
