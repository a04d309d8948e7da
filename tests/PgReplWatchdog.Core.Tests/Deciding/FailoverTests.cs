using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>Each step with each row of facts: (step, candidate is primary, old primary serves).</summary>
public class FailoverTests
{
    private static readonly WatchdogAction Promote = new WatchdogAction.Promote(Beta, TriggerFile(Beta));
    private static readonly WatchdogAction Withdraw = new WatchdogAction.WithdrawPromotion(Beta, TriggerFile(Beta));

    private static NextStep Continue(ClusterMemory memory, params NodeObservation[] nodes) =>
        Continue(memory, memory.Procedure!, At(3, nodes));

    private static NextStep Continue(ClusterMemory memory, Procedure procedure, ClusterObservation seen) =>
        Failover.Continue(FiveAttempts, memory, procedure, Diagnostician.Diagnose(memory, seen), seen);

    private static readonly ClusterSpec FiveAttempts = Two(new Policy { PromotionAttempts = 5 });

    private static ClusterMemory Tried(int attempts) => Promoting with { Procedure = Promoting.Procedure! with { Attempts = attempts } };

    private static readonly ClusterMemory Withdrawing = Promoting with { Procedure = Promoting.Procedure! with { Step = ProcedureStep.Withdraw } };

    private static (WatchdogAction, EventKind) Told(NextStep next) => (next.Action, Assert.Single(next.Events).Kind);

    [Fact]
    public void Decision_puts_everything_on_record_before_anything_is_done()
    {
        var memory = Known with { Epoch = 7, Replaced = [Gamma] };
        var next = Failover.Begin(Two(), memory, new Candidate(Beta, Behind(64), 64, []), Seconds(10), At(12, Refused(), Deaf()));
        Assert.Equal((Promote, EventKind.FailoverDecided), Told(next));
        Assert.Equal((Beta, 8L), (next.Memory.IntendedPrimary, next.Memory.Epoch));
        Assert.Equal([Gamma, Alpha], next.Memory.Replaced);
        Assert.Equal(new Procedure(8, Alpha, Beta, ProcedureStep.Promote, 1, Start.AddSeconds(2), Start.AddSeconds(12), 64), next.Memory.Procedure);
        Assert.Equal("failover from alpha to beta (epoch 8): alpha silent for 10.0 s; beta at 0/2FFFFC0 lacks 64 bytes of the WAL last seen",
            next.Events[0].Sentence);
    }

    [Fact]
    public void Node_that_is_to_be_primary_is_no_longer_to_be_fenced() =>
        Assert.Equal([Alpha], Failover.Begin(Two(), Known with { Replaced = [Beta, Alpha] }, new Candidate(Beta, Here, 0, []), Seconds(10), At(0)).Memory.Replaced);

    [Fact]
    public void Promotion_that_has_not_happened_yet_is_asked_for_again()
    {
        var next = Continue(Promoting, Refused(), Deaf());
        Assert.Equal((Promote, EventKind.PromotionTried), Told(next));
        Assert.Equal(2, next.Memory.Procedure!.Attempts);
        Assert.Equal("beta is not primary yet: attempt 2 of 5", next.Events[0].Sentence);
    }

    [Theory]
    [InlineData(Reach.Unreachable)]
    [InlineData(Reach.Alive)]
    [InlineData(Reach.Failed)]
    public void Candidate_that_does_not_answer_is_asked_for_nothing(Reach reach)
    {
        var memory = Promoting;
        var next = Continue(memory, Refused(), Without(reach, Beta));
        Assert.Equal(WatchdogAction.Nothing, next.Action);
        Assert.Same(memory, next.Memory);
    }

    [Theory]
    [InlineData(Reach.Unreachable)]
    [InlineData(Reach.Failed)]
    [InlineData(Reach.Unknown)]
    public void Promotion_on_record_is_not_asked_for_when_nobody_can_say_anything(Reach reach) =>
        Assert.Equal(WatchdogAction.Nothing, Continue(Promoting, Without(reach, Alpha), Without(reach, Beta)).Action);

    [Fact]
    public void Withdrawal_is_not_over_while_the_candidate_cannot_be_seen() =>
        Assert.IsType<WatchdogAction.WithdrawPromotion>(Continue(Withdrawing, Primary(), Without(Reach.Unreachable, Beta)).Action);

    [Theory]
    [InlineData(1, true)]
    [InlineData(4, true)]
    [InlineData(5, false)]
    [InlineData(9, false)]
    public void Promotion_is_asked_for_as_often_as_the_policy_says(int attempts, bool again) =>
        Assert.Equal(again ? Promote : Withdraw, Continue(Tried(attempts), Refused(), Deaf()).Action);

    [Fact]
    public void Last_attempt_without_success_takes_the_promotion_back()
    {
        var next = Continue(Tried(5), Refused(), Deaf());
        Assert.Equal((Withdraw, EventKind.FailoverWithdrawn), Told(next));
        Assert.Equal(ProcedureStep.Withdraw, next.Memory.Procedure!.Step);
        Assert.Equal(Beta, next.Memory.IntendedPrimary);
    }

    [Fact]
    public void Old_primary_that_serves_again_before_the_promotion_takes_it_back()
    {
        var next = Continue(Promoting, Primary(), Deaf());
        Assert.Equal((Withdraw, EventKind.FailoverWithdrawn), Told(next));
        Assert.Equal("taking the promotion of beta back: alpha serves again before beta was promoted", next.Events[0].Sentence);
    }

    [Fact]
    public void Candidate_that_is_primary_ends_it()
    {
        var next = Continue(Promoting, Refused(), Primary(Beta, timeline: 2));
        Assert.Equal((Withdraw, EventKind.FailoverSucceeded), Told(next)); // so that no trigger file is left
        Assert.Null(next.Memory.Procedure);
        Assert.Equal((Beta, 2L, 2u), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.NewestTimeline));
        Assert.Equal(new FinishedFailover(2, Alpha, Beta, true, Start.AddSeconds(-10), Start, Start.AddSeconds(3), 0), next.Memory.LastFailover);
        Assert.Equal([Alpha], next.Memory.Replaced);
        Assert.Equal("beta is primary on timeline 2, 3.00 s after the decision and 13.0 s after the last sign of life of alpha", next.Events[0].Sentence);
    }

    [Fact]
    public void Candidate_that_is_primary_wins_even_where_the_old_one_serves_too()
    {
        Assert.Equal(EventKind.FailoverSucceeded, Continue(Promoting, Primary(), Primary(Beta, timeline: 2)).Events[0].Kind);
        Assert.Equal(EventKind.FailoverSucceeded, Continue(Withdrawing, Primary(), Primary(Beta, timeline: 2)).Events[0].Kind);
        Assert.Equal(EventKind.FailoverSucceeded, Continue(Withdrawing, Refused(), Primary(Beta, timeline: 2)).Events[0].Kind);
    }

    [Fact]
    public void Timeline_on_record_never_goes_back() =>
        Assert.Equal(5u, Continue(Promoting with { NewestTimeline = 5 }, Refused(), Primary(Beta, timeline: 2)).Memory.NewestTimeline);

    [Fact]
    public void Withdrawn_because_the_old_primary_serves_leaves_everything_as_it_was()
    {
        var next = Continue(Withdrawing, Primary(), Deaf());
        Assert.Equal((WatchdogAction.Nothing, EventKind.FailoverWithdrawn), Told(next));
        Assert.Equal("no failover: alpha is the intended primary as before", next.Events[0].Sentence);
        Assert.Equal((Alpha, 3L, null, null), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure, next.Memory.LastFailover));
        Assert.Empty(next.Memory.Replaced);
    }

    [Fact]
    public void Withdrawn_because_nobody_was_promoted_counts_as_a_failover()
    {
        var next = Continue(Withdrawing with { Procedure = Withdrawing.Procedure! with { Attempts = 5 } }, Refused(), Deaf());
        Assert.Equal((WatchdogAction.Nothing, EventKind.FailoverFailed), Told(next));
        Assert.Equal((Alpha, 3L, null), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure));
        Assert.Empty(next.Memory.Replaced);
        Assert.False(next.Memory.LastFailover!.Succeeded);
        Assert.Equal(Start.AddSeconds(3), next.Memory.LastFailover.FinishedAt);
    }

    [Fact]
    public void Trigger_file_that_could_not_be_removed_is_removed_before_anything_else_is_done()
    {
        var next = Continue(Withdrawing, Withdrawing.Procedure!, At(3, Primary(), Deaf()) with { LastActionSucceeded = false });
        Assert.IsType<WatchdogAction.WithdrawPromotion>(next.Action);
        Assert.Same(Withdrawing, next.Memory);
    }

    [Fact]
    public void Old_primary_that_is_starting_up_takes_the_promotion_back() =>
        Assert.IsType<WatchdogAction.WithdrawPromotion>(Continue(Promoting, Busy(), Deaf()).Action);

    [Theory]
    [InlineData(119, typeof(WatchdogAction.Promote))]
    [InlineData(200, typeof(WatchdogAction.WithdrawPromotion))]
    public void Promotion_on_record_for_too_long_is_taken_back(double at, Type action) =>
        Assert.IsType(action, Continue(Promoting, Promoting.Procedure! with { DecidedAt = Start }, At(at, Refused(), Deaf())).Action);

    [Fact]
    public void Giving_up_forgets_no_other_replaced_node() =>
        Assert.Equal([Gamma], Continue(Withdrawing with { Replaced = [Gamma, Alpha] }, Refused(), Deaf()).Memory.Replaced);

    [Fact]
    public void Promotion_on_record_is_not_asked_for_while_a_standby_still_streams_from_the_old_primary() =>
        Assert.IsNotType<WatchdogAction.Promote>(new Watch(Two(), Promoting).Look(0, Unreachable(), Standby(heard: 0.1)).Action);

    [Fact]
    public void Server_of_another_system_at_the_candidates_address_is_no_success() =>
        Assert.DoesNotContain(Continue(Promoting, Refused(), Primary(Beta, timeline: 2, system: OtherSystem)).Events,
            told => told.Kind == EventKind.FailoverSucceeded);

    [Fact]
    public void Promotion_on_record_is_not_asked_for_once_automatic_is_off() =>
        Assert.IsNotType<WatchdogAction.Promote>(new Watch(Two(new Policy { Automatic = false }), Promoting).Look(0, Refused(), Deaf()).Action);
}
