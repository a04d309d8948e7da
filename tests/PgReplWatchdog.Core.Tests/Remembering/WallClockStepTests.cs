using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Remembering;

/// <summary>Somebody sets the wall clock of the watchdog's host. What protects by waiting waits as long as before.</summary>
public class WallClockStepTests
{
    private const double Hour = 3600;

    /// <summary>So many seconds after the start by the monotonic clock, with a wall clock that is off by so many.</summary>
    private static ClusterObservation At(double seconds, double off, params NodeObservation[] nodes) =>
        Clusters.At(seconds, nodes) with { Time = Start.AddSeconds(seconds + off) };

    private static ClusterObservation Removed(ClusterObservation look) =>
        look with { Report = new ActionReport(nameof(WatchdogAction.WithdrawPromotion), Beta, true) };

    [Theory]
    [InlineData(0)]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    public void Standby_that_may_have_taken_its_promotion_is_waited_for_by_the_monotonic_clock(double step)
    {
        var watch = new Watch(Two(), Promoting);
        watch.Look(At(10, 0, Primary(), Deaf())); // alpha serves: taken back
        Assert.Equal(ProcedureStep.Withdraw, watch.Memory.Procedure!.Step);
        watch.Look(Removed(At(16.9, step, Primary(), Deaf())));
        Assert.NotNull(watch.Memory.Procedure);
        watch.Look(Removed(At(17, step, Primary(), Deaf())));
        Assert.Null(watch.Memory.Procedure);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2 * Hour)]
    [InlineData(-2 * Hour)]
    public void Second_failover_waits_for_MinimumInterval_by_the_monotonic_clock(double step)
    {
        var watch = new Watch(Two(), Promoting);
        watch.Look(At(10, 0, Refused(), Primary(Beta, timeline: 2)));
        Assert.True(watch.Memory.LastFailover!.Succeeded);
        Assert.Contains(Gate.RecentFailover, Names(watch.Look(At(Hour + 9.9, step, Refused(), Primary(Beta, timeline: 2)))));
        Assert.DoesNotContain(Gate.RecentFailover, Names(watch.Look(At(Hour + 10, step, Refused(), Primary(Beta, timeline: 2)))));
    }

    [Theory]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    public void Failover_that_this_process_has_begun_is_as_old_as_it_knows(double step)
    {
        var watch = new Watch(Two());
        watch.Look(At(0, 0, Primary(), Standby()));
        for (var second = 1; watch.Memory.Procedure is null; second++)
            watch.Look(At(second, 0, Refused(), Deaf()).With(HostDead(blocked: false)));
        Assert.Equal(ProcedureStep.Fence, watch.Look(At(10, step, Refused(), Deaf()).With(HostDead(blocked: false))).Memory.Procedure!.Step);
    }

    [Theory]
    [InlineData(-1, ProcedureStep.Fence)]
    [InlineData(-121, null)] // decided longer ago than ProcedureLimit
    [InlineData(1, null)] // in the future
    public void Failover_on_record_is_gone_on_with_only_where_its_age_is_known(double decidedAt, ProcedureStep? step)
    {
        var memory = UnderWay(ProcedureStep.Fence);
        memory = memory with { Procedure = memory.Procedure! with { DecidedAt = Start.AddSeconds(decidedAt) } };
        Assert.Equal(step, new Watch(Two(), memory).Look(At(0, 0, Refused(), Deaf()).With(HostDead(blocked: false))).Memory.Procedure?.Step);
    }

    [Fact]
    public void Time_on_record_that_lies_in_the_future_counts_from_the_look_that_finds_it()
    {
        var memory = FailedOver with { LastFailover = Finished(2, Alpha, Beta, true, Start.AddYears(1)) };
        var watch = new Watch(Two(), memory);
        Assert.Contains(Gate.RecentFailover, Names(watch.Look(At(0, 0, Refused(), Primary(Beta, timeline: 2)))));
        Assert.DoesNotContain(Gate.RecentFailover, Names(watch.Look(At(Hour, 0, Refused(), Primary(Beta, timeline: 2)))));
    }

    [Theory]
    [InlineData(Hour)]
    [InlineData(-Hour)]
    public void Attempts_to_repoint_lie_apart_by_the_monotonic_clock(double step)
    {
        var watch = new Watch(Two(), FailedOver with { Replaced = [], Following = [Alpha] });
        Assert.IsType<WatchdogAction.Repoint>(watch.Look(At(0, 0, Deaf(Alpha), Primary(Beta, timeline: 2))).Action);
        Assert.IsType<WatchdogAction.None>(watch.Look(At(2.9, step, Deaf(Alpha), Primary(Beta, timeline: 2))).Action);
        Assert.IsType<WatchdogAction.Repoint>(watch.Look(At(3, step, Deaf(Alpha), Primary(Beta, timeline: 2))).Action);
    }

    private static IEnumerable<Gate> Names(Decision decision) => decision.Gates.Select(gate => gate.Gate);
}
