using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Observing;

/// <summary>What happened while the watchdog saw nothing, nobody can tell it who did not see it either.</summary>
public class SightTests
{
    private static readonly ClusterMemory Old = Known with { LastPosition = new PrimaryPosition(Here, Start.AddDays(-1), Boot), Guard = null };

    private static Decision After(Watch watch, double from, double to, params NodeObservation[] nodes)
    {
        var last = watch.Look(At(from, nodes).With(HostDead()));
        for (var second = from + 1; second <= to; second++)
            last = watch.Look(At(second, nodes).With(HostDead()));
        return last;
    }

    [Fact]
    public void Node_that_was_not_seen_since_an_old_record_may_be_the_primary()
    {
        var last = After(new Watch(Three(), Old), 0, 60, Refused(), Unreachable(Beta), Deaf(Gamma));
        Assert.Equal((Verdict.Unknown, WatchdogAction.Nothing), (last.Diagnosis.Verdict, last.Action));
        Assert.Contains("beta may have been promoted out of the watchdog's sight", last.Diagnosis.Evidence[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Old_record_is_good_once_all_other_nodes_are_seen_as_standbys()
    {
        var watch = new Watch(Three(), Old);
        watch.Look(At(0, Refused(), Deaf(), Unreachable(Gamma)).With(HostDead()));
        Assert.Equal(Verdict.Crashed, watch.Look(At(1, Refused(), Unreachable(Beta), Deaf(Gamma)).With(HostDead())).Diagnosis.Verdict);
    }

    [Fact]
    public void Dead_standby_is_seen_by_its_host() => Assert.Equal(Verdict.Crashed,
        new Watch(Three(), Old).Look(At(0, Refused(), Refused(Beta), Deaf(Gamma)).With(HostDead(), HostDead(Beta) with { StandbySignal = true })).Diagnosis.Verdict);

    [Fact]
    public void Restarted_watchdog_trusts_a_record_of_seconds_ago() =>
        Assert.Equal(Verdict.Crashed, After(new Watch(Three(), Known), 5, 6, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);

    /// <summary>The state directory was copied to another host a moment ago: the watchdog that wrote it may live, and promote another node.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("4b7-c9")]
    public void Record_of_another_boot_is_a_copy_and_no_restart(string boot) =>
        Assert.Equal(Verdict.Unknown, After(new Watch(Three(), Known with { LastPosition = new PrimaryPosition(Here, Start, boot) }), 5, 6, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);

    [Fact]
    public void Record_from_the_future_is_no_fresh_one() => Assert.Equal(Verdict.Unknown,
        After(new Watch(Three(), Known with { LastPosition = new PrimaryPosition(Here, Start.AddDays(1), Boot) }), 5, 6, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);

    /// <summary>Since a backup was made in the middle of a failover, that one may have ended, with the node that is silent.</summary>
    [Theory]
    [InlineData(3, Verdict.Crashed)]
    [InlineData(20, Verdict.Unknown)]
    public void Failover_on_record_is_as_old_as_its_last_step(int seconds, Verdict verdict)
    {
        var begun = UnderWay(ProcedureStep.Salvage, FencedBy.Ssh);
        var last = After(new Watch(Three(), begun), seconds, seconds + 1, Refused(), Unreachable(Beta), Deaf(Gamma));
        Assert.Equal((verdict, verdict == Verdict.Crashed), (last.Diagnosis.Verdict, last.Action is not WatchdogAction.None));
    }

    [Theory]
    [InlineData(4, Verdict.Crashed)]
    [InlineData(30, Verdict.Unknown)]
    public void Watchdog_that_was_cut_off_for_long_does_not_know_what_happened_meanwhile(int seconds, Verdict verdict)
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        watch.LookFrom(1, seconds, Unreachable(), Unreachable(Beta), Unreachable(Gamma));
        Assert.Equal(verdict, After(watch, seconds + 1, seconds + 2, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);
    }

    /// <summary>A fence command or a hook may take half a minute, in which nobody looks.</summary>
    [Fact]
    public void Own_action_of_a_failover_is_no_gap()
    {
        var watch = new Watch(Three() with { Policy = new Policy { HasFenceCommand = true } });
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        for (var second = 1; second <= 15 && watch.Memory.Procedure is null; second++)
            watch.Look(At(second, Unreachable(), Deaf(), Unreachable(Gamma)).With(HostGone()));
        Assert.NotNull(watch.Memory.Procedure);
        var after = watch.Look(At(50, Unreachable(), Deaf(), Unreachable(Gamma)).With(HostGone()) with
        {
            Report = new ActionReport(nameof(WatchdogAction.FenceByCommand), Alpha, true),
        });
        Assert.Equal(Verdict.Down, after.Diagnosis.Verdict);
    }

    [Fact]
    public void What_a_host_said_before_a_gap_says_nothing_of_what_came_after_it()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        watch.LookFrom(1, 30, Unreachable(), Unreachable(Beta), Unreachable(Gamma));
        Assert.Equal(Verdict.Unknown, LookAt(31, betaSaidAt: 0));
        Assert.Equal(Verdict.Unknown, LookAt(32, betaSaidAt: 0));
        Assert.Equal(Verdict.Crashed, LookAt(33, betaSaidAt: 33));

        Verdict LookAt(double second, double betaSaidAt)
        {
            var look = At(second, Refused(), Unreachable(Beta), Deaf(Gamma)).With(HostDead());
            return watch.Look(look with { Hosts = look.Hosts.Add(HostUp(Beta) with { StandbySignal = true, At = Seconds(betaSaidAt) }) }).Diagnosis.Verdict;
        }
    }

    /// <summary>Heard is less: a primary that is fenced a moment later by another watchdog, on the other side of a partition, was heard as well.</summary>
    [Theory]
    [InlineData(true, Verdict.Crashed)]
    [InlineData(false, Verdict.Unknown)]
    public void Primary_that_is_seen_again_confirms_the_record(bool seen, Verdict verdict)
    {
        var watch = new Watch(Three(), Old);
        watch.Look(0, seen ? Primary() : Unreachable(), Unreachable(Beta), Standby(Gamma));
        Assert.Equal(verdict, After(watch, 1, 2, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);
    }

    /// <summary>An operator has promoted it: that it falls silent says nothing of whom it serves.</summary>
    [Fact]
    public void Node_that_said_that_it_is_primary_may_be_it_until_it_is_seen_as_a_standby()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        watch.Look(At(1, Refused(), Primary(Beta, timeline: 2), Deaf(Gamma)).With(HostDead()));
        Assert.Equal(Verdict.Unknown, After(watch, 2, 60, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);
        Assert.Null(watch.Memory.Procedure);
        Assert.Equal(Verdict.Crashed, After(watch, 61, 61, Refused(), Deaf(), Deaf(Gamma)).Diagnosis.Verdict);
    }

    /// <summary>Only one of them serves writes that count, whichever it is; who says it beside the primary may be all that is left.</summary>
    [Fact]
    public void Node_that_said_that_it_is_primary_beside_the_expected_one_may_be_it_when_that_is_gone()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        watch.Look(1, Primary(), Primary(Beta, timeline: 2), Standby(Gamma));
        watch.Look(2, Primary(), Unreachable(Beta), Standby(Gamma));
        Assert.Equal(Verdict.Unknown, After(watch, 3, 60, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);
        Assert.Null(watch.Memory.Procedure);
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 1)]
    public void Another_clusters_primary_and_a_replaced_one_are_nobodys_promotion(bool replaced, uint timeline)
    {
        var watch = new Watch(Three(), Known with { Replaced = replaced ? [Beta] : [], NewestTimeline = 2 });
        var stray = Primary(Beta, timeline: timeline);
        watch.Look(0, Primary(timeline: 2), replaced ? stray : stray.With(server => server with { SystemIdentifier = 42 }), Standby(Gamma, timeline: 2));
        Assert.Equal(Verdict.Crashed, After(watch, 1, 2, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);
    }

    /// <summary>The runbook says to promote by hand where a gate is shut. The watchdog does not see it, and then the gate opens.</summary>
    [Theory]
    [InlineData(30, Verdict.Crashed)]
    [InlineData(90, Verdict.Unknown)]
    public void Node_out_of_sight_while_a_gate_held_the_failover_may_have_been_promoted_by_hand(int seconds, Verdict verdict)
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        for (var second = 1; second < seconds; second++)
            watch.Look(At(second, Refused(), Unreachable(Beta), Deaf(Gamma)).With(HostDead()) with { Wish = new OperatorWish(Paused: true, 0) });
        Assert.Null(watch.Memory.Procedure);
        var last = After(watch, seconds, seconds + 1, Refused(), Unreachable(Beta), Deaf(Gamma));
        Assert.Equal((verdict, verdict == Verdict.Crashed), (last.Diagnosis.Verdict, watch.Memory.Procedure is not null));
    }

    /// <summary>While it was suspended an operator may have done anything, also to the guard.</summary>
    [Theory]
    [InlineData(0, true)]
    [InlineData(3600, false)]
    public void Watchdog_whose_host_was_suspended_believes_nothing_that_it_saw_before(int suspended, bool fails)
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        for (var second = 1; second < 60; second++)
            watch.Look(At(second, Unreachable(), Deaf()).With(HostGone()) with { Time = Start.AddSeconds(second + suspended) });
        Assert.Equal(fails, watch.Memory.Procedure is not null);
    }

    [Fact]
    public void Watchdog_whose_host_was_suspended_still_knows_who_said_that_it_is_primary()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        watch.Look(1, Primary(), Primary(Beta, timeline: 2), Standby(Gamma));
        LookLater(2, Primary(), Unreachable(Beta), Standby(Gamma));
        LookLater(3, Refused(), Unreachable(Beta), Deaf(Gamma));
        Assert.Equal(Verdict.Unknown, LookLater(4, Refused(), Unreachable(Beta), Deaf(Gamma)).Diagnosis.Verdict);

        Decision LookLater(double second, params NodeObservation[] nodes) =>
            watch.Look(At(second, nodes).With(HostDead()) with { Time = Start.AddSeconds(second + 3600) });
    }

    /// <summary>Answers of hosts are kept for some seconds of the clock that stood still.</summary>
    [Theory]
    [InlineData(0, Verdict.Unknown)]
    [InlineData(2, Verdict.Crashed)]
    public void What_a_host_said_before_the_watchdog_was_suspended_says_nothing_of_what_came_after_it(double betaSaidAt, Verdict verdict)
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        LookLater(1);
        Assert.Equal(verdict, LookLater(2).Diagnosis.Verdict);

        Decision LookLater(double second)
        {
            var look = At(second, Refused(), Unreachable(Beta), Deaf(Gamma)).With(HostDead()) with { Time = Start.AddSeconds(second + 3600) };
            return watch.Look(look with { Hosts = look.Hosts.Add(HostUp(Beta) with { StandbySignal = true, At = Seconds(betaSaidAt) }) });
        }
    }

    [Fact]
    public void Two_nodes_have_nobody_else_to_be_promoted() =>
        Assert.Equal(Verdict.Crashed, After(new Watch(Two(), Old), 0, 1, Refused(), Deaf()).Diagnosis.Verdict);

    /// <summary>Its guard may lift the block that it has put there. With the watchdog's block it is accounted for, and the failover goes on.</summary>
    [Fact]
    public void Replaced_node_that_its_guard_has_stopped_is_blocked_while_a_failover_waits_for_it()
    {
        var gamma = HostDead(Gamma, blocked: true) with { BlockedByGuard = true };
        var watch = new Watch(Three(), Promoting with { Replaced = [Gamma, Alpha] });
        watch.Look(At(1, Unreachable(), Deaf(), Unreachable(Gamma)).With(HostGone()));
        var blind = watch.Look(At(30, Unreachable(), Deaf(), Refused(Gamma)).With(HostGone(), gamma));
        Assert.Equal((Verdict.Unknown, new WatchdogAction.Fence(Gamma)), (blind.Diagnosis.Verdict, blind.Action));
        var sees = watch.Look(At(31, Unreachable(), Deaf(), Refused(Gamma)).With(HostGone(), gamma with { BlockedByGuard = false }));
        Assert.Equal(Verdict.Down, sees.Diagnosis.Verdict);
        Assert.IsType<WatchdogAction.Promote>(sees.Action);
    }

    /// <summary>An operator may have promoted it in the gap.</summary>
    [Fact]
    public void Node_with_a_newer_history_is_not_blocked_while_a_failover_waits_for_it()
    {
        var watch = new Watch(Three(), Promoting with { Replaced = [Gamma, Alpha] });
        watch.Look(At(1, Unreachable(), Deaf(), Unreachable(Gamma)).With(HostGone()));
        var blind = watch.Look(At(30, Unreachable(), Deaf(), Refused(Gamma)).With(HostGone(), HostDead(Gamma) with { History = TimelineHistory.Parse("2 1 0/3000000") }));
        Assert.Equal((Verdict.Unknown, WatchdogAction.Nothing), (blind.Diagnosis.Verdict, blind.Action));
    }
}
