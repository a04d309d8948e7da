using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>An operator says which node is the primary. Timelines are compared by their histories.</summary>
public class AdoptionTests
{
    private static readonly NodeObservation Claimant = Primary(Beta, timeline: 2);

    private static void AssertOnRecord(string primary, uint timeline, Watch watch) =>
        Assert.Equal((primary, timeline), (watch.Memory.IntendedPrimary, watch.Memory.NewestTimeline));

    [Fact]
    public void Claim_of_another_history_waits_for_an_operator()
    {
        var watch = new Watch(Two(), Known with { NewestTimeline = 2, History = TimelineHistory.Parse("2 1 0/2000000") });
        var claimant = Primary(Beta, timeline: 3);
        for (var second = 0; second < 60; second++)
            watch.Look(At(second, Standby(Alpha), claimant).With(HostUp(Beta) with { History = TimelineHistory.Parse("3 1 0/1000000 2 0/2500000") }));
        AssertOnRecord(Alpha, 2, watch);
        for (var second = 60; second < 63; second++)
            watch.Look(At(second, Standby(Alpha), claimant).With(HostUp(Beta) with { History = TimelineHistory.Parse("3 1 0/2000000 2 0/2500000") }));
        AssertOnRecord(Beta, 3, watch);
    }

    /// <summary>A server on timeline 9 has its history file: it was written at the promotion.</summary>
    [Fact]
    public void Claim_that_its_own_host_contradicts_is_not_adopted()
    {
        var watch = new Watch(Two());
        Assert.Contains(Beta, watch.Look(At(0, Standby(Alpha), Primary(Beta, timeline: 9))).Inquiry.Hosts);
        for (var second = 1; second < 60; second++)
            watch.Look(At(second, Standby(Alpha), Primary(Beta, timeline: 9)).With(HostUp(Beta) with { History = TimelineHistory.Parse("1") }));
        AssertOnRecord(Alpha, 1, watch);
    }

    /// <summary>Its data is a standby's: PostgreSQL removes standby.signal before it takes writes. By an old record its own timeline is a newer one.</summary>
    [Fact]
    public void Claim_of_a_node_whose_data_is_a_standbys_is_not_adopted()
    {
        var watch = new Watch(Two());
        for (var second = 0; second < 60; second++)
            watch.Look(At(second, Standby(Alpha), Claimant).With(HostUp(Beta) with { History = TimelineHistory.Parse("2 1 0/1000000"), StandbySignal = second < 59 }));
        AssertOnRecord(Beta, 2, watch);
        watch = new Watch(Two());
        for (var second = 0; second < 60; second++)
            watch.Look(At(second, Standby(Alpha), Claimant).With(HostUp(Beta) with { History = TimelineHistory.Parse("2 1 0/1000000"), StandbySignal = true }));
        AssertOnRecord(Alpha, 1, watch);
    }

    [Fact]
    public void Claim_stays_contradicted_while_its_host_is_silent()
    {
        var watch = new Watch(Two());
        var claimant = Primary(Beta, timeline: 2);
        for (var second = 0; second < 3; second++)
            watch.Look(At(second, Standby(Alpha), claimant).With(HostUp(Beta) with { History = TimelineHistory.Parse("1") }));
        for (var second = 3; second < 60; second++)
            watch.Look(At(second, Standby(Alpha), claimant).With(HostGone(Beta)));
        AssertOnRecord(Alpha, 1, watch);
        watch.Look(At(60, Standby(Alpha), claimant).With(HostUp(Beta) with { History = TimelineHistory.Parse("2 1 0/1000000") }));
        AssertOnRecord(Beta, 2, watch);
    }

    /// <summary>What its host said of it while it claimed less, or talked nonsense, still counts when it claims more.</summary>
    [Theory]
    [InlineData(1, OurSystem, false)]
    [InlineData(2, OtherSystem, false)]
    [InlineData(2, OurSystem, true)] // beside the expected primary
    public void Claim_stays_contradicted_whatever_was_claimed_before(uint timeline, ulong system, bool beside)
    {
        var watch = new Watch(Two());
        for (var second = 0; second < 3; second++)
            watch.Look(At(second, beside ? Primary() : Refused(), Primary(Beta, timeline: timeline, system: system)).With(HostGone(), HostUp(Beta) with { History = TimelineHistory.Parse("1"), StandbySignal = true }));
        for (var second = 3; second < 60; second++)
            watch.Look(At(second, Refused(), Primary(Beta, timeline: 2)).With(HostGone(), HostGone(Beta)));
        AssertOnRecord(Alpha, 1, watch);
    }

    // An operator says so.

    private static ClusterObservation Asked(ClusterObservation seen, string node, long epoch, double at) =>
        seen with { Wish = new OperatorWish(false, 0) { Adopt = new AdoptionRequest(node, epoch, "mary", Start.AddSeconds(at)) } };

    [Fact]
    public void Operator_names_the_primary_also_on_a_lower_timeline()
    {
        var watch = new Watch(Three(), FailedOver with { NewestTimeline = 3 });
        var decision = watch.Look(Asked(At(1, Primary(timeline: 2), Primary(Beta, timeline: 3), Standby(Gamma)), Alpha, epoch: 2, at: 0));
        AssertOnRecord(Alpha, 2, watch);
        Assert.Equal(3, decision.Memory.Epoch);
        Assert.Equal([Beta], decision.Memory.Replaced);
        Assert.Equal([Gamma], decision.Memory.Following);
        Assert.Contains(decision.Events, told => told.Kind == EventKind.PrimaryAdopted && told.Sentence.Contains("mary", StringComparison.Ordinal));
        // The one that was given up is stopped where it still serves, and is not adopted back.
        Assert.Equal(new WatchdogAction.Fence(Beta), watch.Look(2, Primary(timeline: 2), Primary(Beta, timeline: 3), Standby(Gamma)).Action);
        for (var second = 3; second < 60; second++)
            watch.Look(At(second, Unreachable(), Primary(Beta, timeline: 3), Deaf(Gamma)).With(HostGone()));
        AssertOnRecord(Alpha, 2, watch);
    }

    [Fact]
    public void Request_waits_for_the_node_to_serve_as_primary_and_says_so_once()
    {
        var watch = new Watch(Two());
        var first = watch.Look(Asked(At(1, Primary(), Standby()), Beta, epoch: 1, at: 0));
        Assert.Contains("beta is a standby: promote it first", Assert.Single(first.Events, told => told.Kind == EventKind.AdoptionWaits).Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain(watch.Look(Asked(At(2, Primary(), Standby()), Beta, epoch: 1, at: 0)).Events, told => told.Kind == EventKind.AdoptionWaits);
        AssertOnRecord(Alpha, 1, watch);
        watch.Look(Asked(At(3, Primary(), Claimant), Beta, epoch: 1, at: 0));
        AssertOnRecord(Beta, 2, watch);
    }

    [Theory]
    [InlineData(0, 1)] // another epoch: something has changed since it was asked
    [InlineData(1, 400)] // too old
    [InlineData(1, -10)] // from the future: nobody knows how old it is
    public void Request_that_does_not_fit_any_more_is_not_heeded(long epoch, double age)
    {
        var watch = new Watch(Two());
        watch.Look(Asked(At(500, Primary(), Claimant), Beta, epoch, at: 500 - age));
        AssertOnRecord(Alpha, 1, watch);
    }

    [Fact]
    public void Request_for_a_server_of_another_system_is_not_heeded()
    {
        var watch = new Watch(Two());
        var decision = watch.Look(Asked(At(1, Refused(), Primary(Beta, timeline: 2, system: OtherSystem)), Beta, epoch: 1, at: 0));
        AssertOnRecord(Alpha, 1, watch);
        Assert.Contains(decision.Events, told => told.Sentence.Contains("system identifier", StringComparison.Ordinal));
    }

    [Fact]
    public void Failover_under_way_ends_when_an_operator_names_the_primary()
    {
        var watch = new Watch(Three(), Promoting);
        var decision = watch.Look(Asked(At(1, Unreachable(), Deaf(), Primary(Gamma, timeline: 2)).With(HostGone()), Gamma, epoch: 2, at: 0));
        AssertOnRecord(Gamma, 2, watch);
        Assert.Null(decision.Memory.Procedure);
        Assert.Equal([Alpha, Beta], decision.Memory.Replaced.Order());
        Assert.Equal(new WatchdogAction.WithdrawPromotion(Beta), decision.Action);
    }

    // A9: timelines of the same number.

    private static readonly TimelineHistory OfBeta = TimelineHistory.Parse("2 1 0/2000000")!;

    /// <summary>Equal histories prove nothing: after a failover that lost no WAL, both nodes branch off timeline 1 at the same position.</summary>
    [Theory]
    [InlineData("2 1 0/2000000", null, false)]
    [InlineData("2 1 0/2000000", 0, true)] // the watchdog's own rewind made it a copy
    [InlineData("2 1 0/2000000", HostJob.SourceNotReached, false)]
    [InlineData("2 1 0/2000100", 0, false)]
    [InlineData("2 1 0/2000100", null, false)]
    [InlineData(null, null, false)]
    public void Replaced_primary_on_the_same_number_is_stopped_only_where_it_is_a_copy(string? history, int? exit, bool isStopped)
    {
        var watch = new Watch(Two(), FailedOver with { History = OfBeta });
        var host = HostUp(Alpha) with
        {
            History = history is null ? null : TimelineHistory.Parse(history),
            Job = exit is null ? null : new HostJob(2, false, exit, ""),
        };
        var decision = watch.Look(At(1, Primary(timeline: 2), Primary(Beta, timeline: 2)).With(host));
        Assert.Equal(Verdict.TwoPrimaries, decision.Diagnosis.Verdict);
        Assert.Equal(isStopped, decision.Action is WatchdogAction.Fence { Node: Alpha });
        Assert.Equal(!isStopped, decision.Diagnosis.Evidence.Any(said => said.Contains("pgwatchdog adopt", StringComparison.Ordinal)));
    }

    /// <summary>The watchdog asked beta to promote itself and was away, and an operator went back to alpha meanwhile.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    public void Old_primary_beside_its_successor_is_stopped_on_an_older_timeline(uint timeline, bool isStopped)
    {
        var decision = new Watch(Two(), Promoting).Look(1, Primary(timeline: timeline), Primary(Beta, timeline: 2));
        Assert.Contains(decision.Events, told => told.Kind == EventKind.FailoverSucceeded);
        Assert.Equal(isStopped, decision.Action is WatchdogAction.Fence { Node: Alpha });
    }

    [Fact]
    public void History_of_the_primary_is_learned_from_its_host_while_it_serves()
    {
        var watch = new Watch(Two(), FailedOver);
        watch.Look(At(1, Unreachable(), Primary(Beta, timeline: 2)).With(HostUp(Beta) with { History = OfBeta }));
        Assert.Equal(OfBeta, watch.Memory.History);
        watch.Look(At(2, Unreachable(), Primary(Beta, timeline: 2)).With(HostGone(Beta)));
        Assert.Equal(OfBeta, watch.Memory.History);
        // One look alone changes neither the timeline on record nor its history.
        watch.Look(At(3, Unreachable(), Primary(Beta, timeline: 3)).With(HostUp(Beta) with { History = OfBeta }));
        Assert.Equal((2u, OfBeta), (watch.Memory.NewestTimeline, watch.Memory.History));
        watch.Look(At(4, Unreachable(), Primary(Beta, timeline: 3)).With(HostUp(Beta) with { History = OfBeta }));
        Assert.Equal((3u, null), (watch.Memory.NewestTimeline, watch.Memory.History));
    }

    [Fact]
    public void Standby_on_the_same_number_of_another_history_is_no_candidate()
    {
        var memory = FailedOver with { History = OfBeta };
        Assert.All([("2 1 0/2000100", false), ("2 1 0/2000000", true), ("1", true)], expected => Assert.Equal(expected.Item2,
            CandidateSelection.Assess(Two(), memory, Here, Beta, At(1, Deaf(Alpha, timeline: 2), Refused(Beta))
                .With(HostUp(Alpha) with { History = TimelineHistory.Parse(expected.Item1) }))[0].Reasons.All(reason => reason.Gate != Gate.CandidateTimeline)));
    }

    /// <summary>Out of sight a person has promoted the node that was replaced; it is stopped just now.</summary>
    [Theory]
    [InlineData("2 1 0/2000000", false)]
    [InlineData("3 1 0/2000000 2 0/3000000", false)]
    [InlineData("2 1 0/2000100", false)]
    [InlineData("1", true)]
    [InlineData(null, true)]
    public void Stopped_node_is_kept_from_starting_unless_it_was_promoted_since(string? history, bool isBlocked)
    {
        var host = HostDead() with { History = history is null ? null : TimelineHistory.Parse(history) };
        var decision = new Watch(Two(), FailedOver with { History = OfBeta }).Look(At(1, Refused(), Deaf(timeline: 2)).With(host));
        Assert.Equal(isBlocked, decision.Action is WatchdogAction.Fence { Node: Alpha });
    }

    /// <summary>The successor is on a newer timeline meanwhile, which has another timeline of the stopped node's number among its ancestors.</summary>
    [Theory]
    [InlineData("2 1 0/2000100", false)]
    [InlineData("2 1 0/2000000", true)]
    [InlineData("1", true)]
    public void Stopped_node_that_was_promoted_to_a_lower_number_is_not_kept_from_starting(string history, bool isBlocked)
    {
        var memory = FailedOver with { NewestTimeline = 3, History = TimelineHistory.Parse("3 1 0/2000000 2 0/3000000") };
        var host = HostDead() with { History = TimelineHistory.Parse(history) };
        var decision = new Watch(Two(), memory).Look(At(1, Refused(), Deaf(timeline: 3)).With(host));
        Assert.Equal(isBlocked, decision.Action is WatchdogAction.Fence { Node: Alpha });
    }

    /// <summary>A failover on record was to replace it, and the hosts name another primary since: its own word is no proof.</summary>
    [Fact]
    public void Node_that_an_old_record_was_replacing_is_not_adopted_by_one_look()
    {
        var watch = new Watch(Three(), Promoting);
        var decision = watch.Look(At(20, Primary(), Unreachable(Beta), Unreachable(Gamma)).With(HostUp(Alpha) with { Mark = new EpochMark(5, Gamma) }));
        AssertOnRecord(Beta, 1, watch);
        Assert.Equal((Verdict.Unknown, WatchdogAction.Nothing), (decision.Diagnosis.Verdict, decision.Action));
        Assert.Equal(new LaterEpoch(5, Gamma, Alpha), decision.Memory.Later);
    }
}
