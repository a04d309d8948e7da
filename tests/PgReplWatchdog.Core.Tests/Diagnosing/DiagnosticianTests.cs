using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Diagnosing;

public class DiagnosticianTests
{
    private static Verdict Of(params NodeObservation[] nodes) => With(Known, nodes).Verdict;

    private static Diagnosis With(ClusterMemory memory, params NodeObservation[] nodes) => Diagnostician.Diagnose(memory, At(0, nodes));

    // One rule after the other.

    [Fact]
    public void Primary_that_answers_is_serving() => Assert.Equal(Verdict.Serving, Of(Primary(), Standby()));

    [Fact]
    public void Primary_serves_whatever_its_standby_does() =>
        Assert.All([Refused(Beta), Unreachable(Beta), Failed(Beta), Busy(Beta), Deaf()], standby => Assert.Equal(Verdict.Serving, Of(Primary(), standby)));

    [Fact]
    public void Error_that_only_a_living_server_gives_is_busy() => Assert.Equal(Verdict.Busy, Of(Busy(), Deaf()));

    [Fact]
    public void Nothing_answers_so_the_watchdog_is_isolated() => Assert.Equal(Verdict.WatchdogIsolated, Of(Unreachable(), Unreachable(Beta)));

    [Fact]
    public void Refusal_shows_that_the_network_is_there() => Assert.Equal(Verdict.Unknown, Of(Unreachable(), Refused(Beta)));

    [Theory]
    [InlineData(Reach.Refused)]
    [InlineData(Reach.Unreachable)]
    public void Standby_still_streams_so_the_primary_serves_elsewhere(Reach reach) =>
        Assert.Equal(Verdict.ServingElsewhere, Of(Without(reach, Alpha), Standby()));

    [Fact]
    public void Walreceiver_that_streams_in_silence_proves_nothing_yet() => Assert.Equal(Verdict.ServingElsewhere, Of(Unreachable(), Standby(heard: 4.9)));

    [Fact]
    public void One_standby_that_streams_outweighs_one_that_does_not() =>
        Assert.Equal(Verdict.ServingElsewhere, Of(Unreachable(), Deaf(Beta), Standby(Gamma)));

    [Theory]
    [InlineData(Reach.Refused)]
    [InlineData(Reach.Unreachable)]
    public void Neither_watchdog_nor_standby_reaches_the_primary_so_it_is_down(Reach reach) =>
        Assert.Equal(Verdict.Down, Of(Without(reach, Alpha), Deaf()));

    [Fact]
    public void Walreceiver_that_only_tries_to_connect_hears_nothing() =>
        Assert.Equal(Verdict.Down, Of(Refused(), Standby().With(server => server with { WalReceiver = new WalReceiver("starting", Seconds(0.1)) })));

    [Fact]
    public void One_deaf_standby_is_witness_enough_beside_a_lost_one() => Assert.Equal(Verdict.Down, Of(Refused(), Unreachable(Beta), Deaf(Gamma)));

    [Theory]
    [InlineData(Reach.Refused)]
    [InlineData(Reach.Alive)]
    [InlineData(Reach.Failed)]
    [InlineData(Reach.Unknown)]
    public void Without_a_standby_that_answers_nothing_can_be_said(Reach standby) =>
        Assert.Equal(Verdict.Unknown, Of(Refused(), Without(standby, Beta)));

    [Theory]
    [InlineData(Reach.Failed)]
    [InlineData(Reach.Unknown)]
    public void Answer_that_says_nothing_is_neither_down_nor_fine(Reach reach) => Assert.Equal(Verdict.Unknown, Of(Without(reach, Alpha), Deaf()));

    [Fact]
    public void Node_that_serves_but_not_as_what_is_unknown() =>
        Assert.Equal(Verdict.Unknown, Of(Primary().With(server => server with { Role = Role.Unknown }), Deaf()));

    [Fact]
    public void Two_nodes_that_say_primary_are_two_primaries() => Assert.Equal(Verdict.TwoPrimaries, Of(Primary(), Primary(Beta, timeline: 2)));

    [Fact]
    public void Intended_primary_that_is_a_standby_is_unknown() => Assert.Equal(Verdict.Unknown, Of(Deaf(Alpha), Deaf(Beta)));

    [Fact]
    public void Intended_primary_of_another_system_is_unknown()
    {
        var diagnosis = With(Known, Primary(system: OtherSystem), Standby());
        Assert.Equal((Verdict.Unknown, Alpha), (diagnosis.Verdict, diagnosis.Primary));
        Assert.Contains("another server stands at its address", Assert.Single(diagnosis.Evidence), StringComparison.Ordinal);
    }

    // Who is the primary.

    [Fact]
    public void First_primary_seen_is_taken_for_the_primary() => Assert.Equal(Beta, With(ClusterMemory.Empty, Deaf(Alpha), Primary(Beta)).Primary);

    [Fact]
    public void Before_a_primary_was_seen_nothing_is_said_and_none_is_named()
    {
        var diagnosis = With(ClusterMemory.Empty, Refused(), Deaf());
        Assert.Equal((Verdict.Unknown, null), (diagnosis.Verdict, diagnosis.Primary));
    }

    [Theory]
    [InlineData(Reach.Refused)]
    [InlineData(Reach.Unreachable)]
    [InlineData(Reach.Alive)]
    public void Standby_that_a_person_promoted_to_a_newer_timeline_is_serving(Reach old)
    {
        var diagnosis = With(Known, Without(old, Alpha), Primary(Beta, timeline: 2));
        Assert.Equal((Verdict.Serving, Beta), (diagnosis.Verdict, diagnosis.Primary));
    }

    [Fact]
    public void Primary_on_no_newer_timeline_is_not_adopted() => Assert.NotEqual(Verdict.Serving, Of(Refused(), Primary(Beta, timeline: 1)));

    [Fact]
    public void Primary_of_another_system_is_not_adopted() => Assert.NotEqual(Verdict.Serving, Of(Refused(), Primary(Beta, timeline: 2, system: OtherSystem)));

    [Fact]
    public void Replaced_node_is_adopted_only_when_somebody_promoted_it_anew()
    {
        Assert.NotEqual(Verdict.Serving, With(FailedOver, Primary(Alpha, timeline: 2), Refused(Beta)).Verdict);
        Assert.Equal(Verdict.Serving, With(FailedOver, Primary(Alpha, timeline: 3), Standby(Beta, timeline: 3)).Verdict);
    }

    // Which rule goes before which.

    [Fact]
    public void Two_primaries_go_before_everything()
    {
        Assert.Equal(Verdict.TwoPrimaries, Of(Primary(system: OtherSystem), Primary(Beta)));
        Assert.Equal(Verdict.TwoPrimaries, Of(Busy(), Primary(Beta), Primary(Gamma)));
        Assert.Equal(Verdict.TwoPrimaries, With(ClusterMemory.Empty, Primary(), Primary(Beta)).Verdict);
    }

    [Fact]
    public void Other_system_goes_before_adoption() =>
        Assert.Equal(Verdict.Unknown, Of(Deaf(Alpha).With(server => server with { SystemIdentifier = OtherSystem }), Primary(Beta, timeline: 2)));

    [Fact]
    public void Busy_goes_before_a_standby_that_hears() => Assert.Equal(Verdict.Busy, Of(Busy(), Standby()));

    [Fact]
    public void Adoption_goes_before_busy_and_a_standby_that_hears() =>
        Assert.Equal(Verdict.Serving, Of(Busy(), Primary(Beta, timeline: 2), Standby(Gamma)));

    [Fact]
    public void Answer_that_says_nothing_goes_before_a_standby_that_hears() => Assert.Equal(Verdict.Unknown, Of(Failed(), Standby()));

    // What it rests on.

    [Fact]
    public void Two_primaries_name_the_intended_one_or_say_that_there_is_none()
    {
        Assert.Contains("beta is the intended primary (epoch 2)", With(FailedOver, Primary(), Primary(Beta)).Evidence);
        Assert.Contains("no record says which of them is the intended primary", With(ClusterMemory.Empty, Primary(), Primary(Beta)).Evidence);
    }

    [Fact]
    public void Evidence_has_a_sentence_of_every_witness() => Assert.Equal(
        ["alpha is refusing connections: port 5432 closed", "beta serves as standby and does not hear its primary", "gamma is unreachable"],
        With(Known, Refused() with { Detail = "port 5432 closed" }, Deaf(), Unreachable(Gamma)).Evidence);

    [Fact]
    public void Evidence_says_when_a_standby_heard_its_primary() =>
        Assert.Contains("beta serves as standby and heard its primary 2.5 s ago", With(Known, Unreachable(), Standby(heard: 2.5)).Evidence);
}
