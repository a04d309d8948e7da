using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>A candidate that does not become primary makes room for the next one. It may become primary late.</summary>
public class PassOverTests
{
    private static readonly WatchdogAction Stop = new WatchdogAction.Fence(Beta) { OnlyStandby = true };

    /// <summary>Beta is being stopped.</summary>
    private static readonly ClusterMemory PassingOver = Promoting with
    {
        Following = [Gamma],
        Procedure = Promoting.Procedure! with
        {
            Step = ProcedureStep.PassOver,
            Attempts = 1,
            PassedOver = [Beta],
            Phases = [.. Promoting.Procedure.Phases, new(ProcedureStep.PassOver, Start.AddSeconds(10))],
        },
    };

    private static NextStep Continue(ClusterMemory memory, ClusterObservation seen)
    {
        var spec = Three();
        return Failover.Continue(new Situation(spec, memory, Diagnostician.Diagnose(memory, seen), new Suspicion(seen.At, TimeSpan.Zero), seen)
        {
            Candidates = CandidateSelection.Assess(spec, memory, Here, Alpha, seen),
            KnownPosition = Here,
        }, memory.Procedure!);
    }

    private static HostObservation Stopped(bool blocked = true, bool signal = true) =>
        HostDead(Beta, "in archive recovery", blocked) with { StandbySignal = signal };

    [Theory]
    [InlineData("in time", false)]
    [InlineData("late", true)]
    [InlineData("late, and does not answer", true)]
    [InlineData("late, and no host answers", false)] // nobody could prove that it is stopped
    [InlineData("late, and gamma is paused", false)]
    [InlineData("late, and gamma is of version 11", false)] // a standby has no start block there
    [InlineData("late, and gamma lacks WAL", false)]
    [InlineData("late, and gamma lacks WAL that alpha has", true)]
    [InlineData("too late, and gamma lacks WAL", true)]
    [InlineData("in vain, and gamma lacks WAL", true)]
    public void Candidate_that_is_not_primary_in_time_is_stopped_if_another_one_can_be_promoted(string what, bool isStopped)
    {
        bool Ends(string words) => what.EndsWith(words, StringComparison.Ordinal);
        bool Begins(string words) => what.StartsWith(words, StringComparison.Ordinal);
        var gamma = Deaf(Gamma, what.Contains("lacks", StringComparison.Ordinal) ? Behind(8) : Here).With(server => server with
        {
            ReplayPaused = Ends("paused"),
            VersionNumber = Ends("11") ? 110022 : server.VersionNumber,
        });
        var time = what == "in time" ? 9.9 : Begins("too late") ? 30 : 10;
        var seen = At(time, Unreachable(), Ends("does not answer") ? Unreachable(Beta) : Deaf(), gamma)
            .With(Ends("no host answers") ? HostGone(Beta) : HostUp(Beta));
        var attempts = Begins("in vain") ? new Policy().PromotionAttempts : 1;
        var memory = Promoting with { Procedure = Promoting.Procedure! with { Attempts = attempts } };
        var next = Continue(memory, Ends("alpha has") ? seen.With(HostDead(blocked: true)) : seen);
        Assert.Equal(isStopped, next.Action == Stop);
        Assert.Equal(isStopped ? ProcedureStep.PassOver : ProcedureStep.Promote, next.Memory.Procedure!.Step);
        Assert.Equal(isStopped ? [Beta] : [], next.Memory.Procedure.PassedOver);
        Assert.Equal((Beta, 2L), (next.Memory.IntendedPrimary, next.Memory.Epoch)); // it may still become primary
    }

    [Fact]
    public void Next_one_is_promoted_with_a_new_epoch_when_the_host_proves_that_the_first_one_is_stopped()
    {
        var next = Continue(PassingOver, At(12, Unreachable(), Refused(Beta), Deaf(Gamma)).With(Stopped()));
        Assert.Equal(Gamma, Assert.IsType<WatchdogAction.Promote>(next.Action).Node);
        Assert.Equal((Gamma, Gamma, 4L, Here), (next.Memory.IntendedPrimary, next.Memory.Procedure!.To, next.Memory.Epoch, next.Memory.Procedure.PromotedAt));
        Assert.Equal([Beta, Alpha], next.Memory.Replaced);
        Assert.Empty(next.Memory.Following);
    }

    [Fact]
    public void Next_one_gets_what_the_old_primary_has()
    {
        var next = Continue(PassingOver, At(12, Refused(), Refused(Beta), Deaf(Gamma, Behind(8))).With(Stopped(), HostDead(blocked: true)));
        Assert.Equal(new WatchdogAction.Salvage(Alpha, Gamma, Behind(8), Behind(8), 1) { SystemIdentifier = OurSystem }, next.Action);
        Assert.Equal((Alpha, 3L), (next.Memory.IntendedPrimary, next.Memory.Epoch));
        Assert.Equal([Beta], next.Memory.Replaced);
    }

    private static HostObservation Host(string what) => what switch
    {
        "runs" => HostUp(Beta) with { StandbySignal = true },
        "may start" => Stopped(blocked: false),
        _ => HostGone(Beta),
    };

    public static TheoryData<string> Unproven => ["runs", "may start", "silent"];

    [Theory, MemberData(nameof(Unproven))]
    public void Nothing_is_promoted_before_that(string what)
    {
        var next = Continue(PassingOver, At(12, Unreachable(), Refused(Beta), Deaf(Gamma)).With(Host(what)));
        Assert.Equal(what is "runs" or "may start" ? Stop : WatchdogAction.Nothing, next.Action);
        Assert.Equal((Beta, ProcedureStep.PassOver), (next.Memory.Procedure!.To, next.Memory.Procedure.Step));
    }

    /// <summary>Its disk is full, or its host fell silent: it may become primary later, and then it is the one on record.</summary>
    [Theory, MemberData(nameof(Unproven))]
    public void Failover_ends_after_ProcedureLimit_without_another_promotion_and_an_operator_is_told(string what)
    {
        var seen = At(131, Unreachable(), Refused(Beta), Deaf(Gamma)).With(Host(what));
        var next = Continue(PassingOver, seen);
        Assert.Equal(WatchdogAction.Nothing, next.Action);
        Assert.Equal((Beta, 2L, null), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure));
        Assert.Equal([Alpha], next.Memory.Replaced);
        Assert.Equal((Beta, false), (next.Memory.LastFailover!.To, next.Memory.LastFailover.Succeeded));
        Assert.Equal(EventKind.FailoverFailed, Assert.Single(next.Events).Kind);
    }

    [Fact]
    public void Nothing_else_is_promoted_later_while_the_first_one_may_be_primary()
    {
        var watch = new Watch(Three(), PassingOver);
        for (var second = 12; second < 200; second++)
            watch.Look(At(second, Unreachable(), Unreachable(Beta), Deaf(Gamma)).With(HostGone(), HostGone(Beta)));
        Assert.Null(watch.Memory.Procedure);
        for (var second = 4000; second < 4030; second++)
        {
            var seen = At(second, Unreachable(), Unreachable(Beta), Deaf(Gamma)).With(HostGone(), HostGone(Beta));
            var decision = watch.Look(seen with { Wish = new OperatorWish(false, watch.Memory.Epoch) });
            Assert.Equal((WatchdogAction.Nothing, Beta), (decision.Action, decision.Memory.IntendedPrimary));
        }
        var late = watch.Look(At(4031, Unreachable(), Primary(Beta, timeline: 2), Deaf(Gamma)));
        Assert.Equal((Verdict.Serving, Beta), (late.Diagnosis.Verdict, late.Diagnosis.Primary));
    }

    [Theory]
    [InlineData("stopped")]
    [InlineData("runs")]
    public void One_that_has_become_primary_stays_the_one_on_record(string what)
    {
        var host = what == "runs" ? HostUp(Beta) with { StandbySignal = false } : Stopped(signal: false);
        var time = what == "runs" ? 131 : 12; // while it runs it may answer
        var next = Continue(PassingOver, At(time, Unreachable(), Unreachable(Beta), Deaf(Gamma)).With(host));
        Assert.Equal((Beta, 2L, null), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure));
        var told = Assert.Single(next.Events);
        Assert.Equal(EventKind.FailoverFailed, told.Kind);
        Assert.Contains("beta has become primary", told.Sentence, StringComparison.Ordinal);
    }

    /// <summary>A long replay is no hang: it is stopped only when it stands still, or after a minute.</summary>
    [Theory]
    [InlineData(0, 10)]
    [InlineData(20, 30)]
    [InlineData(100, 60)]
    public void Candidate_whose_replay_moves_is_given_more_time(int movesUntil, int stoppedAt)
    {
        var watch = new Watch(Three(new Policy { PromotionAttempts = 1000 }), Promoting with { Following = [Gamma] });
        for (var second = 0; second <= stoppedAt; second++)
        {
            var beta = Deaf().With(server => server with { ReplayedLsn = Behind(1000 - Math.Min(second, movesUntil)) });
            var decision = watch.Look(At(second, Unreachable(), beta, Deaf(Gamma)).With(HostUp(Beta)));
            Assert.Equal((second, second == stoppedAt), (second, decision.Action == Stop));
        }
    }

    /// <summary>It is about to become primary.</summary>
    [Fact]
    public void Candidate_that_has_just_replayed_all_is_given_more_time()
    {
        var watch = new Watch(Three(), Promoting with { Following = [Gamma] });
        for (var second = 0; second < 14; second++)
        {
            var beta = Deaf().With(server => server with { ReplayedLsn = Behind(Math.Max(0, 12 - second)) });
            Assert.NotEqual(Stop, watch.Look(At(second, Unreachable(), beta, Deaf(Gamma)).With(HostUp(Beta))).Action);
        }
    }

    [Fact]
    public void One_that_becomes_primary_late_is_the_primary()
    {
        var next = Continue(PassingOver, At(12, Unreachable(), Primary(Beta, timeline: 2), Deaf(Gamma)));
        Assert.Equal(EventKind.FailoverSucceeded, next.Events[0].Kind);
        Assert.Equal((Beta, 2L, null), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure));
    }

    [Fact]
    public void One_that_was_stopped_in_vain_is_made_a_standby_again()
    {
        var memory = PassingOver with { Procedure = PassingOver.Procedure! with { Step = ProcedureStep.Withdraw } };
        var seen = At(20, Primary(), Refused(Beta), Deaf(Gamma)).With(Stopped());
        var next = Continue(memory, seen with { Report = new ActionReport(nameof(WatchdogAction.WithdrawPromotion), Beta, true) });
        Assert.Equal((Alpha, null), (next.Memory.IntendedPrimary, next.Memory.Procedure));
        Assert.Equal([Beta], next.Memory.Replaced);
    }
}
