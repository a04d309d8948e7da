using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

public class CandidateSelectionTests
{
    private static ImmutableArray<Candidate> Assess(ClusterSpec spec, params NodeObservation[] nodes) =>
        CandidateSelection.Assess(spec, Known, Here, Alpha, At(0, nodes));

    private static IEnumerable<string> Order(ClusterSpec spec, params NodeObservation[] nodes) => Assess(spec, nodes).Select(candidate => candidate.Node);

    [Fact]
    public void Primary_is_no_candidate() => Assert.Equal([Beta], Order(Two(), Primary(), Standby()));

    [Fact]
    public void Furthest_in_the_log_is_first() => Assert.Equal([Gamma, Beta], Order(Three(), Refused(), Deaf(Beta, Behind(1)), Deaf(Gamma)));

    [Fact]
    public void More_wal_goes_before_a_higher_priority() =>
        Assert.Equal([Gamma, Beta], Order(Three().WithPriority(Beta, 200), Refused(), Deaf(Beta, Behind(1)), Deaf(Gamma)));

    /// <summary>A report may hold replay: the one that has everything replayed is promoted at once.</summary>
    [Fact]
    public void Equal_wal_leaves_it_to_what_is_not_replayed_before_priority()
    {
        var held = Deaf().With(server => server with { ReplayedLsn = Behind(500) });
        Assert.Equal([Gamma, Beta], Order(Three().WithPriority(Beta, 200), Refused(), held, Deaf(Gamma)));
        Assert.Equal([Beta, Gamma], Order(Three(), Refused(), held, Deaf(Gamma, Behind(1)))); // more WAL goes before it
    }

    [Fact]
    public void Equal_wal_leaves_it_to_priority() => Assert.Equal([Gamma, Beta], Order(Three().WithPriority(Gamma, 101), Refused(), Deaf(Beta), Deaf(Gamma)));

    [Fact]
    public void Equal_wal_and_priority_leave_it_to_the_name() =>
        Assert.Equal([Beta, Gamma], Order(Spec(null, Alpha, Gamma, Beta), Refused(), Deaf(Gamma), Deaf(Beta)));

    [Fact]
    public void Node_that_may_not_be_promoted_is_last_however_far_it_is() =>
        Assert.Equal([Gamma, Beta], Order(Three().WithPriority(Beta, 0), Refused(), Deaf(Beta), Deaf(Gamma, Behind(1000))));

    [Fact]
    public void What_was_received_counts_where_it_is_further_than_what_was_replayed()
    {
        var beta = Deaf().With(server => server with { ReceivedLsn = Behind(10), ReplayedLsn = Behind(500) });
        var candidate = Assert.Single(Assess(Two(), Refused(), beta));
        Assert.Equal((Behind(10), 10), (candidate.Position, candidate.MissingBytes));
    }

    [Fact]
    public void Node_that_does_not_answer_has_no_other_reason_and_no_position()
    {
        var candidate = Assert.Single(Assess(Two(), Primary(), Unreachable(Beta) with { Detail = "timed out" }));
        Assert.Equal((null, null), (candidate.Position, candidate.MissingBytes));
        Assert.Equal("beta cannot be asked: timed out", Assert.Single(candidate.Reasons).Sentence);
    }

    [Fact]
    public void Node_that_was_not_even_asked_is_unreachable() => Assert.Equal(Gate.CandidateUnreachable, Assess(Two(), Primary())[0].Reasons.Single().Gate);

    [Fact]
    public void Excluded_node_that_does_not_answer_has_both_reasons() =>
        Assert.Equal([Gate.CandidateExcluded, Gate.CandidateUnreachable],
            Assess(Two().WithPriority(Beta, 0), Primary(), Refused(Beta))[0].Reasons.Select(reason => reason.Gate));

    [Fact]
    public void Every_reason_names_the_node_and_says_what_to_compare()
    {
        var beta = Deaf(at: Behind(17 * 1024 * 1024)).With(server => server with { PromoteTriggerFile = "/tmp/promote" });
        Assert.Equal(
            [
                new ShutGate(Gate.CandidateTooFarBehind, Beta, "beta lacks 17825792 bytes of WAL, MaximumLagBytes is 16777216"),
                new ShutGate(Gate.PromotionUnavailable, Beta,
                    "promote_trigger_file on beta is /tmp/promote, the watchdog would create /data/beta.pgwatchdog/promote: run setup; nor may the watchdog's role execute pg_promote() there"),
            ],
            Assess(Two(), Refused(), beta)[0].Reasons);
    }

    [Fact]
    public void Garbage_position_of_the_primary_makes_no_standby_eligible() =>
        Assert.False(CandidateSelection.Assess(Two(), Known, new Lsn(ulong.MaxValue), Alpha, At(0, Refused(), Deaf()))[0].IsEligible);
}
