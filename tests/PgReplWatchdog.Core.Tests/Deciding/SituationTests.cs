using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>How long is still to wait, and by what the old primary is known to be stopped.</summary>
public class SituationTests
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private static Situation After(TimeSpan silence, Verdict verdict = Verdict.Down, Policy? policy = null, ClusterMemory? memory = null, HostObservation? host = null, Receipts? receipts = null)
    {
        var seen = At(100, Unreachable(), Deaf()).With(host is null ? [] : [host]);
        return new Situation(Two(policy), memory ?? Known, new Diagnosis(verdict, Alpha, []),
            new Suspicion(seen.At, seen.At - silence) { LastHeard = seen.At - silence, Finding = verdict.ToString(), FindingSince = seen.At - silence, Looks = 2 }, seen)
        {
            Receipts = receipts ?? Receipts.None.Looked(At(0, Unreachable(), Deaf())),
            GuardSeenAt = seen.At - silence,
        };
    }

    [Theory]
    [InlineData(Verdict.Crashed, 0.5)]
    [InlineData(Verdict.Hung, 10)]
    [InlineData(Verdict.Down, 10)]
    [InlineData(Verdict.Stopped, 10)]
    public void Each_failure_has_its_threshold_to_the_tick(Verdict verdict, double threshold)
    {
        var policy = new Policy { FailoverWhenStopped = true };
        Assert.Equal(Tick, After(Seconds(threshold) - Tick, verdict, policy).StillToWait);
        Assert.Equal(TimeSpan.Zero, After(Seconds(threshold), verdict, policy).StillToWait);
        Assert.Equal(TimeSpan.Zero, After(Seconds(threshold) + Tick, verdict, policy).StillToWait);
    }

    [Fact]
    public void Primary_that_was_shut_down_and_one_that_has_not_failed_are_never_waited_for() =>
        Assert.All([Verdict.Stopped, Verdict.Serving, Verdict.Busy, Verdict.ServingElsewhere, Verdict.WatchdogIsolated, Verdict.TwoPrimaries, Verdict.Unknown],
            verdict => Assert.Null(After(Seconds(1000), verdict).StillToWait));

    [Fact]
    public void Guard_has_surely_done_its_work_at_its_time_and_not_a_tick_before()
    {
        var surely = new Policy().GuardSurelyStopped;
        Assert.Equal((FencedBy.Unknown, Tick), (After(surely - Tick).FencedBy, After(surely - Tick).GuardStillToWait));
        Assert.Equal(FencedBy.Guard, After(surely).FencedBy);
    }

    [Fact]
    public void Guards_time_counts_from_what_a_voucher_received_last_however_long_the_silence()
    {
        var surely = new Policy().GuardSurelyStopped;
        var receipts = Receipts.None.Looked(At(0, Deaf(at: Behind(8)))).Looked(At(95, Deaf()));
        Assert.Equal(surely - Seconds(5), After(Seconds(50), receipts: receipts).GuardStillToWait);
        Assert.Equal(surely, After(Seconds(50), receipts: Receipts.None).GuardStillToWait); // what it has received is not known
    }

    [Fact]
    public void Guard_says_nothing_where_it_was_not_armed_or_is_another_nodes_or_a_voucher_cannot_be_asked()
    {
        Assert.All(
            [
                Known with { Guard = null },
                Known with { Guard = Known.Guard! with { Node = Beta } },
                Known with { Guard = Known.Guard! with { Order = new GuardOrder(Seconds(6), [Beta, Gamma]) } },
            ],
            memory => Assert.Equal((FencedBy.Unknown, null), (After(Seconds(1000), memory: memory).FencedBy, After(Seconds(1000), memory: memory).GuardStillToWait)));
    }

    [Fact]
    public void What_the_host_says_goes_before_what_the_guard_must_have_done()
    {
        Assert.Equal(FencedBy.Guard, After(Seconds(50), host: HostGone()).FencedBy);
        Assert.Equal(FencedBy.Unknown, After(Seconds(50), host: HostHung()).FencedBy);
        Assert.Equal(FencedBy.Unknown, After(Seconds(50), host: HostDead()).FencedBy); // it may be started again
        Assert.Equal(FencedBy.Ssh, After(Seconds(50), host: HostDead(blocked: true)).FencedBy);
        Assert.Equal(FencedBy.Unknown, After(Seconds(50), host: HostDead(blocked: true) with { BlockedByGuard = true }).FencedBy); // the guard may lift it
    }

    [Theory]
    [InlineData(1d, 4)]
    [InlineData(3d, 3)] // its clock was set forward: at 3 it had not received it yet
    [InlineData(0d, 5)]
    [InlineData(-3600d, 5)] // its clock was set back
    [InlineData(null, 5)]
    public void Walreceiver_that_is_there_says_when_it_received_last(double? age, double since)
    {
        var heard = Standby().With(server => server with { WalReceiver = new WalReceiver("streaming", age is { } ago ? Seconds(ago) : null) });
        var before = Receipts.None.Looked(At(3, Standby(at: Behind(1))));
        Assert.Equal(Seconds(since), before.Looked(At(5, heard)).Since(Beta));
        Assert.Equal(Seconds(since), before.Looked(At(5, heard)).Looked(At(6, Standby(heard: 0))).Since(Beta)); // a keepalive brings nothing new
        Assert.Equal(Seconds(5), Receipts.None.Looked(At(5, heard)).Since(Beta)); // a first look knows nothing of before
    }

    [Fact]
    public void Receipt_counts_from_the_look_in_which_the_position_was_found_first()
    {
        var receipts = Receipts.None.Looked(At(1, Deaf())).Looked(At(2, Unreachable(Beta))).Looked(At(3, Deaf()));
        Assert.Equal(Seconds(1), receipts.Since(Beta));
        Assert.Equal(Seconds(4), receipts.Looked(At(4, Deaf(at: Behind(1)))).Since(Beta)); // started again: what it acknowledged before is not known
        Assert.Null(receipts.Looked(At(4, Deaf().With(server => server with { ReceivedLsn = null, ReplayedLsn = null }))).Since(Beta));
        Assert.Equal(Seconds(1), receipts.Looked(At(5, Deaf(), Primary())).Since(Beta));
    }

    [Fact]
    public void Standby_that_was_asked_whether_a_primary_may_start_counts_from_the_look_that_finds_it_out()
    {
        static NodeObservation Asked(string sessions) => Deaf().With(server => server with { BootChecks = sessions });
        var receipts = Receipts.None.Looked(At(1, Deaf())).Looked(At(3, Asked("4711")));
        Assert.Equal(Seconds(3), receipts.Since(Beta));
        Assert.Equal(Seconds(3), receipts.Looked(At(4, Asked("4711"))).Since(Beta));
        Assert.Equal(Seconds(4), receipts.Looked(At(4, Asked("4711, 4712"))).Since(Beta));
        Assert.Equal(Seconds(3), receipts.Looked(At(4, Asked(""))).Since(Beta)); // that session has ended, later than what was granted
    }

    [Fact]
    public void Standby_that_has_been_restarted_may_have_been_asked_before()
    {
        var restarted = Deaf().With(server => server with { StartedAt = Start });
        Assert.Equal(Seconds(3), Receipts.None.Looked(At(1, Deaf())).Looked(At(3, restarted)).Since(Beta));
    }

    /// <summary>WAL that is flushed up to the end of all that was inserted does not hang, though the insert position lies behind a page's header (after pg_switch_wal).</summary>
    [Theory]
    [InlineData(0, 40, 40, 0)]
    [InlineData(0, 40, 80, 9)]
    [InlineData(40, 40, 80, 0)]
    public void Storage_hangs_while_more_is_inserted_and_nothing_is_flushed(int flushed, int inserted, int later, double hangs)
    {
        ClusterObservation Look(double at, int flush, int insert) =>
            At(at, Primary().With(server => server with { FlushLsn = new Lsn(Here.Value + (ulong)flush), InsertLsn = new Lsn(Here.Value + (ulong)insert) }), Standby());
        var flushing = Flushing.None.Looked(Look(1, 0, inserted), Alpha).Looked(Look(10, flushed, later), Alpha);
        Assert.Equal(Seconds(hangs), flushing.HangsFor(Seconds(10)));
        Assert.Equal(TimeSpan.Zero, flushing.Looked(At(11, Unreachable(), Standby()), Alpha).HangsFor(Seconds(11)));
    }

    private static Situation Cut(Policy policy, double? seenAt = 90) => new(
        Two(policy), Known with { Guard = new ArmedGuard(Alpha, new GuardOrder(Seconds(30), [Beta])) }, new Diagnosis(Verdict.Down, Alpha, []),
        Suspicion.None with { LastCheckAt = Seconds(99), LastSignOfLife = Seconds(90), LastHeard = Seconds(90) }, At(100, Unreachable(), Deaf()))
    {
        Receipts = Receipts.None.Looked(At(90, Deaf())),
        GuardSeenAt = seenAt is { } second ? Seconds(second) : null,
    };

    [Fact]
    public void Guard_is_waited_for_by_the_order_that_it_was_given_whatever_is_configured_now()
    {
        var now = Cut(new Policy { GuardTimeToLive = Seconds(3), UnreachableThreshold = Seconds(5) });
        Assert.Equal(Seconds(30 + 7.5 + 0.5 - 10), now.GuardStillToWait);
        Assert.Equal(FencedBy.Unknown, now.FencedBy);
    }

    [Fact]
    public void Guard_that_is_switched_off_has_stopped_nobody() =>
        Assert.False(Cut(new Policy { GuardTimeToLive = TimeSpan.Zero }).IsGuarded);

    [Theory]
    [InlineData(84.6, true)] // LateAfter is 5.4 s
    [InlineData(84.5, false)]
    [InlineData(null, false)]
    public void Guard_that_was_seen_long_before_the_last_sign_of_life_may_be_gone(double? seenAt, bool believed) =>
        Assert.Equal(believed, Cut(new Policy(), seenAt).IsGuarded);

    [Fact]
    public void Memory_of_nodes_that_left_the_configuration_is_dropped()
    {
        var memory = Known with
        {
            Replaced = [Gamma, Beta],
            Following = [Gamma],
            Returning = [new ReturningNode(Gamma, ReturnStep.Rejoin, 1, Start)],
            Guard = new ArmedGuard(Alpha, new GuardOrder(Seconds(6), [Beta, Gamma])),
            Procedure = new Procedure(Alpha, Gamma, ProcedureStep.Promote, "Down", Start, Start),
        };
        var within = memory.Within(Two());
        Assert.Equal([Beta], within.Replaced);
        Assert.Empty(within.Following);
        Assert.Empty(within.Returning);
        Assert.Null(within.Guard);
        Assert.Null(within.Procedure);
        var known = Known;
        Assert.Same(known, known.Within(Two()));
    }

    /// <summary>The state directory was copied: what was armed under the other name is that one's. Commands have no name, and take the record as it is.</summary>
    [Theory]
    [InlineData("0a1b2c3d", "0a1b2c3d", true)]
    [InlineData("0a1b2c3d", "3d2c1b0a", false)]
    [InlineData("", "3d2c1b0a", true)]
    [InlineData("0a1b2c3d", "", true)]
    public void Memory_of_another_watchdogs_lease_is_dropped(string own, string owner, bool kept)
    {
        var memory = Known with { Guard = new ArmedGuard(Alpha, new GuardOrder(Seconds(6), [Beta], owner)) };
        Assert.Equal(kept ? memory.Guard : null, memory.Within(Two() with { Owner = own }).Guard);
    }

    [Fact]
    public void Procedure_forgets_standbys_that_left_the_configuration()
    {
        var memory = Promoting with { Procedure = Promoting.Procedure! with { Frozen = [Beta, Gamma], PassedOver = [Gamma] } };
        var procedure = memory.Within(Two()).Procedure!;
        Assert.Equal([Beta], procedure.Frozen);
        Assert.Empty(procedure.PassedOver);
        Assert.Same(memory, memory.Within(Three()));
    }
}
