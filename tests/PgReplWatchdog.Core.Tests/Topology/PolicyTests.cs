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
