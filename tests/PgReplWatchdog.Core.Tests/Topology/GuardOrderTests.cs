namespace PgReplWatchdog.Core.Tests.Topology;

public class GuardOrderTests
{
    private static readonly GuardOrder Order = new(TimeSpan.FromSeconds(6), ["gamma", "beta"]);

    [Fact]
    public void Order_is_one_line_with_its_mark_milliseconds_the_watchdogs_role_and_the_vouchers() =>
        Assert.Equal("e888917a 6000 pgwatchdog beta,gamma\n", Order.Line("pgwatchdog"));

    [Fact]
    public void Order_without_a_standby_leaves_the_watchdog_alone_to_vouch() =>
        Assert.EndsWith(" 6000 pgwatchdog \n", new GuardOrder(TimeSpan.FromSeconds(6), []).Line("pgwatchdog"), StringComparison.Ordinal);

    [Fact]
    public void Order_names_its_owner_and_another_owners_order_is_another()
    {
        var owned = Order with { Owner = "0a1b2c3d" };
        Assert.EndsWith(" 6000 pgwatchdog beta,gamma 0a1b2c3d\n", owned.Line("pgwatchdog"), StringComparison.Ordinal);
        Assert.Distinct([Order.Id, owned.Id, (Order with { Owner = "3d2c1b0a" }).Id]);
        Assert.NotEqual(Order, owned);
    }

    [Fact]
    public void Same_order_has_the_same_mark_whatever_the_sequence_of_the_names()
    {
        var same = new GuardOrder(TimeSpan.FromSeconds(6), ["beta", "gamma"]);
        Assert.Equal(Order.Id, same.Id);
        Assert.Equal(Order, same);
        Assert.Equal(Order.GetHashCode(), same.GetHashCode());
    }

    [Theory]
    [InlineData(5, "beta,gamma")]
    [InlineData(6, "beta")]
    [InlineData(6, "betagamma")]
    [InlineData(6, "")]
    public void Another_order_has_another_mark(int seconds, string vouchers)
    {
        var other = new GuardOrder(TimeSpan.FromSeconds(seconds), [.. vouchers.Split(',', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.NotEqual(Order.Id, other.Id);
        Assert.NotEqual(Order, other);
    }
}
