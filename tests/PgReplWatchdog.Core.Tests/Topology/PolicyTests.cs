using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Topology;

public class PolicyTests
{
    [Fact]
    public void Late_is_three_checks_that_took_their_whole_timeout() =>
        Assert.Equal(Seconds(9), new Policy { CheckInterval = Seconds(2), ProbeTimeout = Seconds(1) }.LateAfter);

    [Fact]
    public void Guard_has_a_quarter_of_its_time_and_half_a_second_more_before_it_is_relied_on()
    {
        Assert.Equal(Seconds(2), Policy.GuardMarginOf(new Policy().GuardTimeToLive));
        Assert.Equal(Seconds(8), new Policy().GuardSurelyStopped);
        Assert.True(new Policy().GuardSurelyStopped < new Policy().UnreachableThreshold, "the guard delays a failover by default");
    }

    [Theory]
    [InlineData(6, 1, 0.8, 2)]
    [InlineData(4.3, 0.5, 0.4, 2.04)]
    [InlineData(3, 1, 0.8, 0.8)]
    [InlineData(60, 1, 0.8, 5)]
    [InlineData(0, 1, 0.8, 5)]
    public void A_wait_for_a_host_leaves_time_for_the_lease_to_be_renewed(double timeToLive, double interval, double timeout, double seconds) => Assert.Equal(seconds,
        new Policy { GuardTimeToLive = Seconds(timeToLive), CheckInterval = Seconds(interval), ProbeTimeout = Seconds(timeout) }.BetweenRenewals.TotalSeconds, 3);

    [Fact]
    public void Nothing_that_setup_leaves_lies_in_the_data_directory()
    {
        var node = Two().Node(Beta);
        Assert.All([node.StateDirectory, node.TriggerFile, node.PassFile],
            path => Assert.StartsWith("/data/beta.pgwatchdog", path, StringComparison.Ordinal));
    }

    [Fact]
    public void Slot_name_has_only_characters_that_PostgreSQL_allows_in_one() =>
        Assert.Equal("pgwatchdog_db_2", new NodeSpec("DB-2", "db-2", 5432, "/data").SlotName);
}
