using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>What the primary's guard shows, and what is done and remembered of it.</summary>
public class GuardingTests
{
    private static readonly GuardOrder BetaVouches = new(Seconds(6), [Beta]);

    private static NextStep Next(
        ClusterMemory memory, string? shown, double? triedAt = null, Policy? policy = null, NodeObservation? standby = null, OperatorWish? wish = null, bool freezeWindow = false,
        double startedAt = 10)
    {
        var seen = At(20, Primary().With(server => server with { GuardOrderId = shown }), standby ?? Standby()) with { Wish = wish ?? OperatorWish.None, InFreezeWindow = freezeWindow };
        return Guarding.Next(new Situation(Two(policy), memory, new Diagnosis(Verdict.Serving, Alpha, []), Suspicion.None, seen), triedAt is { } at ? Seconds(at) : null, Seconds(startedAt));
    }

    private static readonly ClusterMemory Unarmed = Known with { Guard = null };

    [Fact]
    public void Guard_that_shows_the_wanted_order_is_remembered_and_nothing_is_done()
    {
        var next = Next(Unarmed, BetaVouches.Id);
        Assert.Equal((WatchdogAction.Nothing, new ArmedGuard(Alpha, BetaVouches, Start.AddSeconds(20))), (next.Action, next.Memory.Guard));
        Assert.Empty(Next(next.Memory, BetaVouches.Id).Events);
    }

    private const double Settled = 18;
    private const double JustNotSettled = 18.0000001; // one tick

    [Theory]
    [InlineData(Settled, 1, true)]
    [InlineData(JustNotSettled, 1, false)]
    [InlineData(null, Settled, true)]
    [InlineData(null, JustNotSettled, false)]
    public void What_a_guard_shows_is_believed_two_seconds_after_it_was_told_or_this_process_began_to_look(double? toldAt, double startedAt, bool believed)
    {
        var forAnother = Known with { Guard = new ArmedGuard(Alpha, new GuardOrder(Seconds(6), [Gamma])) };
        Assert.All([Next(Unarmed, BetaVouches.Id, toldAt, startedAt: startedAt), Next(forAnother, BetaVouches.Id, toldAt, startedAt: startedAt)],
            next => Assert.Equal((WatchdogAction.Nothing, believed ? new ArmedGuard(Alpha, BetaVouches, Start.AddSeconds(20)) : null), (next.Action, next.Memory.Guard)));
    }

    [Fact]
    public void Guard_on_record_that_shows_its_order_is_relied_on_from_a_new_processs_first_look()
    {
        var known = Known;
        Assert.Same(known, Next(known, BetaVouches.Id, startedAt: 20).Memory);
    }

    [Theory]
    [InlineData(2.9999999, false)]
    [InlineData(3, true)]
    public void New_process_waits_from_its_first_look_and_not_from_each(double second, bool believed)
    {
        var working = WorkingMemory.Empty;
        foreach (var at in (double[])[1, 2])
            working = Look(at).Working;
        Assert.Equal(believed, Look(second).Memory.Guard is not null);

        Decision Look(double at) => Decider.Decide(Two(), Unarmed, working, At(at, Primary().SeenStreaming(Beta).With(server => server with { GuardOrderId = BetaVouches.Id }), Standby()));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("00000000")]
    public void Guard_that_shows_anything_else_is_forgotten_before_it_is_armed(string? shown)
    {
        var next = Next(Known, shown);
        Assert.Equal(BetaVouches, Assert.IsType<WatchdogAction.ArmGuard>(next.Action).Order);
        Assert.Null(next.Memory.Guard);
        Assert.Equal(EventKind.GuardChanged, Assert.Single(next.Events).Kind);
    }

    [Theory]
    [InlineData(17.1, false)]
    [InlineData(17, true)]
    public void Guard_that_does_not_do_as_told_is_told_again_after_three_seconds_and_not_relied_on(double triedAt, bool again)
    {
        var next = Next(Known, "", triedAt);
        Assert.Equal(again, next.Action is WatchdogAction.ArmGuard);
        Assert.Null(next.Memory.Guard);
    }

    public static TheoryData<string> Unwanted => ["paused", "freeze window", "automatic off", "a failover a short time ago", "no standby streams",
        "the standby follows an older timeline"];

    [Theory, MemberData(nameof(Unwanted))]
    public void Guard_is_forgotten_and_disarmed_while_nobody_could_take_over(string why)
    {
        var memory = why == "a failover a short time ago" ? Known with { LastFailover = Finished(1, Beta, Alpha, true, Start) }
            : why == "the standby follows an older timeline" ? Known with { NewestTimeline = 2 } : Known;
        var next = Next(memory, BetaVouches.Id, policy: why == "automatic off" ? new Policy { Automatic = false } : null, freezeWindow: why == "freeze window",
            standby: why == "no standby streams" ? Deaf() : null, wish: new OperatorWish(why == "paused", 0));
        Assert.Equal((new WatchdogAction.DisarmGuard(Alpha), null), (next.Action, next.Memory.Guard));
    }

    private static NodeObservation CannotPromote => Standby().With(server => server with { PromoteTriggerFile = "" });

    private static readonly Dictionary<string, (NodeObservation Standby, HostObservation Host)> OfNoUse = new()
    {
        ["replay is paused"] = (Standby().With(server => server with { ReplayPaused = true }), HostUp(Beta)),
        ["the watchdog's role may not read its views"] = (Standby().With(server => server with { ReadsStatistics = false }), HostUp(Beta)),
        ["it lacks too much"] = (Standby(at: Behind(new Policy().MaximumLagBytes + 1)), HostUp(Beta)),
        ["another system"] = (Standby().With(server => server with { SystemIdentifier = OtherSystem }), HostUp(Beta)),
        ["no trigger file is set"] = (CannotPromote, HostUp(Beta)),
        ["no file can be made where the trigger file goes"] = (Standby(), HostUp(Beta) with { TriggerDirectoryWritable = false }),
    };

    public static TheoryData<string> OfNoUseNames => [.. OfNoUse.Keys];

    /// <summary>The guard would stop a healthy primary that nobody could replace. Each change of the order leaves the guard out of use for seconds: what passes changes nothing.</summary>
    [Theory, MemberData(nameof(OfNoUseNames))]
    public void Lease_is_taken_back_when_no_standby_could_be_promoted_for_ten_seconds(string why)
    {
        var (standby, host) = OfNoUse[why];
        var checks = new Leased(Two(), Known.Guard!.Order);
        Assert.Equal((WatchdogAction.Nothing, true), checks.Until(29, standby, host)); // from second 20
        Assert.Equal((WatchdogAction.Nothing, true), checks.Until(30, Standby(), HostUp(Beta)));
        Assert.Equal((WatchdogAction.Nothing, true), checks.Until(40, standby, host));
        Assert.Equal((new WatchdogAction.DisarmGuard(Alpha), false), checks.Until(41, standby, host));
        Assert.StartsWith("taking back the lease of alpha's guard: no failover is possible: ", checks.Told, StringComparison.Ordinal);
        Assert.Contains(Beta, checks.Told, StringComparison.Ordinal);
    }

    /// <summary>What is under way arrives, also when the primary vanishes. One that lacks older WAL than the lease lasts does not renew it either.</summary>
    [Theory]
    [InlineData(5.9, true)]
    [InlineData(6.1, false)]
    public void Lease_stays_while_a_standby_lacks_much_that_the_primary_has_only_just_written(double seconds, bool stays)
    {
        var second = (long)new Policy().MaximumLagBytes;
        var checks = new Leased(Two(), Known.Guard!.Order, bytesInASecond: second);
        Assert.Equal((WatchdogAction.Nothing, true), checks.Until(30, at => Standby(at: Written(at)), HostUp(Beta)));
        Assert.Equal((stays ? WatchdogAction.Nothing : new WatchdogAction.DisarmGuard(Alpha), stays), checks.Until(41, at => Standby(at: Written(at - seconds)), HostUp(Beta)));

        Lsn Written(double at) => new(Here.Value + (ulong)(at * second));
    }

    [Fact]
    public void Lease_stays_where_nobody_knows_what_was_so_for_ten_seconds()
    {
        var checks = new Leased(Two(), Known.Guard!.Order);
        var paused = OfNoUse["replay is paused"].Standby;
        Assert.Equal((WatchdogAction.Nothing, true), checks.At(20, paused, HostUp(Beta)));
        Assert.Equal((WatchdogAction.Nothing, true), checks.At(32, paused, HostUp(Beta)));
        Assert.Equal((new WatchdogAction.DisarmGuard(Alpha), false), checks.Until(42, paused, HostUp(Beta)));
    }

    [Fact]
    public void Lease_is_not_given_while_no_standby_could_be_promoted()
    {
        var checks = new Leased(Two(), null);
        Assert.Equal((WatchdogAction.Nothing, false), checks.At(20, OfNoUse["replay is paused"].Standby, HostUp(Beta)));
        Assert.Equal((WatchdogAction.Nothing, false), checks.Until(40, OfNoUse["replay is paused"].Standby, HostUp(Beta)));
        Assert.IsType<WatchdogAction.ArmGuard>(checks.Until(41, Standby(), HostUp(Beta)).Action);
    }

    [Fact]
    public void Lease_stays_while_pg_promote_is_granted_and_no_trigger_file_is_set()
    {
        var promotes = OfNoUse["no trigger file is set"].Standby.With(server => server with { MayPromote = true });
        Assert.Equal((WatchdogAction.Nothing, true), new Leased(Two(), Known.Guard!.Order).Until(50, promotes, HostUp(Beta)));
    }

    /// <summary>Whoever else could be promoted: the verdict on a primary that vanished would be Unknown.</summary>
    [Theory]
    [InlineData("the watchdog's role may not read its views", false)]
    [InlineData("replay is paused", true)]
    public void Beside_a_good_standby_the_lease_stays_unless_the_other_one_cannot_say_whether_it_hears_the_primary(string why, bool stays)
    {
        var checks = new Leased(Three(), new GuardOrder(Seconds(6), [Beta, Gamma]));
        var gamma = OfNoUse[why].Standby with { Node = Gamma };
        Assert.Equal((WatchdogAction.Nothing, true), checks.Until(29, gamma, HostUp(Gamma)));
        Assert.Equal((stays ? WatchdogAction.Nothing : new WatchdogAction.DisarmGuard(Alpha), stays), checks.Until(30, gamma, HostUp(Gamma)));
    }

    /// <summary>Gamma goes while beta's replay is paused for a moment.</summary>
    [Fact]
    public void Order_changes_with_its_standbys_while_no_standby_could_be_promoted_for_a_moment()
    {
        var primary = Primary().SeenStreaming(Beta).With(server => server with { GuardOrderId = new GuardOrder(Seconds(6), [Beta, Gamma]).Id });
        var known = Known with { Guard = new ArmedGuard(Alpha, new GuardOrder(Seconds(6), [Beta, Gamma]), Start) };
        var decision = Decider.Decide(Three(), known, WorkingMemory.Empty, At(20, primary, OfNoUse["replay is paused"].Standby, Unreachable(Gamma)));
        Assert.Equal(BetaVouches, Assert.IsType<WatchdogAction.ArmGuard>(decision.Action).Order);
    }

    /// <summary>Alpha's guard shows the order all the while, and beta is well where nothing else is said of it.</summary>
    private sealed class Leased(ClusterSpec spec, GuardOrder? order, long bytesInASecond = 0)
    {
        private ClusterMemory memory = Known with { Guard = order is null ? null : new ArmedGuard(Alpha, order, Start) };
        private WorkingMemory working = WorkingMemory.Empty;
        private double next = 20;

        public string Told { get; private set; } = "";

        /// <summary>A check each second, up to that one; what the last one came to.</summary>
        public (WatchdogAction Action, bool IsLeased) Until(double second, NodeObservation standby, HostObservation host) => Until(second, _ => standby, host);

        public (WatchdogAction Action, bool IsLeased) Until(double second, Func<double, NodeObservation> standby, HostObservation host)
        {
            while (next < second)
                At(next, standby(next), host);
            return At(second, standby(second), host);
        }

        public (WatchdogAction Action, bool IsLeased) At(double second, NodeObservation standby, HostObservation host)
        {
            next = second + 1;
            var primary = Primary(at: new Lsn(Here.Value + (ulong)(second * bytesInASecond))).SeenStreaming(Beta, Gamma).With(server => server with { GuardOrderId = order?.Id ?? "" });
            var decision = Decider.Decide(spec, memory, working, Clusters.At(second, [primary, .. standby.Node == Beta ? [standby] : new[] { Standby(), standby }]).With(host));
            (memory, working) = (decision.Memory, decision.Working);
            Told = string.Join('\n', decision.Events.Where(told => told.Kind == EventKind.GuardChanged).Select(told => told.Sentence));
            return (decision.Action, memory.Guard is not null);
        }
    }

    /// <summary>Its session at the server is gone: it shows nothing, and has its order all the same. A host that does not answer is not asked.</summary>
    [Fact]
    public void Lease_of_a_guard_that_shows_nothing_is_taken_back_as_well()
    {
        NodeObservation[] nodes = [Primary().SeenStreaming(Beta).With(server => server with { GuardOrderId = null }), OfNoUse["replay is paused"].Standby];
        var decision = Decider.Decide(Two(), Known, WorkingMemory.Empty, At(20, nodes));
        Assert.Equal(BetaVouches, Assert.IsType<WatchdogAction.ArmGuard>(decision.Action).Order);
        for (var second = 21; second < 30; second++)
            decision = Decider.Decide(Two(), decision.Memory, decision.Working, At(second, nodes));
        decision = Decider.Decide(Two(), decision.Memory, decision.Working, At(32, nodes).With(HostGone(Alpha)));
        Assert.Equal(WatchdogAction.Nothing, decision.Action);
        decision = Decider.Decide(Two(), decision.Memory, decision.Working, At(33, nodes));
        Assert.Equal(new WatchdogAction.DisarmGuard(Alpha), decision.Action);
        var confirmed = At(37, nodes) with { Report = new ActionReport(nameof(WatchdogAction.DisarmGuard), Alpha, Succeeded: true) };
        Assert.Equal(WatchdogAction.Nothing, Decider.Decide(Two(), decision.Memory, decision.Working, confirmed).Action);
    }

    [Fact]
    public void Without_a_time_to_live_there_is_no_guard() => Assert.Equal(WatchdogAction.Nothing, Next(Unarmed, null, policy: new Policy { GuardTimeToLive = TimeSpan.Zero }).Action);

    [Fact]
    public void Guard_that_shows_another_order_is_forgotten_also_in_a_look_that_does_something_else()
    {
        var memory = Known with { Following = [Beta] };
        var primary = Primary().SeenStreaming(Gamma).With(server => server with { GuardOrderId = null });
        var decision = Decider.Decide(Two(), memory, WorkingMemory.Empty with { GuardToldAt = Seconds(19) }, At(20, primary, Deaf()));
        Assert.Equal(new WatchdogAction.Repoint(Beta, Alpha, Fifteen), decision.Action);
        Assert.Null(decision.Memory.Guard);
    }

    [Fact]
    public void Order_has_one_id_whatever_the_order_of_its_vouchers()
    {
        Assert.Equal(new GuardOrder(Seconds(6), [Gamma, Beta]), new GuardOrder(Seconds(6), [Beta, Gamma]));
        Assert.Equal(new GuardOrder(Seconds(6), [Gamma, Beta]).Id, new GuardOrder(Seconds(6), [Beta, Gamma]).Id);
        Assert.Matches("^[0-9a-f]{8}$", BetaVouches.Id);
        Assert.Distinct([BetaVouches.Id, new GuardOrder(Seconds(7), [Beta]).Id, new GuardOrder(Seconds(6), [Gamma]).Id, new GuardOrder(Seconds(6), [Beta, Gamma]).Id]);
        Assert.Equal($"{BetaVouches.Id} 6000 watchdog beta\n", BetaVouches.Line("watchdog"));
    }

    [Fact]
    public void Guard_that_is_switched_off_is_forgotten_and_disarmed()
    {
        var off = new Policy { GuardTimeToLive = TimeSpan.Zero };
        var next = Next(Known, BetaVouches.Id, policy: off);
        Assert.Null(next.Memory.Guard);
        Assert.IsType<WatchdogAction.DisarmGuard>(next.Action);
        Assert.Null(Next(Known, null, policy: off).Memory.Guard);
    }

    /// <summary>The primary's last WAL came before the standby answered, and not when the whole look had come to its end.</summary>
    [Fact]
    public void Look_that_takes_long_while_the_host_vanishes_makes_no_guard_doubtful()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        var late = 0.5 + new Policy().LateAfter.TotalSeconds;
        watch.Look(late, Unreachable(), Standby(at: new Lsn(Here.Value + 64), heard: 0.01) with { AnsweredAgo = Seconds(late - 0.1) });
        for (var second = 1; second < 20; second++)
            watch.Look(late + second, Unreachable(), Deaf(at: new Lsn(Here.Value + 64)));
        Assert.Equal(FencedBy.Guard, watch.Memory.Procedure?.FencedBy);
    }

    [Fact]
    public void Guard_was_seen_when_its_primary_answered()
    {
        var watch = new Watch(Two());
        var late = Seconds(0.5) + new Policy().LateAfter;
        watch.Look(At(10, Primary() with { AnsweredAgo = late }, Standby()) with { Took = late });
        Assert.Equal(Seconds(10) - late, watch.Working.GuardSeenAt);
    }

    /// <summary>The guard hears in one question of what was seen in the one before: between two hosts that are waited for it is asked some times.</summary>
    [Fact]
    public void Looks_after_a_host_that_was_waited_for_wait_for_nobody()
    {
        var (memory, working) = (Known, WorkingMemory.Empty);
        Assert.Equal(new WatchdogAction.DisarmGuard(Alpha), LookAt(1, null));
        Assert.Equal(WatchdogAction.Nothing, LookAt(4.5, new ActionReport(nameof(WatchdogAction.DisarmGuard), Alpha, Succeeded: false)));
        Assert.Equal(WatchdogAction.Nothing, LookAt(5.1, null));
        Assert.Equal(new WatchdogAction.DisarmGuard(Alpha), LookAt(6.5, null));

        WatchdogAction LookAt(double second, ActionReport? report)
        {
            var primary = Primary().With(server => server with { GuardOrderId = BetaVouches.Id });
            var decision = Decider.Decide(Two(), memory, working, At(second, primary, Unreachable(Beta)) with { Report = report });
            (memory, working) = (decision.Memory, decision.Working);
            return decision.Action;
        }
    }

    /// <summary>It may be gone since; a failover must not rest on it. What else a late look shows leads to nothing.</summary>
    [Theory]
    [InlineData("", true)]
    [InlineData("shown", false)]
    public void Late_look_forgets_a_guard_that_did_not_show_its_order_and_does_nothing(string shown, bool forgets)
    {
        var primary = Primary().SeenStreaming(Beta).With(server => server with { GuardOrderId = shown.Length > 0 ? BetaVouches.Id : "" });
        var look = At(20, primary, Standby()) with { IsLate = true };
        var decision = Decider.Decide(Two(), Known with { Following = [Beta] }, WorkingMemory.Empty, look);
        Assert.Equal((WatchdogAction.Nothing, forgets, 0), (decision.Action, decision.Memory.Guard is null, decision.Memory.Returning.Length));
    }
}
