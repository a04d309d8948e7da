using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>Each step with each row of facts that decides what it does.</summary>
public class FailoverTests
{
    private static readonly Policy Five = new() { PromotionAttempts = 5 };
    private static readonly WatchdogAction Promote = new WatchdogAction.Promote(Beta, PromotionMethod.TriggerFile) { Elected = Here };
    private static readonly WatchdogAction Withdraw = new WatchdogAction.WithdrawPromotion(Beta);

    private static NextStep Continue(ClusterMemory memory, ClusterObservation seen, Policy? policy = null) => Failover.Continue(Now(memory, seen, policy ?? Five), memory.Procedure!);

    private static NextStep Continue(ClusterMemory memory, params NodeObservation[] nodes) => Continue(memory, At(3, nodes));

    private static Situation Now(ClusterMemory memory, ClusterObservation seen, Policy policy, double silentSince = 0)
    {
        var spec = seen.Nodes.Length == 2 ? Two(policy) : Three(policy);
        return new Situation(spec, memory, Diagnostician.Diagnose(memory, seen), new Suspicion(seen.At, Seconds(silentSince)), seen)
        {
            Candidates = CandidateSelection.Assess(spec, memory, Here, Alpha, seen),
            KnownPosition = Here,
            Receipts = Receipts.None.Looked(At(0, [.. seen.Nodes])),
            GuardSeenAt = TimeSpan.Zero,
        };
    }

    private static ClusterMemory Tried(ClusterMemory memory, int attempts) => memory with { Procedure = memory.Procedure! with { Attempts = attempts } };

    private static readonly ClusterMemory Withdrawing = Promoting with { Procedure = Promoting.Procedure! with { Step = ProcedureStep.Withdraw } };

    private static ClusterObservation Reporting(ClusterObservation seen, string action, string node, bool succeeded = true, long? bytes = null) =>
        seen with { Report = new ActionReport(action, node, succeeded, bytes) };

    private static ClusterObservation Withdrawn(double at, params NodeObservation[] nodes) => Reporting(At(at, nodes), nameof(WatchdogAction.WithdrawPromotion), Beta);

    private static (WatchdogAction, EventKind) Told(NextStep next) => (next.Action, next.Events[0].Kind);

    // Begin.

    [Fact]
    public void Decision_is_on_record_and_changes_nothing_of_who_is_primary()
    {
        var next = Failover.Begin(Now(Known with { Epoch = 7 }, At(12, Refused(), Deaf()).With(HostDead()), Five, silentSince: 2), new Candidate(Beta, Behind(64), 64, []));
        Assert.Equal((new WatchdogAction.Fence(Alpha), EventKind.FailoverDecided), Told(next));
        Assert.Equal((Alpha, 7L, ProcedureStep.Fence, 1), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure!.Step, next.Memory.Procedure.Attempts));
        Assert.Equal((Start.AddSeconds(2), Start.AddSeconds(12), 64L), (next.Memory.Procedure.SilentSince, next.Memory.Procedure.DecidedAt, next.Memory.Procedure.ExpectedLossBytes));
        Assert.Equal("failover from alpha (verdict Crashed for 10.0 s); candidate beta at 0/2FFFFC0 lacks 64 bytes of the WAL last seen", next.Events[0].Sentence);
    }

    [Fact]
    public void Hook_before_runs_once_and_whatever_becomes_of_it_the_fence_follows()
    {
        var policy = new Policy { HasHookBefore = true };
        var first = Failover.Begin(Now(Known, At(12, Refused(), Deaf()).With(HostDead()), policy), new Candidate(Beta, Here, 0, []));
        Assert.Equal(new WatchdogAction.RunHook(Beta, HookMoment.Before, Alpha, 1, "Crashed", 0), first.Action);
        Assert.IsType<WatchdogAction.Fence>(Continue(first.Memory, At(13, Refused(), Deaf()).With(HostDead()), policy).Action);
    }

    // Fence.

    private static NextStep Fence(HostObservation host, int attempts = 0, Policy? policy = null, double at = 3) =>
        Continue(Tried(UnderWay(ProcedureStep.Fence), attempts), At(at, Unreachable(), Deaf()).With(host), policy ?? Five);

    [Fact]
    public void Host_that_answers_is_told_to_fence_until_it_is_fenced()
    {
        Assert.All([0, 1, 2], attempts => Assert.Equal(new WatchdogAction.Fence(Alpha), Fence(HostHung(), attempts).Action));
        Assert.Equal(new WatchdogAction.Fence(Alpha), Fence(HostDead()).Action); // dead is not fenced: a supervisor may start it
        Assert.Equal(FencedBy.Ssh, Fence(HostDead(blocked: true)).Memory.Procedure!.FencedBy);
    }

    [Theory]
    [InlineData(2, true, FencedBy.Unknown)]
    [InlineData(3, true, FencedBy.Ssh)]
    [InlineData(3, false, FencedBy.Unknown)] // that was before the host went away: with room on its disk it can be blocked now
    public void Start_block_that_cannot_be_written_holds_a_dead_primary_for_three_attempts(int attempts, bool justTried, FencedBy by)
    {
        var look = At(3, Unreachable(), Deaf()).With(HostDead());
        var next = Continue(Tried(UnderWay(ProcedureStep.Fence), attempts), justTried ? Reporting(look, nameof(WatchdogAction.Fence), Alpha, false) : look, Five);
        Assert.Equal((by, by == FencedBy.Unknown), (next.Memory.Procedure!.FencedBy, next.Action is WatchdogAction.Fence));
    }

    /// <summary>The guard lifts its block and starts its primary while a standby of its lease follows it.</summary>
    [Fact]
    public void Start_block_of_the_guard_is_replaced_however_often_that_fails()
    {
        var look = At(3, Unreachable(), Deaf()).With(HostDead(blocked: true) with { BlockedByGuard = true });
        var failed = Continue(Tried(UnderWay(ProcedureStep.Fence), 3), Reporting(look, nameof(WatchdogAction.Fence), Alpha, false), Five);
        Assert.Equal((FencedBy.Unknown, WatchdogAction.Nothing), (failed.Memory.Procedure!.FencedBy, failed.Action));
        Assert.Equal(new WatchdogAction.Fence(Alpha), Continue(Tried(UnderWay(ProcedureStep.Fence), 3), look, Five).Action);
    }

    [Theory]
    [InlineData(7.99, FencedBy.Unknown)]
    [InlineData(8, FencedBy.Guard)]
    public void Host_that_vanished_is_waited_for_until_its_guard_has_surely_stopped_it(double at, FencedBy by)
    {
        var next = Fence(HostGone(), at: at);
        Assert.Equal(by, next.Memory.Procedure!.FencedBy);
        Assert.Equal(by == FencedBy.Unknown, next.Action is WatchdogAction.None);
    }

    [Fact]
    public void Fence_command_runs_where_the_host_does_not_answer_or_does_not_do_it()
    {
        var policy = new Policy { HasFenceCommand = true, GuardTimeToLive = TimeSpan.FromMinutes(1) };
        Assert.IsType<WatchdogAction.FenceByCommand>(Fence(HostGone(), policy: policy).Action);
        Assert.IsType<WatchdogAction.FenceByCommand>(Fence(HostHung(), 3, policy).Action);
        Assert.IsType<WatchdogAction.Fence>(Fence(HostHung(), 2, policy).Action);
    }

    [Theory]
    [InlineData(true, FencedBy.Command)]
    [InlineData(false, FencedBy.Unknown)]
    public void Fence_command_is_believed_only_where_it_succeeded(bool succeeded, FencedBy by) => Assert.Equal(by, Continue(UnderWay(ProcedureStep.Fence),
        Reporting(At(3, Unreachable(), Deaf()).With(HostGone()), nameof(WatchdogAction.FenceByCommand), Alpha, succeeded), new Policy { HasFenceCommand = true }).Memory.Procedure!.FencedBy);

    [Fact]
    public void Best_effort_goes_on_without_and_says_so_loudly()
    {
        var next = Fence(HostGone(), policy: new Policy { Fencing = Fencing.BestEffort, GuardTimeToLive = TimeSpan.FromMinutes(1) });
        Assert.Equal(FencedBy.Nothing, next.Memory.Procedure!.FencedBy);
        Assert.Contains("alpha is NOT fenced", next.Events[0].Sentence, StringComparison.Ordinal);
    }

    // Freeze, salvage.

    [Fact]
    public void Walreceivers_are_frozen_until_none_is_left_and_then_the_furthest_is_elected()
    {
        var memory = UnderWay(ProcedureStep.Freeze, FencedBy.Guard) with { Guard = new ArmedGuard(Alpha, new GuardOrder(new Policy().GuardTimeToLive, [Beta, Gamma])) };
        var first = Continue(memory, At(20, Unreachable(), Deaf(Beta, Behind(8)), Deaf(Gamma)));
        Assert.Equal("beta,gamma", Assert.IsType<WatchdogAction.Freeze>(first.Action).Node);
        var deaf = At(20, Unreachable(), Deaf(Beta, Behind(8)), Deaf(Gamma));
        Assert.IsType<WatchdogAction.Freeze>(Continue(first.Memory, Reporting(deaf, nameof(WatchdogAction.Freeze), "beta,gamma", succeeded: false)).Action);
        Assert.IsType<WatchdogAction.Freeze>(Continue(first.Memory, Reporting(deaf, nameof(WatchdogAction.Freeze), Beta)).Action); // gamma was not there then
        var second = Continue(first.Memory, Reporting(deaf, nameof(WatchdogAction.Freeze), "beta,gamma"));
        Assert.Equal(new WatchdogAction.Promote(Gamma, PromotionMethod.TriggerFile) { Elected = Here }, second.Action);
        Assert.Equal((Gamma, 2L), (second.Memory.IntendedPrimary, second.Memory.Epoch));
        Assert.Equal([Beta], second.Memory.Following);
    }

    [Fact]
    public void Freeze_that_does_not_work_holds_a_failover_for_ever_only_where_the_guard_is_relied_on()
    {
        Assert.IsType<WatchdogAction.Promote>(Continue(Tried(UnderWay(ProcedureStep.Freeze, FencedBy.Command), 3), At(20, Unreachable(), Deaf())).Action);
        Assert.IsType<WatchdogAction.Freeze>(Continue(Tried(UnderWay(ProcedureStep.Freeze, FencedBy.Guard), 3), At(20, Unreachable(), Deaf())).Action);
    }

    /// <summary>A standby that vouches for nobody lets nobody start, and its host may be out of reach.</summary>
    [Fact]
    public void Only_vouchers_have_to_be_frozen_where_the_guard_is_relied_on()
    {
        var seen = At(20, Unreachable(), Deaf(), Deaf(Gamma));
        var first = Continue(UnderWay(ProcedureStep.Freeze, FencedBy.Guard), seen);
        Assert.Equal(Beta, Assert.IsType<WatchdogAction.Freeze>(first.Action).Node);
        Assert.IsType<WatchdogAction.Promote>(Continue(first.Memory, Reporting(seen, nameof(WatchdogAction.Freeze), Beta)).Action);
        Assert.Equal("beta,gamma", Assert.IsType<WatchdogAction.Freeze>(Continue(UnderWay(ProcedureStep.Freeze, FencedBy.Command), seen).Action).Node);
    }

    [Fact]
    public void Walreceivers_that_are_starting_are_not_frozen()
    {
        var starting = Standby(Gamma).With(server => server with { WalReceiver = new WalReceiver("starting", null) });
        Assert.IsType<WatchdogAction.Freeze>(Continue(Tried(UnderWay(ProcedureStep.Freeze, FencedBy.Command), 1), At(20, Unreachable(), Deaf(Beta, Behind(8)), starting)).Action);
    }

    /// <summary>Its guard had surely stopped it, and then a standby was asked whether it may start: it counts anew from there.</summary>
    [Fact]
    public void Primary_that_may_have_started_anew_before_the_freeze_is_not_taken_for_stopped()
    {
        var memory = Continue(UnderWay(ProcedureStep.Freeze, FencedBy.Guard), At(20, Unreachable(), Deaf())).Memory;
        var asked = Reporting(At(20, Unreachable(), Deaf().With(server => server with { BootChecks = "4711" })), nameof(WatchdogAction.Freeze), Beta);
        var before = Receipts.None.Looked(At(0, Unreachable(), Deaf()));
        var next = Failover.Continue(Now(memory, asked, new Policy()) with { Receipts = before.Looked(asked) }, memory.Procedure!);
        Assert.Equal((WatchdogAction.Nothing, ProcedureStep.Fence, FencedBy.Unknown), (next.Action, next.Memory.Procedure!.Step, next.Memory.Procedure.FencedBy));
        var later = asked with { At = Seconds(29), Time = Start.AddSeconds(29), Report = null };
        Assert.IsType<WatchdogAction.Freeze>(Failover.Continue(Now(next.Memory, later, new Policy()) with { Receipts = before.Looked(asked).Looked(later) }, next.Memory.Procedure).Action);
    }

    [Fact]
    public void After_the_freeze_nobody_is_promoted_while_nobody_is_eligible() => Assert.Equal(WatchdogAction.Nothing, Continue(UnderWay(ProcedureStep.Freeze, FencedBy.Guard),
        Reporting(At(20, Unreachable(), Deaf().With(server => server with { ReplayPaused = true })), nameof(WatchdogAction.Freeze), Beta)).Action);

    [Fact]
    public void Dead_primary_whose_host_answers_is_salvaged_without_a_freeze()
    {
        var next = Continue(UnderWay(ProcedureStep.Fence), At(3, Refused(), Deaf(at: Behind(64))).With(HostDead(blocked: true)));
        Assert.Equal(new WatchdogAction.Salvage(Alpha, Beta, Behind(64), Behind(64), 1) { SystemIdentifier = OurSystem }, next.Action);
        Assert.Equal(Alpha, next.Memory.IntendedPrimary);
    }

    private static NextStep Salvage(int attempts, double at, HostObservation host, bool? succeeded = null)
    {
        var seen = At(at, Refused(), Deaf()).With(host);
        return Continue(Tried(UnderWay(ProcedureStep.Salvage, FencedBy.Ssh), attempts), succeeded is { } done ? Reporting(seen, nameof(WatchdogAction.Salvage), Alpha, done, 4096) : seen);
    }

    [Fact]
    public void Salvage_ends_with_success_with_its_attempts_with_its_limit_or_with_the_host()
    {
        Assert.Equal(4096, Salvage(1, 3, HostDead(blocked: true), succeeded: true).Memory.Procedure!.SalvagedBytes);
        Assert.IsType<WatchdogAction.Salvage>(Salvage(1, 3, HostDead(blocked: true), succeeded: false).Action);
        Assert.IsType<WatchdogAction.Salvage>(Salvage(0, 4.99, HostDead(blocked: true)).Action);
        Assert.All([Salvage(2, 3, HostDead(blocked: true)), Salvage(0, 5, HostDead(blocked: true)), Salvage(0, 3, HostGone())], next =>
        {
            Assert.IsType<WatchdogAction.Promote>(next.Action);
            Assert.Null(next.Memory.Procedure!.SalvagedBytes);
        });
    }

    [Fact]
    public void Salvage_that_does_not_work_leaves_the_promotion_to_the_one_with_the_most_WAL()
    {
        var seen = At(3, Refused(), Deaf(at: Behind(64)), Deaf(Gamma, Behind(8))).With(HostDead(blocked: true));
        var failed = Continue(Tried(UnderWay(ProcedureStep.Salvage, FencedBy.Ssh), 2), seen);
        Assert.Equal((WatchdogAction.Nothing, true), (failed.Action, failed.Memory.Procedure!.SalvageFailed));
        var next = Continue(failed.Memory, seen);
        Assert.Equal(Gamma, Assert.IsType<WatchdogAction.Promote>(next.Action).Node);
    }

    [Fact]
    public void What_was_shipped_to_one_that_is_gone_does_not_count_for_the_one_elected_in_its_place()
    {
        var seen = At(3, Refused(), Unreachable(Beta), Deaf(Gamma, Behind(8))).With(HostDead(blocked: true));
        var next = Continue(Tried(UnderWay(ProcedureStep.Salvage, FencedBy.Ssh), 1), Reporting(seen, nameof(WatchdogAction.Salvage), Alpha, bytes: 4096));
        Assert.Equal(new WatchdogAction.Salvage(Alpha, Gamma, Behind(8), Behind(8), 1) { SystemIdentifier = OurSystem }, next.Action);
        Assert.Null(next.Memory.Procedure!.SalvagedBytes);
    }

    // Promote.

    [Fact]
    public void First_request_is_on_record_with_the_new_primary_and_the_epoch()
    {
        var next = Continue(UnderWay(ProcedureStep.Promote, FencedBy.Guard) with { Replaced = [Gamma, Beta] }, At(3, Unreachable(), Deaf()));
        Assert.Equal((Promote, EventKind.FailoverStep), Told(next));
        Assert.Equal((Beta, 2L, Here), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure!.PromotedAt));
        Assert.Equal([Gamma, Alpha], next.Memory.Replaced);
        Assert.Null(next.Memory.Guard);
    }

    [Theory]
    [InlineData("beta as far as gamma", Beta)]
    [InlineData("gamma further", Gamma)]
    [InlineData("gamma further but paused", Beta)]
    [InlineData("beta gone", Gamma)]
    [InlineData("gamma further, and beta was asked", Beta)]
    public void Who_is_best_when_the_promotion_is_first_asked_for_is_promoted(string who, string promoted)
    {
        var beta = who switch { "beta gone" => Unreachable(Beta), "beta as far as gamma" => Deaf(), _ => Deaf(at: Behind(8)) };
        var gamma = who == "gamma further but paused" ? Deaf(Gamma).With(server => server with { ReplayPaused = true }) : Deaf(Gamma);
        var seen = At(3, Refused(), beta, gamma);
        var memory = who == "gamma further, and beta was asked" ? Promoting : UnderWay(ProcedureStep.Promote, FencedBy.Command);
        var next = Continue(memory, seen);
        if (promoted == Gamma)
        {
            // Elected anew, from the freeze on.
            Assert.Equal((ProcedureStep.Freeze, Alpha), (next.Memory.Procedure!.Step, next.Memory.IntendedPrimary));
            Assert.IsType<WatchdogAction.Freeze>(next.Action);
            next = Continue(next.Memory, seen);
        }
        Assert.Equal(promoted, Assert.IsType<WatchdogAction.Promote>(next.Action).Node);
        Assert.Equal((promoted, promoted, 2L), (next.Memory.Procedure!.To, next.Memory.IntendedPrimary, next.Memory.Epoch));
    }

    [Fact]
    public void Promotion_that_has_not_happened_yet_is_asked_for_again()
    {
        var next = Continue(Promoting, Unreachable(), Deaf());
        Assert.Equal((Promote, EventKind.PromotionTried), Told(next));
        Assert.Equal((2, 2L), (next.Memory.Procedure!.Attempts, next.Memory.Epoch));
    }

    [Theory]
    [InlineData(0, PromotionMethod.TriggerFile)]
    [InlineData(2, PromotionMethod.TriggerFile)]
    [InlineData(3, PromotionMethod.Sql)]
    [InlineData(6, PromotionMethod.PgCtl)]
    [InlineData(9, PromotionMethod.TriggerFile)]
    public void Each_means_of_promotion_is_tried_three_times(int attempts, PromotionMethod method) => Assert.Equal(new WatchdogAction.Promote(Beta, method) { Elected = Here },
        Continue(Tried(Promoting, attempts), At(3, Unreachable(), Deaf().With(server => server with { MayPromote = true })), new Policy()).Action);

    [Theory]
    [InlineData(Reach.Unreachable)]
    [InlineData(Reach.Alive)]
    [InlineData(Reach.Failed)]
    public void Candidate_that_does_not_answer_is_asked_for_nothing(Reach reach) =>
        Assert.Equal(WatchdogAction.Nothing, Continue(Promoting, Refused(), Without(reach, Beta)).Action);

    [Theory]
    [InlineData(4, true)]
    [InlineData(5, false)]
    public void Promotion_is_asked_for_as_often_as_the_policy_says(int attempts, bool again) =>
        Assert.IsType(again ? typeof(WatchdogAction.Promote) : typeof(WatchdogAction.WithdrawPromotion), Continue(Tried(Promoting, attempts), Unreachable(), Deaf()).Action);

    [Theory]
    [InlineData(120, false)]
    [InlineData(120.1, true)]
    public void Candidate_that_has_died_in_its_promotion_is_given_up_after_the_limit(double at, bool withdrawn) =>
        Assert.Equal(withdrawn ? Withdraw : WatchdogAction.Nothing, Continue(Promoting, At(at, Unreachable(), Refused(Beta))).Action);

    [Fact]
    public void Promotion_on_record_goes_on_however_old_it_is_once_the_old_primary_is_fenced() =>
        Assert.Equal(Promote, Continue(Promoting, At(3600, Unreachable(), Deaf())).Action);

    [Fact]
    public void Promotion_on_record_is_not_asked_for_while_a_standby_still_streams_from_the_old_primary() =>
        Assert.Equal(Withdraw, Continue(Promoting, Unreachable(), Standby(heard: 0.1)).Action);

    /// <summary>It may have been promoted and stopped out of sight: it is a standby as long as its host shows standby.signal.</summary>
    [Fact]
    public void Candidate_that_is_stopped_is_given_up_only_when_it_is_known_to_be_a_standby_still()
    {
        var seen = Withdrawn(7, Unreachable(), Refused(Beta));
        Assert.NotNull(Continue(Withdrawing, seen.With(HostDead(Beta))).Memory.Procedure);
        Assert.NotNull(Continue(Withdrawing, seen.With(HostGone(Beta))).Memory.Procedure);
        Assert.Null(Continue(Withdrawing, seen.With(HostDead(Beta) with { StandbySignal = true })).Memory.Procedure);
    }

    /// <summary>It was promoted before that could be taken back: asked again and again, it would be told so for ever.</summary>
    [Fact]
    public void Candidate_that_was_promoted_and_is_stopped_is_left_to_an_operator()
    {
        var first = Continue(Tried(Withdrawing, 0), Withdrawn(7, Primary(), Refused(Beta)).With(HostDead(Beta)));
        Assert.Equal(WatchdogAction.Nothing, first.Action);
        Assert.Contains("choose one with pgwatchdog adopt main NODE", first.Events.Single().Sentence, StringComparison.Ordinal);
        var again = Continue(first.Memory, At(8, Primary(), Refused(Beta)).With(HostDead(Beta)));
        Assert.Equal((WatchdogAction.Nothing, 0, first.Memory.Procedure), (again.Action, again.Events.Length, again.Memory.Procedure));
        Assert.Equal(Withdraw, Continue(first.Memory, At(9, Primary(), Deaf())).Action); // it is a standby again
    }

    // Its end.

    [Fact]
    public void Candidate_that_is_primary_ends_it_and_no_trigger_file_is_left()
    {
        var next = Continue(Promoting, Refused(), Primary(Beta, timeline: 2));
        Assert.Equal((Withdraw, EventKind.FailoverSucceeded), Told(next));
        Assert.Equal((Beta, 2L, 2u, null), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.NewestTimeline, next.Memory.Procedure));
        Assert.Equal((true, 0L, Start.AddSeconds(3)), (next.Memory.LastFailover!.Succeeded, next.Memory.LastFailover.EstimatedLossBytes, next.Memory.LastFailover.FinishedAt));
        Assert.Equal("beta is primary on timeline 2, 3.00 s after the decision and 13.0 s after the last sign of life of alpha; estimated loss: 0 bytes of WAL", next.Events[0].Sentence);
    }

    [Fact]
    public void Candidate_that_is_primary_wins_even_where_the_old_one_serves_too()
    {
        Assert.Equal((new WatchdogAction.Fence(Alpha), EventKind.FailoverSucceeded), Told(Continue(Promoting, Primary(), Primary(Beta, timeline: 2))));
        Assert.Equal(EventKind.FailoverSucceeded, Continue(Withdrawing, Refused(), Primary(Beta, timeline: 2)).Events[0].Kind);
    }

    [Fact]
    public void Server_of_another_system_at_the_candidates_address_is_no_success() =>
        Assert.DoesNotContain(Continue(Promoting, Refused(), Primary(Beta, timeline: 2, system: OtherSystem)).Events, told => told.Kind == EventKind.FailoverSucceeded);

    [Fact]
    public void Timeline_on_record_never_goes_back() =>
        Assert.Equal(5u, Continue(Promoting with { NewestTimeline = 5 }, Refused(), Primary(Beta, timeline: 2)).Memory.NewestTimeline);

    [Fact]
    public void Hook_after_runs_once()
    {
        var policy = new Policy { HasHookAfter = true };
        var done = Continue(Promoting, At(3, Refused(), Primary(Beta, timeline: 2)), policy);
        var hook = Continue(done.Memory, At(4, Refused(), Primary(Beta, timeline: 2)), policy);
        Assert.Equal(new WatchdogAction.RunHook(Beta, HookMoment.After, Alpha, 2, "Down", 0), hook.Action);
        Assert.Null(Continue(hook.Memory, At(5, Refused(), Primary(Beta, timeline: 2)), policy).Memory.Procedure);
    }

    // The way back.

    public static TheoryData<ProcedureStep> Steps => [ProcedureStep.HookBefore, ProcedureStep.Fence, ProcedureStep.Freeze, ProcedureStep.Salvage];

    [Theory, MemberData(nameof(Steps))]
    public void Old_primary_that_serves_again_before_a_promotion_was_asked_for_takes_everything_back_at_once(ProcedureStep step)
    {
        var next = Continue(UnderWay(step) with { Procedure = UnderWay(step).Procedure! with { Frozen = [Beta] }, Following = [Gamma] }, At(3, Primary(), Deaf()));
        Assert.Equal((WatchdogAction.Nothing, EventKind.FailoverWithdrawn), Told(next));
        Assert.Equal((Alpha, 1L, null, null), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure, next.Memory.LastFailover));
        Assert.Equal([Gamma, Beta], next.Memory.Following);
    }

    [Theory, MemberData(nameof(Steps))]
    public void Step_is_not_taken_on_a_look_that_says_nothing(ProcedureStep step)
    {
        var memory = UnderWay(step, FencedBy.Ssh);
        Assert.All([Unreachable(Beta), Failed(Beta)], beta =>
        {
            var next = Continue(memory, At(3, Unreachable(), beta));
            Assert.Equal(WatchdogAction.Nothing, next.Action);
            Assert.Same(memory, next.Memory);
        });
    }

    [Theory]
    [InlineData(FencedBy.Unknown, true)]
    [InlineData(FencedBy.Nothing, true)]
    [InlineData(FencedBy.Ssh, false)]
    [InlineData(FencedBy.Guard, false)]
    [InlineData(FencedBy.Command, false)]
    public void Pause_automatic_off_and_age_take_back_what_is_not_fenced_and_nothing_else(FencedBy by, bool withdrawn)
    {
        var memory = UnderWay(ProcedureStep.Freeze, by);
        var seen = At(3, Unreachable(), Deaf());
        Assert.All([Continue(memory, seen with { Wish = new OperatorWish(true, 0) }), Continue(memory, seen, new Policy { Automatic = false }), Continue(memory, At(121, Unreachable(), Deaf()))],
            next => Assert.Equal(withdrawn, next.Memory.Procedure is null));
    }

    [Fact]
    public void Primary_that_shuts_down_because_it_is_being_fenced_is_no_reason_to_take_it_back()
    {
        var memory = UnderWay(ProcedureStep.Fence);
        Assert.Null(Continue(memory, At(3, Busy(), Deaf())).Memory.Procedure);
        var next = Continue(Tried(memory, 1), At(3, Busy(), Deaf()));
        Assert.Equal((WatchdogAction.Nothing, ProcedureStep.Fence), (next.Action, next.Memory.Procedure!.Step));
    }

    [Fact]
    public void Trigger_file_is_removed_until_it_is_known_to_be_gone_from_a_standby()
    {
        var taken = Continue(Promoting, Primary(), Deaf());
        Assert.Equal((Withdraw, EventKind.FailoverWithdrawn), Told(taken));
        Assert.Equal((ProcedureStep.Withdraw, Beta), (taken.Memory.Procedure!.Step, taken.Memory.IntendedPrimary));
        Assert.Equal(Withdraw, Continue(Withdrawing, Reporting(At(3, Primary(), Deaf()), nameof(WatchdogAction.WithdrawPromotion), Beta, succeeded: false)).Action);
        Assert.Equal(Withdraw, Continue(Withdrawing, Withdrawn(7, Primary(), Unreachable(Beta))).Action);
        var next = Continue(Withdrawing, Withdrawn(7, Primary(), Deaf()));
        Assert.Equal((WatchdogAction.Nothing, EventKind.FailoverWithdrawn), Told(next));
        Assert.Equal((Alpha, 3L, null, null), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure, next.Memory.LastFailover));
        Assert.Empty(next.Memory.Replaced);
    }

    /// <summary>It may have taken the file before that was removed.</summary>
    [Fact]
    public void Standby_that_may_have_taken_its_promotion_is_waited_for()
    {
        var next = Continue(Withdrawing, Withdrawn(6.9, Primary(), Deaf()));
        Assert.Equal((WatchdogAction.Nothing, Withdrawing), (next.Action, next.Memory));
    }

    [Fact]
    public void Withdrawn_because_nobody_was_promoted_counts_as_a_failover()
    {
        var next = Continue(Withdrawing with { Replaced = [Gamma, Alpha] }, Withdrawn(7, Unreachable(), Deaf()));
        Assert.Equal((WatchdogAction.Nothing, EventKind.FailoverFailed), Told(next));
        Assert.Equal((Alpha, 3L, null, false), (next.Memory.IntendedPrimary, next.Memory.Epoch, next.Memory.Procedure, next.Memory.LastFailover!.Succeeded));
        Assert.Equal([Gamma], next.Memory.Replaced);
    }

    [Fact]
    public void Start_block_that_is_left_is_told_of() =>
        Assert.Contains("remove recovery.conf", Continue(Tried(UnderWay(ProcedureStep.Fence), 1), At(3, Primary(), Deaf()).With(HostUp(Alpha) with { StartBlocked = true })).Events[^1].Sentence,
            StringComparison.Ordinal);

    [Fact]
    public void Step_that_this_version_does_not_know_is_taken_back() =>
        Assert.Null(Continue(UnderWay(ProcedureStep.Unknown), Unreachable(), Deaf()).Memory.Procedure);
}
