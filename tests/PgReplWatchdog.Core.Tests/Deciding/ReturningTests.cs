using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>What is done about a node that does not stream from the new primary, by what is seen of it and its host.</summary>
public class ReturningTests
{
    private static readonly WatchdogAction Rejoin = new WatchdogAction.Rejoin(Alpha, Beta, Fifteen, 2, FreshCopy: false);
    private static readonly WatchdogAction FreshRejoin = new WatchdogAction.Rejoin(Alpha, Beta, Fifteen, 2, FreshCopy: true);
    private static readonly WatchdogAction.Repoint Repoint = new(Gamma, Beta, Fifteen);

    /// <summary>Beta is primary; alpha was replaced, gamma is to follow.</summary>
    private static ClusterMemory After(params ReturningNode[] returning) => FailedOver with { Following = [Gamma], Returning = [.. returning] };

    private static NextStep Next(ClusterMemory memory, NodeObservation alpha, NodeObservation gamma, HostObservation host, Policy? policy = null, string? seen = null)
    {
        var beta = seen is null ? Primary(Beta, timeline: 2) : Primary(Beta, timeline: 2).With(server => server with { WalSenders = [new WalSender(Gamma, seen, "async", null, null, null)] });
        var look = At(100, alpha, beta, gamma).With(host);
        return Returning.Next(new Situation(Three(policy), memory, new Diagnosis(Verdict.Serving, Beta, []), Suspicion.None, look));
    }

    private static readonly WatchdogAction Checkpoint = new WatchdogAction.Checkpoint(Beta);

    /// <summary>pg_rewind goes by the timeline of the last checkpoint; where that is not known it is not waited for.</summary>
    [Theory]
    [InlineData(1u, null, 0, "Checkpoint")]
    [InlineData(1u, ReturnStep.Checkpoint, 19.9, "None")]
    [InlineData(1u, ReturnStep.Checkpoint, 20, "Checkpoint")]
    [InlineData(2u, ReturnStep.Checkpoint, 1, "Rejoin")]
    [InlineData(2u, null, 0, "Rejoin")]
    [InlineData(null, null, 0, "Rejoin")]
    public void Rewind_waits_for_the_first_checkpoint_of_the_new_primary(uint? checkpoint, ReturnStep? before, double secondsAgo, string action)
    {
        var beta = Primary(Beta, timeline: 2).With(server => server with { CheckpointTimeline = checkpoint });
        var memory = before is { } step ? After(Tried(Alpha, step, 1, 100 - secondsAgo)) : After();
        var look = At(100, Refused(), beta, Standby(Gamma, timeline: 2)).With(HostDead(blocked: true));
        var next = Returning.Next(new Situation(Three(), memory with { Following = [] }, new Diagnosis(Verdict.Serving, Beta, []), Suspicion.None, look));
        Assert.Equal(action switch { "Checkpoint" => Checkpoint, "Rejoin" => Rejoin, _ => WatchdogAction.Nothing }, next.Action);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)] // the slot of one that never returns would fill the disk
    public void New_primary_keeps_what_a_node_that_is_away_will_need_before_anything_else_where_that_has_a_limit(bool limited)
    {
        var beta = Primary(Beta, timeline: 2).With(server => server with { Slots = [], LimitsSlots = limited });
        var next = Returning.Next(new Situation(Three(), After(), new Diagnosis(Verdict.Serving, Beta, []), Suspicion.None, At(100, Unreachable(), beta, Deaf(Gamma)).With(HostGone())));
        Assert.Equal(limited ? new WatchdogAction.Reserve(Beta, Alpha, Fifteen) : Repoint, next.Action);
    }

    [Theory]
    [InlineData(1, 97.1, false)]
    [InlineData(1, 97, true)]
    [InlineData(5, 0, false)]
    public void Slot_that_cannot_be_made_is_tried_again_for_a_while(int attempts, double at, bool again)
    {
        var beta = Primary(Beta, timeline: 2).With(server => server with { Slots = [] });
        var memory = After(Tried(Alpha, ReturnStep.Reserve, attempts, at)) with { Following = [] };
        var next = Returning.Next(new Situation(Three(), memory, new Diagnosis(Verdict.Serving, Beta, []), Suspicion.None, At(100, Unreachable(), beta, Standby(Gamma, timeline: 2)).With(HostGone())));
        Assert.Equal(again ? new WatchdogAction.Reserve(Beta, Alpha, Fifteen) : WatchdogAction.Nothing, next.Action);
        Assert.Equal(Rejoin, Returning.Next(new Situation(Three(), memory with { Returning = [Tried(Alpha, ReturnStep.Reserve, 5, 0)] }, new Diagnosis(Verdict.Serving, Beta, []), Suspicion.None,
            At(100, Refused(), beta, Standby(Gamma, timeline: 2)).With(HostDead(blocked: true)))).Action);
    }

    [Fact]
    public void Slot_that_could_not_be_made_is_no_attempt_to_repoint() =>
        Assert.Equal(Repoint, Next(After(Tried(Gamma, ReturnStep.Reserve, 5, 0)), Unreachable(), Deaf(Gamma), HostGone()).Action);

    private static ReturningNode Tried(string node, ReturnStep step, int attempts, double at) => new(node, step, attempts, Start.AddSeconds(at));

    private static HostObservation Job(int? exit, long epoch = 2) => HostDead(blocked: true) with { Job = new HostJob(epoch, exit is null, exit, "No space left on device") };

    /// <summary>The primary failed while a rejoin was under way, and what it had begun did not come to its end.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)] // somebody has stopped it
    public void Stopped_standby_goes_on_with_a_rejoin_from_before_the_last_failover(bool blocked)
    {
        var gamma = HostDead(Gamma, blocked: blocked) with { StandbySignal = true, Job = new HostJob(1, false, 1, "could not reach the primary") };
        var next = Returning.Next(new Situation(Three(), FailedOver with { Replaced = [], Following = [Gamma] }, new Diagnosis(Verdict.Serving, Beta, []), Suspicion.None,
            At(100, Unreachable(), Primary(Beta, timeline: 2), Refused(Gamma)).With(gamma)));
        Assert.Equal(blocked ? new WatchdogAction.Rejoin(Gamma, Beta, Fifteen, 2, FreshCopy: false) : WatchdogAction.Nothing, next.Action);
    }

    [Fact]
    public void Standby_is_pointed_at_the_new_primary_and_is_back_when_that_sees_it_stream()
    {
        Assert.Equal(Repoint, Next(After(), Unreachable(), Deaf(Gamma), HostGone()).Action);
        var back = Next(After(Tried(Gamma, ReturnStep.Repoint, 1, 99)), Unreachable(), Standby(Gamma, timeline: 2), HostGone());
        Assert.Equal((WatchdogAction.Nothing, EventKind.NodeReplacedReturned), (back.Action, back.Events[0].Kind));
        Assert.Empty(back.Memory.Following);
        Assert.Empty(back.Memory.Returning);
    }

    [Theory]
    [InlineData("streaming", true)]
    [InlineData("starting", false)]
    [InlineData(null, false)]
    public void Standby_is_back_only_when_it_says_itself_that_it_streams(string? says, bool back)
    {
        var standby = Deaf(Gamma, timeline: 2).With(server => server with { WalReceiver = says is null ? null : new WalReceiver(says, null) });
        Assert.Equal(back, Next(After(), Unreachable(), standby, HostGone(), seen: "streaming").Memory.Following.IsEmpty);
        Assert.Empty(Next(After(), Unreachable(), standby.With(server => server with { ReadsStatistics = false }), HostGone(), seen: "streaming").Memory.Following); // it cannot say
    }

    [Theory]
    [InlineData(97.1, 1, null)]
    [InlineData(97, 1, typeof(WatchdogAction.Repoint))]
    [InlineData(97, 4, typeof(WatchdogAction.Repoint))]
    [InlineData(97, 5, typeof(WatchdogAction.Rejoin))]
    public void Repoint_is_tried_five_times_three_seconds_apart_and_then_the_node_is_made_anew(double triedAt, int attempts, Type? action) =>
        Assert.IsType(action ?? typeof(WatchdogAction.None), Next(After(Tried(Gamma, ReturnStep.Repoint, attempts, triedAt)), Unreachable(), Deaf(Gamma), HostGone()).Action);

    [Fact]
    public void Node_that_is_catching_up_is_left_to_it() =>
        Assert.Equal(WatchdogAction.Nothing, Next(After(Tried(Gamma, ReturnStep.Repoint, 5, 0)), Unreachable(), Deaf(Gamma), HostGone(), seen: "catchup").Action);

    [Fact]
    public void Standby_beyond_the_switch_point_is_made_anew_at_once()
    {
        var memory = After() with { LastFailover = FailedOver.LastFailover! with { EstimatedLossBytes = null } };
        Assert.Equal(new WatchdogAction.Rejoin(Gamma, Beta, Fifteen, 2, FreshCopy: false), Next(memory, Unreachable(), Deaf(Gamma, new Lsn(Here.Value + 1)), HostGone()).Action);
        Assert.Equal(Repoint, Next(memory, Unreachable(), Deaf(Gamma), HostGone()).Action);
    }

    /// <summary>pg_rewind compares timelines by number, and a walreceiver asks for WAL by number: neither sees that the histories differ.</summary>
    [Fact]
    public void Node_that_may_be_on_another_timeline_of_the_same_number_is_copied_anew()
    {
        var memory = After() with { History = TimelineHistory.Parse("2 1 0/2000000") };
        var other = TimelineHistory.Parse("2 1 0/2000100");
        Assert.Equal(FreshRejoin, Next(memory, Refused(), Streaming, HostDead(blocked: true) with { History = other }).Action);
        // Two promotions from the same position have equal histories.
        Assert.Equal(FreshRejoin, Next(memory, Refused(), Streaming, HostDead(blocked: true) with { History = memory.History }).Action);
        Assert.Equal(Rejoin, Next(memory, Refused(), Streaming, HostDead(blocked: true) with { History = TimelineHistory.Parse("1") }).Action);
        Assert.Equal(new WatchdogAction.Rejoin(Gamma, Beta, Fifteen, 2, FreshCopy: true),
            Next(memory, Unreachable(), Deaf(Gamma, timeline: 2), HostUp(Gamma) with { History = other }).Action);
    }

    private static readonly NodeObservation Streaming = Standby(Gamma, timeline: 2);

    [Fact]
    public void Replaced_node_is_made_a_standby_when_its_host_says_that_nothing_runs_there()
    {
        Assert.Equal(Rejoin, Next(After(), Refused(), Streaming, HostDead(blocked: true)).Action);
        Assert.Equal(WatchdogAction.Nothing, Next(After(), Refused(), Streaming, HostGone()).Action);
        Assert.Equal(WatchdogAction.Nothing, Next(After(), Refused(), Streaming, HostHung()).Action);
    }

    [Fact]
    public void Standby_that_somebody_has_stopped_is_not_ours_to_start() =>
        Assert.Equal(WatchdogAction.Nothing, Next(After(), Unreachable(), Refused(Gamma), HostDead(Gamma)).Action);

    [Fact]
    public void Work_that_goes_on_is_waited_for_and_work_that_failed_is_tried_again()
    {
        var memory = After(Tried(Alpha, ReturnStep.Rejoin, 1, 0));
        Assert.Equal(WatchdogAction.Nothing, Next(memory, Refused(), Streaming, Job(null)).Action);
        Assert.Equal(FreshRejoin, Next(memory, Refused(), Streaming, Job(1)).Action);
        Assert.Equal(FreshRejoin, Next(memory, Refused(), Streaming, Job(0)).Action); // it ended well long ago, and the node does not stream
        Assert.Equal(WatchdogAction.Nothing, Next(After(Tried(Alpha, ReturnStep.Rejoin, 1, 71)), Refused(), Streaming, Job(0)).Action);
        Assert.Equal(WatchdogAction.Nothing, Next(memory, Busy(), Streaming, Job(0)).Action); // it recovers
        Assert.Equal(FreshRejoin, Next(memory, Busy(), Streaming, Job(1)).Action); // for ever: the WAL that it waits for is nowhere
    }

    [Theory]
    [InlineData(ReturnStep.Repoint, 5, 1, 1, false)]
    [InlineData(ReturnStep.Rejoin, 1, 1, 2, true)]
    [InlineData(ReturnStep.Rejoin, 2, 1, 2, true)]
    [InlineData(ReturnStep.Rejoin, 1, 1, 1, false)] // of an epoch before: this one's has not begun
    [InlineData(ReturnStep.Rejoin, 1, HostJob.SourceNotReached, 2, false)] // nothing was touched
    public void After_an_attempt_that_did_not_come_out_well_the_next_is_a_fresh_copy(ReturnStep before, int attempts, int exit, long epoch, bool freshCopy) =>
        Assert.Equal(new WatchdogAction.Rejoin(Gamma, Beta, Fifteen, 2, freshCopy),
            Next(After(Tried(Gamma, before, attempts, -100)), Unreachable(), Deaf(Gamma), Job(exit, epoch) with { Node = Gamma }).Action);

    [Theory]
    [InlineData(1, 70.1, false)]
    [InlineData(1, 70, true)]
    [InlineData(2, -19.9, false)]
    [InlineData(2, -20, true)]
    public void Attempts_lie_apart_since_what_stood_in_the_way_takes_time_to_pass(int attempts, double triedAt, bool again) =>
        Assert.Equal(again ? FreshRejoin : WatchdogAction.Nothing, Next(After(Tried(Alpha, ReturnStep.Rejoin, attempts, triedAt)), Refused(), Streaming, Job(1)).Action);

    [Fact]
    public void After_three_attempts_a_person_is_called_once()
    {
        var next = Next(After(Tried(Alpha, ReturnStep.Rejoin, 3, 0)), Refused(), Streaming, Job(1));
        Assert.Equal((WatchdogAction.Nothing, EventKind.NodeNotReturning), (next.Action, next.Events[^1].Kind));
        Assert.Contains("No space left on device", next.Events[^1].Sentence, StringComparison.Ordinal);
        Assert.Empty(Next(next.Memory, Refused(), Streaming, Job(1)).Events);
    }

    [Fact]
    public void One_that_has_only_not_reached_its_source_is_not_given_up() =>
        Assert.Equal(Rejoin, Next(After(Tried(Alpha, ReturnStep.Rejoin, 7, -20)), Refused(), Streaming, Job(HostJob.SourceNotReached)).Action);

    [Fact]
    public void Rejoin_that_is_switched_off_is_left_to_a_person_who_is_told_once()
    {
        var next = Next(After(), Refused(), Streaming, HostDead(), new Policy { Rejoin = false });
        Assert.Equal((WatchdogAction.Nothing, EventKind.NodeNotReturning), (next.Action, next.Events[^1].Kind));
        Assert.Empty(Next(next.Memory, Refused(), Streaming, HostDead(), new Policy { Rejoin = false }).Events);
    }

    [Fact]
    public void Nodes_have_their_own_counts_and_a_long_copy_keeps_no_other_waiting_but_one_that_needs_a_copy_too()
    {
        var alpha = Tried(Alpha, ReturnStep.Rejoin, 1, 0);
        var repointed = Next(After(alpha), Refused(), Deaf(Gamma), Job(null));
        Assert.Equal(Repoint, repointed.Action);
        Assert.Equal([alpha, Tried(Gamma, ReturnStep.Repoint, 1, 100)], repointed.Memory.Returning);
        Assert.Equal(WatchdogAction.Nothing, Next(After(alpha, Tried(Gamma, ReturnStep.Repoint, 5, 0)), Refused(), Deaf(Gamma), Job(null)).Action);
    }
}
