using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

public class DeciderTests
{
    /// <summary>What is done first where the old primary was stopped by its guard.</summary>
    private const string Begun = nameof(WatchdogAction.Freeze);

    // When a failover is decided.

    [Fact]
    public void Primary_missed_once_is_not_down()
    {
        var watch = new Watch(Two());
        watch.LookFrom(0, 60, Primary(), Standby());
        var missed = watch.Look(61, Refused(), Deaf());
        Assert.Equal((Verdict.Down, Seconds(1), WatchdogAction.Nothing), (missed.Diagnosis.Verdict, missed.Silence, missed.Action));
        Assert.Equal(TimeSpan.Zero, watch.Look(62, Primary(), Standby()).Silence);
    }

    [Fact]
    public void Primary_silent_for_the_whole_threshold_is_replaced()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        Assert.Equal(WatchdogAction.Nothing, watch.LookFrom(1, 9, Refused(), Deaf()).Action);
        var decision = watch.Look(10, Refused(), Deaf());
        Assert.Equal((Begun, FencedBy.Guard), (decision.Action.Kind, decision.Memory.Procedure!.FencedBy));
    }

    [Fact]
    public void Watchdog_that_has_just_started_counts_from_its_start()
    {
        var watch = new Watch(Two(), SeenAt(995));
        Assert.Equal(WatchdogAction.Nothing, watch.LookFrom(1000, 1009, Refused(), Deaf()).Action);
        Assert.Equal(Begun, watch.Look(1010, Refused(), Deaf()).Action.Kind);
    }

    private static ClusterMemory SeenAt(double second) => Known with
    {
        LastPosition = new PrimaryPosition(Here, Start.AddSeconds(second), Boot),
        Guard = Known.Guard! with { SeenAt = Start.AddSeconds(second) },
    };

    [Theory]
    [InlineData(985)] // a guard that was seen that long ago may have died since
    [InlineData(1001)] // the wall clock is behind the record: nobody knows how old it is
    [InlineData(87400)]
    public void New_process_believes_no_record_of_a_guard_that_is_old_or_from_the_future(double recordedAt)
    {
        var watch = new Watch(Two(), SeenAt(recordedAt));
        Assert.Equal([Gate.OldPrimaryNotFenced], watch.LookFrom(1000, 1060, Refused(), Deaf()).Gates.Select(gate => gate.Gate).Intersect([Gate.OldPrimaryNotFenced]));
        Assert.Null(watch.Memory.Procedure);
    }

    [Fact]
    public void Position_from_the_future_does_not_make_a_lag_known()
    {
        var watch = new Watch(Two(new Policy { HasFenceCommand = true }), SeenAt(87400));
        Assert.Contains(Gate.CandidateTooFarBehind, watch.LookFrom(1000, 1020, Refused(), Deaf()).Gates.Select(gate => gate.Gate));
    }

    [Fact]
    public void Guard_is_not_believed_where_its_primary_was_heard_long_after_the_guard_was_seen()
    {
        var watch = new Watch(Two());
        watch.LookFrom(0, 2, Primary(), Standby());
        for (var second = 3; second <= 10; second++)
            Assert.Equal(Verdict.ServingElsewhere, watch.Look(second, Unreachable(), Standby()).Diagnosis.Verdict); // out of the watchdog's sight
        watch.LookFrom(11, 40, Unreachable(), Deaf());
        Assert.Null(watch.Memory.Procedure);
    }

    [Fact]
    public void Lease_is_taken_back_over_ssh_when_the_watchdog_is_locked_out()
    {
        var watch = new Watch(Two());
        watch.LookFrom(0, 2, Primary(), Standby());
        Assert.NotNull(watch.Memory.Guard);
        var told = Enumerable.Range(3, 6).SelectMany(second => watch.Look(At(second, Busy(), Standby()).With(HostUp(Alpha))).Events);
        Assert.Contains(EventKind.GuardChanged, told.Select(one => one.Kind));
        Assert.Null(watch.Memory.Guard);
    }

    [Fact]
    public void Lease_of_a_primary_that_fails_or_restarts_for_a_moment_stays()
    {
        var restarts = new Watch(Two());
        restarts.LookFrom(0, 2, Primary(), Standby());
        Assert.Equal(WatchdogAction.Nothing, restarts.Look(At(3, Busy(), Standby()).With(HostUp(Alpha))).Action);
        restarts.LookFrom(4, 5, Primary(), Standby());
        Assert.NotNull(restarts.Memory.Guard);
        var fails = new Watch(Two());
        fails.LookFrom(0, 2, Primary(), Standby());
        fails.LookFrom(3, 9, Unreachable(), Deaf());
        Assert.NotNull(fails.Memory.Guard);
    }

    [Fact]
    public void Walreceivers_last_message_starts_the_count_where_it_was_heard()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        for (var second = 1; second <= 5; second++)
            watch.Look(second, Unreachable(), Standby(heard: second - 0.5)); // last heard at 0.5
        Assert.Equal(WatchdogAction.Nothing, watch.LookFrom(6, 10, Unreachable(), Deaf()).Action);
        Assert.Equal(Begun, watch.Look(10.5, Unreachable(), Deaf()).Action.Kind);
    }

    /// <summary>The look waited 1.6 s for those who are silent: what it was told at its beginning has grown older.</summary>
    [Fact]
    public void Walreceivers_last_message_is_as_old_as_when_it_was_told_and_as_the_look_took_since()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        Assert.Equal(Seconds(2.5), watch.Look(5, Unreachable(), Standby(heard: 0.9) with { AnsweredAgo = Seconds(1.6) }).Silence);
    }

    [Fact]
    public void What_a_standby_hears_of_another_standby_is_no_sign_of_life()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        var cascaded = Standby(Gamma).With(server => server with { WalReceiver = server.WalReceiver! with { Upstream = Beta } });
        Assert.Equal((Verdict.Down, Seconds(4)), (watch.LookFrom(1, 4, Unreachable(), Deaf(), cascaded).Diagnosis.Verdict, watch.Look(4, Unreachable(), Deaf(), cascaded).Silence));
    }

    [Fact]
    public void Streaming_walreceiver_without_a_message_yet_is_a_sign_of_life_now()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        var fresh = Standby().With(server => server with { WalReceiver = new WalReceiver("streaming", null) });
        Assert.Equal(TimeSpan.Zero, watch.LookFrom(1, 4, Unreachable(), fresh).Silence);
    }

    [Theory]
    [InlineData("failed", false)]
    [InlineData("busy", false)]
    [InlineData("isolated", true)]
    [InlineData("no witness", true)]
    public void One_look_that_is_not_down_starts_the_count_anew(string kind, bool guardIsBelieved)
    {
        NodeObservation[] look = kind switch
        {
            "failed" => [Failed(), Deaf()],
            "busy" => [Busy(), Deaf()], // it lives, and its guard was not seen for nine seconds
            "isolated" => [Unreachable(), Unreachable(Beta)],
            _ => [Refused(), Failed(Beta)],
        };
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        watch.LookFrom(1, 8, Refused(), Deaf());
        Assert.Equal(TimeSpan.Zero, watch.Look(9, look).Silence);
        Assert.Equal(WatchdogAction.Nothing, watch.LookFrom(10, 18, Refused(), Deaf()).Action);
        Assert.Equal(guardIsBelieved ? Begun : WatchdogAction.Nothing.Kind, watch.Look(19, Refused(), Deaf()).Action.Kind);
    }

    [Fact]
    public void Watchdog_that_was_away_starts_the_count_anew()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        watch.LookFrom(1, 5, Refused(), Deaf());
        var late = watch.Look(15, Refused(), Deaf());
        Assert.Equal((TimeSpan.Zero, WatchdogAction.Nothing), (late.Silence, late.Action));
        Assert.Equal(WatchdogAction.Nothing, watch.LookFrom(16, 24, Refused(), Deaf()).Action);
        Assert.Equal(Begun, watch.Look(25, Refused(), Deaf()).Action.Kind);
    }

    [Fact]
    public void Position_seen_long_before_the_silence_says_nothing_of_what_is_missing()
    {
        var watch = new Watch(Two(), Known with { LastPosition = new PrimaryPosition(Here, Start) });
        var decision = watch.LookFrom(3600, 3700, Refused(), Deaf());
        Assert.Equal(WatchdogAction.Nothing, decision.Action);
        Assert.Contains(decision.Gates, shut => shut.Gate == Gate.CandidateTooFarBehind);
    }

    [Fact]
    public void One_look_alone_never_leads_to_a_failover()
    {
        var watch = new Watch(Two(new Policy { UnreachableThreshold = Seconds(2), GuardTimeToLive = Seconds(1) }));
        watch.Look(0, Primary(), Standby());
        Assert.Equal(WatchdogAction.Nothing, watch.Look(2, Refused(), Deaf()).Action);
        Assert.Equal(Begun, watch.Look(2.2, Refused(), Deaf()).Action.Kind);
    }

    [Fact]
    public void Replaced_node_that_a_person_promoted_again_is_adopted_and_not_fenced()
    {
        var watch = new Watch(Two(), FailedOver);
        Assert.Equal(Beta, watch.Look(0, Primary(timeline: 3), Standby(Beta, timeline: 3)).Memory.IntendedPrimary); // one look proves nothing
        var decision = watch.Look(1, Primary(timeline: 3), Standby(Beta, timeline: 3));
        Assert.Equal((WatchdogAction.Nothing, Alpha), (decision.Action, decision.Memory.IntendedPrimary));
        Assert.Empty(decision.Memory.Replaced);
    }

    [Fact]
    public void Server_of_another_system_in_the_place_of_a_replaced_node_is_not_stopped() =>
        Assert.Equal(WatchdogAction.Nothing, new Watch(Two(), FailedOver).Look(0, Primary(system: OtherSystem), Primary(Beta, timeline: 2)).Action);

    [Fact]
    public void Best_candidate_is_promoted()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        var decision = watch.LookFrom(1, 10, Refused(), Deaf(Beta, Behind(64)), Deaf(Gamma));
        Assert.Equal((Begun, Gamma), (decision.Action.Kind, decision.Memory.Procedure!.To));
    }

    [Fact]
    public void Lag_is_judged_by_the_position_seen_last_and_after_a_restart_by_the_one_on_record()
    {
        var watch = new Watch(Two(new Policy { MaximumLagBytes = 100 }));
        watch.Look(0, Primary(), Standby());
        watch.Look(1, Primary(at: new Lsn(Here.Value + 500)), Standby());
        Assert.Equal(500, watch.Look(2, Refused(), Deaf()).Candidates[0].MissingBytes);
        watch.Restart();
        Assert.Equal(0, watch.Look(3, Refused(), Deaf()).Candidates[0].MissingBytes);
    }

    [Fact]
    public void No_standby_is_promoted_beside_a_node_that_serves_as_primary_on_no_newer_timeline()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        Assert.Equal(WatchdogAction.Nothing, watch.LookFrom(1, 10, Refused(), Primary(Beta), Deaf(Gamma)).Action);
    }

    // Fencing.

    [Fact]
    public void Replaced_node_that_serves_as_primary_is_fenced_beside_the_new_primary()
    {
        var decision = new Watch(Two(), FailedOver).Look(0, Primary(), Primary(Beta, timeline: 2));
        Assert.Equal((Verdict.TwoPrimaries, new WatchdogAction.Fence(Alpha)), (decision.Diagnosis.Verdict, decision.Action));
        Assert.Same(FailedOver.Procedure, decision.Memory.Procedure);
    }

    [Fact]
    public void Copy_of_the_new_primary_that_serves_beside_it_is_fenced()
    {
        var history = TimelineHistory.Parse("2 1 0/3000000");
        var look = At(0, Primary(timeline: 2), Primary(Beta, timeline: 2))
            .With(HostUp(Alpha) with { History = history, Job = new HostJob(2, false, 0, "") });
        Assert.Equal(new WatchdogAction.Fence(Alpha), new Watch(Two(), FailedOver with { History = history }).Look(look).Action);
    }

    [Theory]
    [InlineData(1, false, false)] // somebody has stopped it: what the watchdog did there is over
    [InlineData(2, false, true)]
    [InlineData(2, true, false)]
    public void Stopped_node_on_which_a_rewind_or_copy_was_begun_is_kept_from_starting_as_a_primary(long epoch, bool standby, bool blocked)
    {
        var memory = FailedOver with { Replaced = [], Following = [Gamma], Returning = [new ReturningNode(Gamma, ReturnStep.GivenUp, 3, Start)] };
        var gamma = HostDead(Gamma) with { StandbySignal = standby, Job = new HostJob(epoch, false, 1, "") };
        Assert.Equal(blocked ? new WatchdogAction.Fence(Gamma) : WatchdogAction.Nothing,
            new Watch(Three(), memory).Look(At(10, Unreachable(), Primary(Beta, timeline: 2), Refused(Gamma)).With(gamma)).Action);
    }

    [Theory]
    [InlineData(Reach.Refused)]
    [InlineData(Reach.Unreachable)]
    [InlineData(Reach.Failed)]
    public void Replaced_node_is_fenced_also_while_the_new_primary_is_away(Reach reach) =>
        Assert.Equal(new WatchdogAction.Fence(Alpha), new Watch(Two(), FailedOver).Look(0, Primary(timeline: 1), Without(reach, Beta)).Action);

    /// <summary>After two failovers an operator promotes a node that saw none of them. Its number is lower than the record's, and it may be all that is left.</summary>
    [Theory]
    [InlineData("2 1 0/2800000", Reach.Unreachable, false)] // another timeline 2 than the record's
    [InlineData("2 1 0/3000000", Reach.Unreachable, true)] // the record's own
    [InlineData("2 1 0/2800000", Reach.Serving, true)]
    public void Primary_on_another_timeline_of_a_lower_number_is_fenced_only_beside_the_primary_on_record(string history, Reach beta, bool fenced)
    {
        var memory = FailedOver with { NewestTimeline = 3, Replaced = [Alpha, Gamma], History = TimelineHistory.Parse("3 1 0/3000000 2 0/3100000") };
        var look = At(0, Primary(timeline: 2), beta == Reach.Serving ? Primary(Beta, timeline: 3) : Unreachable(Beta), Unreachable(Gamma))
            .With(HostUp(Alpha) with { History = TimelineHistory.Parse(history) });
        Assert.Equal(fenced ? new WatchdogAction.Fence(Alpha) : WatchdogAction.Nothing, new Watch(Three(), memory).Look(look).Action);
    }

    [Fact]
    public void Fencing_is_repeated_until_the_node_has_stopped()
    {
        var watch = new Watch(Two(), FailedOver);
        Assert.All(Enumerable.Range(0, 3), second => Assert.IsType<WatchdogAction.Fence>(watch.Look(second, Primary(), Primary(Beta, timeline: 2)).Action));
        Assert.Equal(WatchdogAction.Nothing, watch.Look(3, Refused(), Primary(Beta, timeline: 2)).Action);
    }

    [Fact]
    public void Two_primaries_without_a_record_are_left_alone() =>
        Assert.Equal(WatchdogAction.Nothing, new Watch(Two()).Look(0, Primary(), Primary(Beta, timeline: 2)).Action);

    [Fact]
    public void Replaced_node_that_came_back_as_a_standby_is_fenced_no_more()
    {
        var watch = new Watch(Two(), FailedOver);
        var decision = watch.Look(0, Standby(Alpha, timeline: 2), Primary(Beta, timeline: 2));
        Assert.Empty(decision.Memory.Replaced);
        Assert.Equal(new WatchdogEvent(EventKind.NodeReplacedReturned, "alpha streams from beta as its standby"), decision.Events[^1]);
    }

    [Fact]
    public void Fencing_goes_before_a_procedure_about_other_nodes()
    {
        var memory = Promoting with { Replaced = [Gamma, Alpha], NewestTimeline = 2 };
        Assert.Equal(new WatchdogAction.Fence(Gamma), new Watch(Three(), memory).Look(0, Refused(), Deaf(), Primary(Gamma)).Action);
    }

    [Fact]
    public void Old_primary_that_serves_when_the_failover_is_seen_to_be_done_is_fenced_at_once()
    {
        var decision = new Watch(Two(), Promoting).Look(0, Primary(), Primary(Beta, timeline: 2));
        Assert.True(decision.Action is WatchdogAction.Fence || decision.LookAgainIn is not null, "nothing happens before the schedule's next check");
    }

    [Fact]
    public void Automatic_off_still_fences_what_a_failover_replaced() =>
        Assert.Equal(new WatchdogAction.Fence(Alpha),
            new Watch(Two(new Policy { Automatic = false }), FailedOver).Look(0, Primary(), Primary(Beta, timeline: 2)).Action);

    // Learning.

    [Fact]
    public void First_primary_seen_goes_on_record()
    {
        var decision = new Watch(Two(), ClusterMemory.Empty).Look(0, Primary(timeline: 3), Standby(timeline: 3));
        Assert.Equal(Known with { NewestTimeline = 3 }, decision.Memory);
        Assert.Equal(new WatchdogEvent(EventKind.PrimaryAdopted, "alpha is the primary"), decision.Events[0]);
    }

    [Fact]
    public void Standby_promoted_by_a_person_goes_on_record_with_a_new_epoch()
    {
        var watch = new Watch(Two());
        watch.Look(At(19, Refused(), Primary(Beta, timeline: 2)).With(HostDead()).With(Confirms(Beta)));
        var decision = watch.Look(At(20, Refused(), Primary(Beta, timeline: 2)).With(HostDead()));
        Assert.Equal((Beta, 2L, 2u), (decision.Memory.IntendedPrimary, decision.Memory.Epoch, decision.Memory.NewestTimeline));
        Assert.Equal((EventKind.PrimaryAdopted, "beta was promoted by somebody else: it is the primary from now on, in place of alpha"),
            (decision.Events[0].Kind, decision.Events[0].Sentence));
    }

    /// <summary>A standby that only says that it is primary, and one missed answer of the primary, whose host says that it runs.</summary>
    [Fact]
    public void A_claim_to_be_primary_moves_nothing_while_the_intended_primary_may_live()
    {
        var watch = new Watch(Two());
        watch.LookFrom(0, 2, Primary(), Standby());
        Assert.Equal(Verdict.TwoPrimaries, watch.Look(3, Primary(), Primary(Beta, timeline: 2_000_000_000)).Diagnosis.Verdict);
        for (var second = 4; second <= 60; second++)
            watch.Look(At(second, Unreachable(), Primary(Beta, timeline: 2_000_000_000)).With(HostUp(Alpha)));
        var back = watch.LookFrom(61, 63, Primary(), Standby());
        Assert.Equal((Alpha, 1u, Verdict.Serving), (back.Memory.IntendedPrimary, back.Memory.NewestTimeline, back.Diagnosis.Verdict));
    }

    /// <summary>Where the intended primary says nothing itself, one server's word is not enough: its host or a standby of it says the same.</summary>
    [Theory]
    [InlineData("", "", false)]
    [InlineData("2 1 0/3000000", "", true)]
    [InlineData("", Beta, true)]
    [InlineData("", "?", true)] // under an address that is not the configuration's: on timeline 2 it does not hear alpha
    [InlineData("", Alpha, false)]
    public void A_claim_is_believed_when_nobody_has_heard_the_intended_primary_for_the_threshold(string history, string upstream, bool believed)
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        for (var second = 1; second <= 9; second++)
            Assert.Equal(Alpha, Looked(second).IntendedPrimary);
        Assert.Equal(believed ? Beta : Alpha, Looked(10).IntendedPrimary);

        ClusterMemory Looked(double second)
        {
            var gamma = upstream.Length == 0 ? Unreachable(Gamma)
                : Standby(Gamma, timeline: 2).With(server => server with { WalReceiver = new WalReceiver("streaming", Seconds(0.1), upstream == "?" ? null : upstream) });
            var look = At(second, Unreachable(), Primary(Beta, timeline: 2), gamma);
            return watch.Look(history.Length == 0 ? look : look.With(Confirms(Beta, history))).Memory;
        }
    }

    /// <summary>Two role changes out of sight: beta, of the first, serves again, and alpha, of the second, is heard by gamma alone.</summary>
    [Fact]
    public void A_claim_is_not_believed_while_a_standby_names_the_intended_primary()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        for (var second = 1; second <= 30; second++)
            watch.Look(At(second, Unreachable(), Primary(Beta, timeline: 2), Standby(Gamma, timeline: 3)).With(Confirms(Beta)));
        Assert.Equal(Alpha, watch.Memory.IntendedPrimary);
    }

    /// <summary>The host told that its data is a standby's; then the node was promoted, and the host fell silent.</summary>
    [Theory]
    [InlineData(5, Beta)]
    [InlineData(0, Alpha)]
    public void A_host_that_answered_before_the_promotion_contradicts_nothing(double ago, string primary)
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        var old = Confirms(Beta, "1") with { StandbySignal = true };
        for (var second = 1; second <= 30; second++)
        {
            var look = At(second, Refused(), Primary(Beta, timeline: 2), Standby(Gamma, timeline: 2).With(server => server with { WalReceiver = new WalReceiver("streaming", Seconds(0.1), Beta) }))
                .With(HostDead());
            watch.Look(look with { Hosts = [.. look.Hosts.Where(host => host.Node != Beta), second == 1 ? old with { At = look.At - Seconds(ago) } : new HostObservation(Beta, HostReach.Unreachable, "", look.At)] });
        }
        Assert.Equal(primary, watch.Memory.IntendedPrimary);
    }

    /// <summary>A dead primary, and a standby that only says that it is primary: the failover to a real standby is not lost for good.</summary>
    [Theory]
    [InlineData(0, 2, Alpha)]
    [InlineData(2, 2, Beta)]
    [InlineData(2, 3, Alpha)] // it was confirmed on another timeline
    public void A_claim_beside_a_dead_primary_is_believed_when_it_is_confirmed(int confirmed, uint claimed, string primary)
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        if (confirmed > 0)
            watch.Look(At(1, Refused(), Primary(Beta, timeline: 2)).With(HostDead()).With(Confirms(Beta)));
        for (var second = 2; second <= 20; second++)
            watch.Look(At(second, Refused(), Primary(Beta, timeline: claimed)).With(HostDead(), new HostObservation(Beta, HostReach.Unreachable, "", Seconds(second))));
        Assert.Equal(primary, watch.Memory.IntendedPrimary);
    }

    private static HostObservation Confirms(string node, string history = "2 1 0/3000000") => HostUp(node) with { History = TimelineHistory.Parse(history) };

    /// <summary>A switchover by hand, out of the watchdog's sight: the record says alpha, which is dead as a standby.</summary>
    [Fact]
    public void Dead_standby_that_the_record_takes_for_the_primary_is_no_failure()
    {
        var watch = new Watch(Three());
        for (var second = 0; second <= 30; second++)
        {
            var looked = watch.Look(At(second, Refused(), Unreachable(Beta), Deaf(Gamma, timeline: 1)).With(HostDead() with { StandbySignal = true }));
            Assert.Equal((Verdict.Unknown, WatchdogAction.Nothing), (looked.Diagnosis.Verdict, looked.Action));
        }
    }

    [Fact]
    public void Standby_on_a_newer_timeline_than_the_record_makes_it_an_old_one()
    {
        var watch = new Watch(Three());
        var last = watch.LookFrom(0, 30, Refused(), Unreachable(Beta), Deaf(Gamma, timeline: 2));
        Assert.Equal((Verdict.Unknown, WatchdogAction.Nothing), (last.Diagnosis.Verdict, last.Action));
    }

    /// <summary>Cascade: the watchdog reaches gamma only, which streams from beta.</summary>
    [Fact]
    public void Standby_that_streams_from_another_node_that_cannot_be_asked_holds_a_failover()
    {
        var watch = new Watch(Three(new Policy { HasFenceCommand = true }));
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        for (var second = 1; second <= 40; second++)
        {
            var gamma = Standby(Gamma).With(server => server with { WalReceiver = new WalReceiver("streaming", Seconds(0.1), Beta) });
            Assert.Equal(WatchdogAction.Nothing, watch.Look(second, Unreachable(), Unreachable(Beta), gamma).Action);
        }
    }

    [Fact]
    public void WAL_that_still_arrives_at_a_standby_of_a_standby_holds_a_failover()
    {
        var watch = new Watch(Three(new Policy { HasFenceCommand = true }));
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        for (var second = 1; second <= 40; second++)
        {
            var at = new Lsn(Here.Value + (ulong)second);
            var gamma = Standby(Gamma, at).With(server => server with { WalReceiver = new WalReceiver("streaming", Seconds(0.1), Beta) });
            Assert.Equal(WatchdogAction.Nothing, watch.Look(second, Unreachable(), Deaf(at: at), gamma).Action);
        }
    }

    /// <summary>A floating address as Host: after the failover alpha's name leads to beta's server.</summary>
    [Fact]
    public void Nothing_is_done_to_a_server_that_answers_under_two_names()
    {
        var watch = new Watch(Two(), FailedOver);
        for (var second = 0; second <= 30; second++)
        {
            var beta = Primary(Beta, timeline: 2).With(server => server with { StartedAt = Start });
            var looked = watch.Look(At(second, beta with { Node = Alpha }, beta).With(HostUp(Alpha)));
            Assert.Equal((Verdict.Serving, Beta, WatchdogAction.Nothing), (looked.Diagnosis.Verdict, looked.Diagnosis.Primary, looked.Action));
            Assert.Contains(looked.Gates, gate => gate.Sentence.Contains("its address leads to the server of beta", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Newer_timeline_of_the_primary_goes_on_record_after_two_looks()
    {
        var watch = new Watch(Two());
        Assert.Equal(1u, watch.Look(0, Primary(timeline: 2_000_000_000), Standby()).Memory.NewestTimeline); // an address that has moved, or nonsense
        Assert.Equal(1u, watch.Look(1, Primary(timeline: 4), Standby()).Memory.NewestTimeline);
        Assert.Equal(4u, watch.Look(2, Primary(timeline: 4), Standby()).Memory.NewestTimeline);
    }

    [Fact]
    public void Older_timeline_of_the_primary_changes_nothing() =>
        Assert.Equal(1u, new Watch(Two()).Look(0, Primary(timeline: 0), Standby()).Memory.NewestTimeline);

    [Fact]
    public void Look_that_brings_nothing_new_gives_back_the_same_memory()
    {
        var watch = new Watch(Two());
        Assert.Same(watch.Memory, watch.Look(0, Primary(), Standby()).Memory);
        Assert.Same(watch.Memory, watch.Look(1, Refused(), Deaf()).Memory);
        Assert.Same(watch.Memory, watch.Look(2, Unreachable(), Unreachable(Beta)).Memory);
    }

    [Fact]
    public void Position_goes_on_record_at_most_every_three_seconds()
    {
        var watch = new Watch(Two());
        var recorded = Enumerable.Range(1, 30)
            .Where(second => !ReferenceEquals(watch.Memory, watch.Look(second, Primary(at: new Lsn(Here.Value + (ulong)second)), Standby()).Memory));
        Assert.Equal(Enumerable.Range(1, 10).Select(number => 3 * number), recorded);
        Assert.Equal(new PrimaryPosition(new Lsn(Here.Value + 30), Start.AddSeconds(30), Boot), watch.Memory.LastPosition);
    }

    [Fact]
    public void Position_of_an_idle_primary_is_recorded_again_with_its_time()
    {
        var watch = new Watch(Two());
        Assert.Equal(Start.AddSeconds(60), watch.LookFrom(0, 60, Primary(), Standby()).Memory.LastPosition!.Time);
    }

    [Fact]
    public void Wall_clock_that_goes_back_does_not_stop_the_record()
    {
        var watch = new Watch(Two(), Known with { LastPosition = new PrimaryPosition(Here, Start.AddHours(1)) });
        Assert.Equal(Start, watch.Look(0, Primary(at: new Lsn(Here.Value + 1)), Standby()).Memory.LastPosition!.Time);
    }

    [Fact]
    public void Message_from_the_future_holds_the_silence_no_longer_than_one_of_now()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        watch.Look(1, Unreachable(), Standby(heard: -3600));
        Assert.Equal(Seconds(4), watch.LookFrom(2, 5, Unreachable(), Deaf()).Silence);
    }

    [Fact]
    public void Candidate_is_judged_after_a_restart_by_the_position_on_record_with_the_failover()
    {
        var memory = UnderWay(ProcedureStep.Freeze, FencedBy.Ssh) with { LastPosition = new PrimaryPosition(Here, Start.AddHours(-1)) };
        Assert.Equal(64, new Watch(Two(), memory).Look(At(3, Refused(), Deaf(Beta, Behind(64))).With(HostDead(blocked: true))).Candidates[0].MissingBytes);
    }

    /// <summary>Of a promotion whose record is gone: the standby would become a second primary when it starts.</summary>
    [Fact]
    public void Trigger_file_that_nobody_asked_for_is_removed_while_the_primary_serves()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        var left = HostDead(Beta) with { StandbySignal = true, HasTriggerFile = true };
        var seen = watch.Look(At(1, Primary(), Refused(Beta)).With(left));
        Assert.Equal(new WatchdogAction.WithdrawPromotion(Beta), seen.Action);
        Assert.Contains(Beta, seen.Inquiry.Hosts); // what it says next is new
        Assert.NotEqual(nameof(WatchdogAction.WithdrawPromotion),
            watch.Look(At(2, Primary(), Refused(Beta)).With(left with { HasTriggerFile = false })).Action.Kind);
        var other = new Watch(Two());
        other.Look(0, Primary(), Standby());
        Assert.Equal(WatchdogAction.Nothing, other.Look(At(1, Refused(), Standby()).With(left)).Action);
    }

    [Fact]
    public void Old_primary_that_serves_again_is_fenced_before_the_hook_after_runs()
    {
        var memory = FailedOver with { Procedure = Promoting.Procedure! with { Step = ProcedureStep.HookAfter, Attempts = 0 } };
        Assert.Equal(new WatchdogAction.Fence(Alpha), new Watch(Two(new Policy { HasHookAfter = true }), memory).Look(0, Primary(), Primary(Beta, timeline: 2)).Action);
    }

    [Fact]
    public void Candidate_that_is_none_any_more_when_it_is_to_be_promoted_is_not_promoted()
    {
        var paused = Deaf().With(server => server with { ReplayPaused = true });
        var watch = new Watch(Three(), UnderWay(ProcedureStep.Salvage, FencedBy.Ssh));
        Assert.Equal(WatchdogAction.Nothing, watch.Look(At(9, Refused(), paused, Deaf(Gamma)).With(HostDead(blocked: true))).Action);
        watch.Look(At(10, Refused(), paused, Deaf(Gamma)).With(HostDead(blocked: true)));
        Assert.Equal((Gamma, FencedBy.Ssh), (watch.Memory.Procedure!.To, watch.Memory.Procedure.FencedBy));
    }

    /// <summary>While WAL could be shipped, the one that can take it was the better one. Nothing can be shipped any more.</summary>
    [Fact]
    public void Candidate_with_the_most_WAL_is_promoted_after_a_salvage_in_vain_whatever_else_is_said_of_it()
    {
        var (beta, gamma) = (Deaf().With(server => server with { MayPromote = true }), Deaf(Gamma, at: new Lsn(Here.Value - 100)).With(server => server with { MayPromote = true }));
        var watch = new Watch(Three(), UnderWay(ProcedureStep.Salvage, FencedBy.Ssh));
        for (var second = 9; second < 12 && watch.Memory.Procedure!.PromotedAt is null; second++)
            watch.Look(At(second, Refused(), beta, gamma).With(HostDead(blocked: true), HostUp(Beta) with { FreeBytes = 0, TriggerDirectoryWritable = false }));
        Assert.Equal((Beta, Here), (watch.Memory.Procedure!.To, watch.Memory.Procedure.PromotedAt));
    }

    // What is shown.

    [Fact]
    public void Lag_of_every_standby_is_shown_and_the_primarys_is_not()
    {
        var lags = new Watch(Three()).Look(0, Primary(), Standby(Beta, Behind(64)), Refused(Gamma)).Lags;
        Assert.Equal([Beta, Gamma], lags.Keys.Order());
        Assert.Equal((64, Lag.Unknown), (lags[Beta].ReplayBytes, lags[Gamma]));
    }
}
