using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>When the next look is due, and what it asks.</summary>
public class NextLookTests
{
    [Theory]
    [InlineData(1, 8.22, false)]
    [InlineData(7.4, 1.82, false)] // a scheduled look in between has just the time to end
    [InlineData(7.5, 1.72, true)]
    [InlineData(9.5, 0.01, true)]
    public void Next_look_at_a_silent_primary_ends_when_the_threshold_is_reached_and_none_goes_on_then(double at, double lookAgainIn, bool notSooner)
    {
        var decision = DownUntil(at);
        Assert.Equal((Seconds(lookAgainIn), notSooner), (decision.LookAgainIn, decision.NotSooner));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-0.015)]
    public void Look_that_is_due_at_the_threshold_decides_also_where_its_timers_run_out_a_little_early(double early)
    {
        var watch = new Watch(Two(new Policy { Fencing = Fencing.BestEffort }));
        watch.Look(0, Primary(), Standby());
        var due = watch.LookFrom(1, 8, Unreachable(), Deaf()).LookAgainIn!.Value.TotalSeconds;
        var ends = 8 + due + new Policy().ProbeTimeout.TotalSeconds + early;
        Assert.NotNull(watch.Look(ends, Unreachable(), Deaf()).Memory.Procedure);
    }

    private static Decision DownUntil(double at, HostObservation? host = null, Policy? policy = null)
    {
        var watch = new Watch(Two(policy));
        watch.Look(0, Primary(), Standby());
        for (var second = 1; second < at; second++)
            watch.Look(At(second, Refused(), Deaf()).With(host is null ? [] : [host]));
        return watch.Look(At(at, Refused(), Deaf()).With(host is null ? [] : [host]));
    }

    [Fact]
    public void Look_at_a_host_that_answers_takes_no_time_that_would_have_to_be_allowed_for()
    {
        var hung = DownUntil(9.5, HostHung());
        Assert.Equal((Verdict.Hung, Seconds(1.5), false), (hung.Diagnosis.Verdict, hung.LookAgainIn, hung.NotSooner)); // found at 1
    }

    [Fact]
    public void Look_at_a_hung_primary_waits_for_its_answer_until_the_threshold_is_reached()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        watch.Look(At(1.8, Unreachable() with { AnsweredAgo = Seconds(0.8) }, Standby()).With(HostHung()));
        Assert.Equal(Seconds(11 - 4.8 - 0.78), watch.Look(At(4.8, Unreachable(), Standby()).With(HostHung())).LookAgainIn);
        var last = watch.Look(At(9.8, Unreachable(), Standby()).With(HostHung()));
        Assert.Equal((Seconds(0.42), true), (last.LookAgainIn, last.NotSooner)); // a scheduled one would go on at the threshold
    }

    /// <summary>The guard of one that is replaced is to stop it, also while the journal keeps the watchdog from fencing it.</summary>
    [Fact]
    public void Lease_is_renewed_on_the_primary_on_record_alone()
    {
        Assert.Equal(Alpha, new Watch(Two()).Look(0, Primary(), Standby()).Inquiry.Renews);
        Assert.Equal(Alpha, new Watch(Two(), UnderWay(ProcedureStep.Freeze, FencedBy.Command)).Look(3, Unreachable(), Deaf()).Inquiry.Renews);
        Assert.Equal(Beta, new Watch(Two(), Promoting).Look(3, Unreachable(), Deaf()).Inquiry.Renews);
        Assert.Equal(Beta, new Watch(Two(), Promoting).Look(3, Primary(), Primary(Beta, timeline: 2)).Inquiry.Renews);
        Assert.Equal(Alpha, new Watch(Two(), Promoting).Look(3, Primary(), Deaf()).Inquiry.Renews); // the failover is taken back
    }

    [Fact]
    public void Scheduled_look_is_kept_where_none_is_due_or_a_failover_is_under_way()
    {
        Assert.False(DownUntil(9.5, policy: new Policy { Automatic = false }).NotSooner);
        var begun = DownUntil(10);
        Assert.Equal((nameof(WatchdogAction.Freeze), Seconds(0.25), false), (begun.Action.Kind, begun.LookAgainIn, begun.NotSooner));
    }

    public static TheoryData<string, bool> LooksAfterActions => new()
    {
        { "a step of a failover", true },
        { "a promotion asked for again", true },
        { "a failover that waits", false },
        { "a failover that is done", false },
        { "a fence outside a failover", false },
        { "silence", false },
    };

    [Theory, MemberData(nameof(LooksAfterActions))]
    public void Only_after_an_action_of_a_failover_who_was_silent_is_not_waited_for_again(string what, bool again)
    {
        var decision = what switch
        {
            "a step of a failover" => new Watch(Two(), UnderWay(ProcedureStep.Freeze, FencedBy.Command)).Look(3, Unreachable(), Deaf()),
            "a promotion asked for again" => new Watch(Two(), Promoting).Look(3, Unreachable(), Deaf()),
            "a failover that waits" => new Watch(Two(), Promoting).Look(3, Unreachable(), Unreachable(Beta)),
            "a failover that is done" => new Watch(Two(), Promoting).Look(3, Unreachable(), Primary(Beta, timeline: 2)),
            "a fence outside a failover" => new Watch(Two(), FailedOver).Look(0, Primary(), Primary(Beta, timeline: 2)),
            _ => DownUntil(5),
        };
        Assert.Equal(again, decision.Inquiry.Again);
    }

    /// <summary>It was silent for the guard's time already, and does not start again by itself. Two looks find it, and it is fenced first.</summary>
    [Fact]
    public void Primary_that_its_guard_has_stopped_is_replaced_without_CrashedThreshold()
    {
        var watch = new Watch(Two());
        var stopped = HostDead(blocked: true) with { BlockedByGuard = true };
        watch.Look(0, Primary(), Standby());
        var first = watch.Look(At(1, Refused(), Deaf()).With(stopped));
        Assert.Equal((Verdict.Crashed, Seconds(0.01), null), (first.Diagnosis.Verdict, first.LookAgainIn, first.Memory.Procedure));
        Assert.Equal(new WatchdogAction.Fence(Alpha), watch.Look(At(1.02, Refused(), Deaf()).With(stopped)).Action);
    }

    /// <summary>Three quarters of what the look before took: one that ends before the threshold has to be followed by another.</summary>
    [Fact]
    public void Look_that_is_due_at_the_threshold_begins_before_it()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        watch.Look(At(1, Refused(), Deaf()).With(HostDead()));
        var second = watch.Look(At(1.1, Refused(), Deaf()).With(HostDead()) with { Took = Seconds(0.08) });
        Assert.Equal((Verdict.Crashed, new Policy().CrashedThreshold - Seconds(0.1) - Seconds(0.06)), (second.Diagnosis.Verdict, second.LookAgainIn));
    }

    [Fact]
    public void Crash_that_no_walreceiver_has_noticed_yet_is_looked_at_again_at_once()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        var unnoticed = watch.Look(At(0.5, Refused(), Standby(heard: 0)).With(HostDead()));
        Assert.Equal((Verdict.ServingElsewhere, Seconds(0.01)), (unnoticed.Diagnosis.Verdict, unnoticed.LookAgainIn));
        Assert.Equal(Seconds(0.25), watch.Look(At(2, Refused(), Standby(heard: 0)).With(HostDead())).LookAgainIn);
    }

    /// <summary>How long the other vantage points took to say the same is no time in which the primary was anything else.</summary>
    [Fact]
    public void Crash_is_as_old_as_the_refusal_that_told_of_it()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        watch.Look(At(1, Refused() with { AnsweredAgo = Seconds(0.2) }, Deaf()).With(HostDead()));
        Assert.Null(watch.Look(At(1.25, Refused(), Deaf()).With(HostDead())).Memory.Procedure);
        Assert.NotNull(watch.Look(At(1.3, Refused(), Deaf()).With(HostDead())).Memory.Procedure);
    }

    [Fact]
    public void Hung_primary_served_nobody_since_it_was_asked()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        watch.Look(At(2, Unreachable() with { AnsweredAgo = Seconds(1) }, Standby()).With(HostHung())); // asked at 1
        foreach (var second in new[] { 5, 8, 10.9 })
            Assert.Null(watch.Look(At(second, Unreachable(), Standby()).With(HostHung())).Memory.Procedure);
        Assert.NotNull(watch.Look(At(11, Unreachable(), Standby()).With(HostHung())).Memory.Procedure);
    }

    [Fact]
    public void Looks_are_not_hurried_while_nothing_can_come_of_them()
    {
        var stopped = new Watch(Two());
        stopped.Look(0, Primary(), Standby());
        Assert.Null(stopped.Look(At(1, Refused(), Deaf()).With(HostDead(Alpha, "shut down"))).LookAgainIn);
        var unguarded = new Watch(Two(), Known with { Guard = null });
        unguarded.LookFrom(0, 11, Unreachable(), Deaf());
        Assert.Null(unguarded.Look(12, Unreachable(), Deaf()).LookAgainIn);
    }

    [Fact]
    public void Next_look_is_due_when_the_guard_has_had_its_time()
    {
        var watch = new Watch(Two(new Policy { GuardTimeToLive = Seconds(12) }), Known);
        watch.Look(0, Primary(), Standby());
        Assert.Equal(Seconds(14.52) - new Policy().ProbeTimeout, watch.Look(1, Unreachable(), Deaf()).LookAgainIn);
    }

    [Fact]
    public void Quiet_look_leaves_the_next_one_to_the_schedule() => Assert.Null(new Watch(Two()).Look(0, Primary(), Standby()).LookAgainIn);

    [Fact]
    public void Threshold_that_would_open_nothing_hurries_no_look()
    {
        var watch = new Watch(Two(new Policy { Automatic = false }));
        watch.Look(0, Primary(), Standby());
        Assert.Null(watch.Look(1, Refused(), Deaf()).LookAgainIn);
    }

    [Theory]
    [InlineData(Reach.Refused, true)]
    [InlineData(Reach.Alive, true)]
    [InlineData(Reach.Unreachable, false)]
    [InlineData(Reach.Failed, false)]
    public void Replaced_node_whose_host_answers_may_come_back_at_any_moment(Reach reach, bool soon) =>
        Assert.Equal(soon ? Seconds(0.25) : null, new Watch(Two(), FailedOver).Look(0, Without(reach, Alpha), Primary(Beta, timeline: 2)).LookAgainIn);
}
