using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>Two watchdogs on one cluster: both notice, and neither touches what is the other one's.</summary>
public class OwnershipTests
{
    private const string Own = "0a1b2c3d";
    private const string Foreign = "3d2c1b0a";
    private static readonly ClusterSpec Spec = Two() with { Owner = Own };
    private static readonly OtherWatchdog Elsewhere = new(Foreign, Alpha, "10.0.0.7");
    private static readonly ClusterMemory Unarmed = Known with { Guard = null };

    private static NodeObservation Shows(NodeObservation seen, string owner = Foreign, double ago = 1, bool here = false) =>
        seen.With(server => server with { Watchdogs = [new(Own, "10.0.0.6", 0, true), new(owner, here ? "10.0.0.6" : "10.0.0.7", ago, here)] });

    private static NodeObservation LeasedBy(string owner, string order = "11112222") =>
        Primary().With(server => server with { GuardOrderId = order, GuardOwner = owner });

    private static ClusterObservation Asked(ClusterObservation look, string owner = Foreign) =>
        look with { Wish = OperatorWish.None with { TakeOver = new TakeoverRequest(owner, "mary", look.Time) } };

    private static ShutGate? Another(Decision decision) => decision.Gates.FirstOrDefault(gate => gate.Gate == Gate.AnotherWatchdog);

    [Fact]
    public void Session_of_another_watchdog_on_any_node_shuts_the_gate_and_stays_on_record_out_of_sight_of_the_primary()
    {
        var watch = new Watch(Spec, Unarmed);
        var seen = watch.Look(1, Primary(), Shows(Standby()));
        Assert.Equal("watchdog 3d2c1b0a at 10.0.0.7 (its session is on beta) watches main as well: stop one of the two; if that one is lost for good: pgwatchdog takeover main",
            Another(seen)!.Sentence);
        Assert.Equal(Elsewhere with { Node = Beta }, watch.Memory.Other);
        Assert.NotNull(Another(watch.LookFrom(2, 60, Unreachable(), Standby(heard: 30))));
        Assert.Null(watch.Memory.Procedure);
        Assert.Null(Another(watch.Look(61, Primary(), Standby())));
        Assert.Null(watch.Memory.Other);
    }

    /// <summary>On the other side of a partition it counts on its lease until the guard has surely stopped the primary.</summary>
    [Theory]
    [InlineData(6, 10, true)]
    [InlineData(6, 10.1, false)]
    [InlineData(30, 38, true)]
    [InlineData(30, 38.1, false)]
    public void Session_that_has_asked_nothing_counts_as_long_as_its_guard_may_live(double timeToLive, double ago, bool alive) => Assert.Equal(alive,
        Ownership.Alive(Spec with { Policy = new Policy { GuardTimeToLive = Seconds(timeToLive) } }, At(1, Shows(Primary(), ago: ago), Standby())) is not null);

    [Fact]
    public void No_failover_begins_while_another_watchdog_is_on_record()
    {
        var watch = new Watch(Spec, Unarmed with { Other = Elsewhere });
        ClusterObservation Crashed(double at) => At(at, Refused(), Deaf()).With(HostDead());
        for (var second = 1; second < 30; second++)
            Assert.IsType<WatchdogAction.None>(watch.Look(Crashed(second)).Action);
        watch = new Watch(Spec, Unarmed);
        watch.Look(Crashed(1));
        watch.Look(Crashed(2));
        Assert.IsType<WatchdogAction.Fence>(watch.Look(Crashed(5)).Action);
    }

    [Fact]
    public void Failover_that_has_not_fenced_is_taken_back_and_one_that_has_goes_on()
    {
        ClusterObservation seen = At(1, Refused(), Shows(Deaf()));
        var unfenced = new Watch(Spec, UnderWay(ProcedureStep.Fence) with { Guard = null });
        unfenced.Look(seen.With(HostGone()));
        Assert.Null(unfenced.Memory.Procedure);
        var fenced = new Watch(Spec, UnderWay(ProcedureStep.Freeze, FencedBy.Ssh) with { Guard = null });
        fenced.Look(seen.With(HostDead(blocked: true)));
        Assert.NotNull(fenced.Memory.Procedure);
    }

    /// <summary>The state directory was copied in the middle of a failover, and the watchdog that began it is alive.</summary>
    [Theory]
    [InlineData(Boot, true)]
    [InlineData("4b7-c9", false)]
    public void Failover_of_a_copied_record_is_left_to_the_other_watchdog(string boot, bool isOwn)
    {
        ClusterObservation seen = At(1, Refused(), Shows(Deaf())).With(HostDead(blocked: true));
        var begun = UnderWay(ProcedureStep.Promote, FencedBy.Ssh);
        var watch = new Watch(Spec, begun with { Guard = null, Procedure = begun.Procedure! with { Boot = boot } });
        var decision = watch.Look(seen);
        Assert.Equal(isOwn, decision.Action is WatchdogAction.Promote);
        Assert.Equal(isOwn, decision.Action is not WatchdogAction.None);
        Assert.NotNull(watch.Memory.Procedure);
    }

    [Theory]
    [InlineData(Foreign, 10, false, true)]
    [InlineData(Foreign, 10.1, false, false)]
    [InlineData(Foreign, -3600, false, true)] // the server's clock was set back
    [InlineData(Foreign, 0, true, true)]
    [InlineData(Own, 0, true, false)]
    [InlineData(Own, 0, false, true)] // a copy of the state directory, on another host
    public void Watchdog_that_asks_from_elsewhere_or_by_another_name_is_another_one_while_it_asks(string owner, double ago, bool here, bool isAnother) =>
        Assert.Equal(isAnother, Another(new Watch(Spec, Unarmed).Look(1, Shows(Primary(), owner, ago, here), Standby())) is not null);

    [Fact]
    public void Watchdog_that_checks_seldom_is_waited_for_longer()
    {
        var seldom = Spec with { Policy = new Policy { CheckInterval = Seconds(10), ProbeTimeout = Seconds(1), UnreachableThreshold = Seconds(60) } };
        Assert.NotNull(Another(new Watch(seldom, Unarmed).Look(1, Shows(Primary(), ago: 33), Standby())));
        Assert.Null(Another(new Watch(seldom, Unarmed).Look(1, Shows(Primary(), ago: 33.1), Standby())));
    }

    [Fact]
    public void Command_without_a_name_finds_no_other_watchdog() =>
        Assert.Null(Another(new Watch(Two(), Unarmed).Look(1, Shows(LeasedBy(Foreign)), Standby())));

    [Fact]
    public void Another_watchdogs_lease_is_neither_replaced_nor_taken_away()
    {
        foreach (var standby in new[] { Standby(), Refused(Beta) })
        {
            var decision = new Watch(Spec).Look(20, LeasedBy(Foreign), standby);
            Assert.IsType<WatchdogAction.None>(decision.Action);
            Assert.Null(decision.Memory.Guard);
            Assert.Equal("watchdog 3d2c1b0a (its lease arms the guard of alpha) watches main as well: stop one of the two; if that one is lost for good: pgwatchdog takeover main",
                Another(decision)!.Sentence);
        }
    }

    [Fact]
    public void Own_lease_is_taken_back_while_another_watchdog_is_there_and_ordered_again_when_it_is_gone()
    {
        var watch = new Watch(Spec, Unarmed);
        watch.LookFrom(1, 5, Primary(), Standby());
        Assert.Equal(Own, watch.Memory.Guard!.Order.Owner);
        Assert.Contains(watch.Look(6, Shows(Primary()), Standby()).Events, told => told.Kind == EventKind.GuardChanged);
        Assert.Null(watch.Memory.Guard);
        watch.LookFrom(7, 20, Primary(), Standby());
        Assert.Equal(Own, watch.Memory.Guard!.Order.Owner);
    }

    /// <summary>
    /// A copy of the state directory comes on the primary's side of a partition. The other one counts on the lease that has the name of both: the copy neither takes it away nor
    /// renews it, nor does one that comes back from a gap. The one that held the lease until just now takes it away: the newcomer has not counted on it yet.
    /// </summary>
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(true, 60)]
    public void Lease_beside_a_copy_is_its_holders_business(bool held, int away)
    {
        var order = new GuardOrder(new Policy().GuardTimeToLive, [Beta], Own);
        var armed = Primary().With(server => server with { GuardOrderId = order.Id, GuardOwner = Own });
        var (memory, working) = (Known with { Guard = new ArmedGuard(Alpha, order, Start.AddDays(-1)) }, WorkingMemory.Empty);
        var isHolder = held && away < 10;
        (WatchdogAction, string?) expected = isHolder ? (new WatchdogAction.DisarmGuard(Alpha), Alpha) : (WatchdogAction.Nothing, null);
        if (held)
            Assert.Equal((WatchdogAction.Nothing, Alpha), Look(20, armed));
        Assert.Equal(expected, Look(20 + away, Shows(armed, Own)));
        Assert.Null(memory.Guard);
        // The host did not answer: the holder asks again.
        Assert.Equal(expected, Look(23 + away, Shows(armed, Own)));
        // The other one is gone: whoever stays has the lease.
        Look(24 + away, armed);
        Look(30 + away, armed);
        Assert.Equal((WatchdogAction.Nothing, Alpha), Look(31 + away, armed));
        Assert.NotNull(memory.Guard);

        (WatchdogAction, string?) Look(double second, NodeObservation primary)
        {
            var decision = Decider.Decide(Spec, memory, working, At(second, primary, Standby()));
            (memory, working) = (decision.Memory, decision.Working);
            return (decision.Action, decision.Inquiry.Renews);
        }
    }

    /// <summary>Both came back from a gap in the same moment. Whoever has just asked the primary has seen this one's session there, and begins nothing.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(5, false)] // it may be cut off by now, since before this one came
    public void Lease_that_neither_of_two_namesakes_holds_is_taken_away(double ago, bool isTaken)
    {
        var armed = Primary().With(server => server with { GuardOrderId = "11112222", GuardOwner = Own });
        var watch = new Watch(Spec, Unarmed);
        watch.LookFrom(1, 8, Shows(armed, Own, ago), Standby());
        Assert.Null(watch.Working.GuardToldAt);
        watch.LookFrom(9, 30, Shows(armed, Own, ago), Standby());
        Assert.Equal(isTaken, watch.Working.GuardToldAt is not null);
    }

    /// <summary>set-up lets the watchdog in from its own address alone; its key for SSH is in the copy.</summary>
    [Theory]
    [InlineData(Boot, true)]
    [InlineData("4b7-c9", false)]
    public void Copy_that_no_server_lets_in_does_not_take_the_lease_back(string boot, bool isTaken)
    {
        var watch = new Watch(Spec, Known with { LastPosition = new PrimaryPosition(Here, Start, boot) });
        for (var second = 1; second < 20; second++)
            watch.Look(At(second, Busy(), Busy(Beta)).With(HostUp(Alpha) with { LocalAnswer = PortAnswer.Accepting }));
        Assert.Equal(isTaken, watch.Working.GuardToldAt is not null);
    }

    [Fact]
    public void Guard_that_shows_no_order_says_nothing_of_a_lease_that_was_seen()
    {
        var leased = Unarmed with { Other = Elsewhere with { Address = "" } };
        ClusterMemory After(NodeObservation primary) => Ownership.Looked(Spec, leased, At(1, primary, Standby()));
        Assert.Same(leased, After(Primary()));
        Assert.Same(leased, After(Primary().With(server => server with { GuardOrderId = "", ReadsStatistics = false })));
        Assert.Null(After(Primary().With(server => server with { GuardOrderId = "" })).Other);
    }

    /// <summary>What could not be written did not happen, for the record: this process has seen it all the same.</summary>
    [Fact]
    public void Other_watchdog_that_was_seen_while_the_journal_could_not_be_written_is_not_forgotten()
    {
        var seen = Decider.Decide(Spec, Unarmed, WorkingMemory.Empty, At(1, Shows(Primary()), Standby()) with { JournalWritable = false });
        var later = Decider.Decide(Spec, Unarmed, seen.Working, At(2, Unreachable(), Standby()));
        Assert.NotNull(Another(later));
        Assert.NotNull(later.Memory.Other);
        var gone = Decider.Decide(Spec, later.Memory, later.Working, At(3, Primary(), Standby()));
        Assert.Null(Decider.Decide(Spec, gone.Memory, gone.Working, At(4, Primary(), Standby())).Memory.Other);
    }

    [Fact]
    public void Takeover_replaces_the_lease_of_a_lost_watchdog()
    {
        var watch = new Watch(Spec, Unarmed);
        watch.Look(1, LeasedBy(Foreign), Standby());
        var taken = watch.Look(Asked(At(2, LeasedBy(Foreign), Standby())));
        Assert.Contains(taken.Events, told => told.Sentence == "this watchdog takes over from watchdog 3d2c1b0a, as mary asked");
        Assert.Equal((null, Foreign), (watch.Memory.Other, watch.Memory.LostOwner));
        Assert.Null(Another(watch.Look(Asked(At(3, LeasedBy(Foreign), Standby())))));
        var arm = Assert.IsType<WatchdogAction.ArmGuard>(Decider.Decide(Spec, watch.Memory, WorkingMemory.Empty, At(4, LeasedBy(Foreign), Standby())).Action);
        Assert.Equal((Own, Foreign), (arm.Order.Owner, arm.Lost));
    }

    [Fact]
    public void Takeover_waits_while_the_other_watchdog_is_alive_and_says_so_once()
    {
        var watch = new Watch(Spec, Unarmed);
        watch.Look(1, Shows(Primary()), Standby());
        var request = Asked(At(2, Shows(Primary()), Standby()));
        Assert.Equal("mary asked to take over: watchdog 3d2c1b0a at 10.0.0.7 (its session is on alpha) is alive. Stop it first, then run pgwatchdog takeover main again",
            Assert.Single(watch.Look(request).Events, told => told.Kind == EventKind.TakeoverWaits).Sentence);
        Assert.DoesNotContain(watch.Look(request with { At = Seconds(3) }).Events, told => told.Kind == EventKind.TakeoverWaits);
        Assert.NotNull(watch.Memory.Other);
        watch.Look(At(4, Unreachable(), Standby()) with { Wish = request.Wish }); // a partition hides the session: that is no leave
        Assert.NotNull(watch.Memory.Other);
    }

    [Theory]
    [InlineData("99999999", 0)] // another one than the one on record
    [InlineData(Foreign, 301)] // too old
    [InlineData(Foreign, -1)] // from the future
    public void Takeover_that_is_about_something_else_does_nothing(string owner, double ago)
    {
        var watch = new Watch(Spec, Unarmed with { Other = Elsewhere });
        var look = At(400, Unreachable(), Standby());
        watch.Look(look with { Wish = OperatorWish.None with { TakeOver = new TakeoverRequest(owner, "mary", look.Time.AddSeconds(-ago)) } });
        Assert.Equal(Elsewhere, watch.Memory.Other);
    }

    /// <summary>The other one may live again, and arm a lease that it counts on, while this one is away.</summary>
    [Fact]
    public void Declaration_that_a_watchdog_is_lost_ends_when_its_lease_is_replaced()
    {
        var watch = new Watch(Spec, Unarmed with { LostOwner = Foreign });
        watch.Look(1, LeasedBy(Foreign), Standby());
        Assert.Equal(Foreign, watch.Memory.LostOwner);
        watch.Look(5, LeasedBy(Own), Standby());
        Assert.Equal("", watch.Memory.LostOwner);
        Assert.NotNull(Another(watch.Look(9, LeasedBy(Foreign, "33334444"), Standby())));
    }

    [Fact]
    public void Lost_watchdog_that_comes_back_is_another_one_again()
    {
        var watch = new Watch(Spec, Unarmed with { LostOwner = Foreign });
        Assert.NotNull(Another(watch.Look(1, Shows(Primary()), Standby())));
        Assert.Equal("", watch.Memory.LostOwner);
    }
}
