using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Observing;

public class LagTests
{
    private static PrimaryTrail Trail(params (double At, ulong Position)[] samples) =>
        samples.Aggregate(PrimaryTrail.Empty, (trail, sample) => trail.Add(Seconds(sample.At), new Lsn(sample.Position)));

    private static Lag Between(NodeObservation primary, NodeObservation standby, PrimaryTrail trail, double now) =>
        Lag.Between(primary.Server, standby.Server, trail, Seconds(now));

    [Fact]
    public void Idle_primary_has_a_standby_without_lag_however_long_it_idles() =>
        Assert.Equal(new Lag(0, 0, TimeSpan.Zero), Between(Primary(), Standby(), Trail((0, Here.Value), (3600, Here.Value)), 3600));

    [Fact]
    public void Received_and_replayed_are_told_apart()
    {
        var standby = Standby().With(server => server with { ReceivedLsn = Behind(10), ReplayedLsn = Behind(30) });
        var lag = Between(Primary(), standby, Trail((0, Here.Value)), 0);
        Assert.Equal((10, 30), (lag.ReceiveBytes, lag.ReplayBytes));
    }

    [Fact]
    public void Replay_lag_grows_while_replay_stands()
    {
        var trail = Trail((0, 100), (1, 200), (2, 300));
        var standby = Standby(at: new Lsn(100));
        Assert.Equal([Seconds(2), Seconds(3), Seconds(9)],
            new[] { 2, 3, 9 }.Select(now => Between(Primary(at: new Lsn(300)), standby, trail, now).Replay!.Value));
    }

    [Theory]
    [InlineData(100, 10)]
    [InlineData(150, 9.5)]
    [InlineData(175, 9.25)]
    [InlineData(200, 9)]
    [InlineData(250, 6.5)]
    public void Moment_at_which_a_position_was_passed_is_interpolated_between_two_checks(ulong position, double ago) =>
        Assert.Equal(Seconds(ago), Trail((0, 100), (1, 200), (6, 300), (10, 300)).TimeSincePassed(new Lsn(position), Seconds(10)));

    [Fact]
    public void Position_left_after_an_idle_hour_has_been_passed_only_then() =>
        Assert.Equal(Seconds(1), Trail((0, 100), (3600, 100), (3601, 200)).TimeSincePassed(new Lsn(100), Seconds(3601)));

    [Fact]
    public void Standby_behind_the_whole_trail_gets_a_lower_bound() =>
        Assert.Equal(Seconds(8), Trail((2, 1000), (3, 2000)).TimeSincePassed(new Lsn(1), Seconds(10)));

    [Fact]
    public void Position_that_the_primary_has_not_passed_is_no_lag() =>
        Assert.Equal(TimeSpan.Zero, Trail((0, 100)).TimeSincePassed(new Lsn(100), Seconds(5)));

    [Fact]
    public void Without_a_trail_the_time_is_unknown() => Assert.Null(PrimaryTrail.Empty.TimeSincePassed(Here, Seconds(5)));

    [Fact]
    public void Trail_keeps_no_more_than_its_capacity()
    {
        var trail = Trail([.. Enumerable.Range(0, PrimaryTrail.Capacity + 50).Select(second => ((double)second, (ulong)second))]);
        var now = Seconds(PrimaryTrail.Capacity + 49);
        Assert.Equal(Seconds(PrimaryTrail.Capacity - 1), trail.TimeSincePassed(default, now)); // the oldest sample kept is 50
        Assert.Equal(Seconds(PrimaryTrail.Capacity - 2), trail.TimeSincePassed(new Lsn(51), now));
    }

    [Fact]
    public void Position_that_goes_back_starts_a_new_trail()
    {
        var trail = Trail((0, 1000), (1, 2000), (2, 500), (3, 600));
        Assert.Equal(new Lsn(600), trail.Newest);
        Assert.Equal(Seconds(8), trail.TimeSincePassed(new Lsn(1), Seconds(10)));
    }

    [Fact]
    public void New_trail_may_grow_to_the_full_capacity_again()
    {
        var full = Trail([.. Enumerable.Range(0, PrimaryTrail.Capacity).Select(second => ((double)second, 10_000UL))]);
        var trail = Enumerable.Range(0, PrimaryTrail.Capacity).Aggregate(full, (grown, index) => grown.Add(Seconds(1000 + index), new Lsn((ulong)index + 1)));
        Assert.Equal(Seconds(PrimaryTrail.Capacity), trail.TimeSincePassed(default, Seconds(1000 + PrimaryTrail.Capacity)));
    }

    [Fact]
    public void Lag_is_unknown_while_the_primary_does_not_answer() =>
        Assert.Equal(Lag.Unknown, Between(Refused(), Standby(), Trail((0, Here.Value)), 1));

    [Fact]
    public void Lag_is_unknown_while_the_standby_does_not_answer() =>
        Assert.Equal(Lag.Unknown, Between(Primary(), Unreachable(Beta), Trail((0, Here.Value)), 1));

    [Fact]
    public void Node_that_is_a_primary_itself_has_no_lag() =>
        Assert.Equal(Lag.Unknown, Between(Primary(), Primary(Beta), Trail((0, Here.Value)), 1));

    [Fact]
    public void Standby_that_does_not_know_its_own_positions_has_unknown_lag() =>
        Assert.Equal(Lag.Unknown, Between(Primary(), Standby().With(server => server with { ReceivedLsn = null, ReplayedLsn = null }), Trail((0, 1)), 1));

    [Fact]
    public void Standby_a_moment_ahead_of_the_primarys_answer_is_not_behind() =>
        Assert.Equal(new Lag(0, 0, TimeSpan.Zero), Between(Primary(), Standby(at: new Lsn(Here.Value + 64)), Trail((0, Here.Value)), 1));
}
