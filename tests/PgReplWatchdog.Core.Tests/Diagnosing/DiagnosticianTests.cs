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

    [Theory]
    [InlineData("FIRST 1 (beta)", "sync", false)]
    [InlineData("ANY 1 (beta, gamma)", "quorum", false)]
    [InlineData("", "async", false)]
    [InlineData("rubbish (", "async", false)] // what is not understood proves nothing
    [InlineData("FIRST 1 (beta)", "async", true)]
    [InlineData("FIRST 2 (beta, gamma)", "sync", true)]
    public void Commits_that_wait_are_told_of_a_primary_that_serves(string names, string state, bool wait)
    {
        var found = With(Known, Primary().With(server => server with
        {
            SynchronousStandbyNames = names,
            WalSenders = [new("beta", "streaming", state, null, null, null)],
        }), Standby());
        Assert.Equal(Verdict.Serving, found.Verdict);
        Assert.Equal(wait, found.Evidence.Any(sentence => sentence.StartsWith("commits on alpha wait: ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("", "", null)]
    [InlineData("FIRST 1 (beta)", "FIRST 1 (alpha)", null)]
    [InlineData("FIRST 1 (beta)", "", "after a failover to beta replication would be asynchronous: synchronous_standby_names is FIRST 1 (beta) on alpha and empty on beta: ")]
    [InlineData(" ", "FIRST 1 (alpha)", "replication from alpha is asynchronous: synchronous_standby_names is FIRST 1 (alpha) on beta and empty on alpha: ")]
    public void Durability_that_a_failover_of_a_pair_takes_away_is_told_before_and_after(string primary, string standby, string? told)
    {
        var found = With(Known,
            Primary().With(server => server with { SynchronousStandbyNames = primary, WalSenders = [new("beta", "streaming", "sync", null, null, null)] }),
            Standby().With(server => server with { SynchronousStandbyNames = standby }));
        Assert.Equal(Verdict.Serving, found.Verdict);
        Assert.Equal(told is null ? 0 : 1, found.Warnings.Length);
        Assert.All(found.Warnings, warning => Assert.StartsWith(told!, warning, StringComparison.Ordinal));
    }

    /// <summary>With a third node the gate CandidateNotSynchronous says it.</summary>
    [Fact]
    public void What_a_gate_says_is_not_said_twice() =>
        Assert.Empty(With(Known,
            Primary().With(server => server with { SynchronousStandbyNames = "*", WalSenders = [new("beta", "streaming", "sync", null, null, null)] }),
            Standby(), Standby(Gamma)).Warnings);

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

    /// <summary>Before 9.6 it does not say whether it has a walreceiver: that none is known of is no evidence.</summary>
    [Theory]
    [InlineData(90500, Verdict.Unknown)]
    [InlineData(90600, Verdict.Down)]
    public void Standby_that_cannot_say_whether_it_hears_is_no_witness(int version, Verdict verdict) =>
        Assert.Equal(verdict, Of(Unreachable(), Deaf().With(server => server with { VersionNumber = version })));

    [Fact]
    public void Host_that_has_no_postmaster_is_evidence_enough_on_any_version() => Assert.Equal(Verdict.Crashed,
        Diagnostician.Diagnose(Known, At(0, Refused(), Deaf().With(server => server with { VersionNumber = 90300 })).With(HostDead())).Verdict);

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

    // What hosts, other hosts' view of the port and the reference addresses add.

    private static Verdict Seen(NodeObservation alpha, NodeObservation beta, HostObservation? host, PortAnswer port = PortAnswer.Unknown, ReferenceAnswer references = ReferenceAnswer.Unknown) =>
        Diagnostician.Diagnose(Known, At(0, alpha, beta).With(host is null ? [] : [host]) with { PortViews = [new PortView(Beta, Alpha, port)], References = references }).Verdict;

    [Theory]
    [InlineData("in production", Verdict.Crashed)]
    [InlineData("shutting down", Verdict.Crashed)]
    [InlineData("in crash recovery", Verdict.Crashed)]
    [InlineData(null, Verdict.Crashed)]
    [InlineData("shut down", Verdict.Stopped)]
    [InlineData("shut down in recovery", Verdict.Stopped)]
    public void Control_file_of_a_primary_that_is_gone_says_whether_somebody_wanted_that(string? state, Verdict verdict) =>
        Assert.All([Refused(), Unreachable()], alpha => Assert.Equal(verdict, Seen(alpha, Deaf(), HostDead() with { ControlState = state })));

    [Fact]
    public void Postmaster_that_answers_nobody_is_hung_also_while_the_standby_streams() =>
        Assert.All([Deaf(), Standby(), Unreachable(Beta)], beta => Assert.Equal(Verdict.Hung, Seen(Unreachable(), beta, HostHung())));

    [Theory]
    [InlineData(PortAnswer.Accepting, Verdict.ServingElsewhere)]
    [InlineData(PortAnswer.Rejecting, Verdict.Busy)]
    [InlineData(PortAnswer.Silent, Verdict.Hung)]
    [InlineData(PortAnswer.Unknown, Verdict.Hung)]
    public void Port_that_answers_from_another_host_belongs_to_no_hung_server(PortAnswer port, Verdict verdict) => Assert.Equal(verdict, Seen(Unreachable(), Deaf(), HostHung(), port));

    [Theory]
    [InlineData(PortAnswer.Accepting, Verdict.ServingElsewhere)]
    [InlineData(PortAnswer.Rejecting, Verdict.Busy)]
    public void Primary_that_answers_on_its_own_host_lives(PortAnswer local, Verdict verdict) => Assert.Equal(verdict, Seen(Unreachable(), Deaf(), HostUp(Alpha) with { LocalAnswer = local }));

    [Fact]
    public void Host_that_says_no_postmaster_while_the_primary_is_heard_or_its_port_answers_is_no_failure()
    {
        Assert.Equal(Verdict.ServingElsewhere, Seen(Refused(), Standby(), HostDead()));
        Assert.Equal(Verdict.ServingElsewhere, Seen(Refused(), Deaf(), HostDead(), PortAnswer.Accepting));
        Assert.Equal(Verdict.Busy, Seen(Refused(), Deaf(), HostDead(), PortAnswer.Rejecting));
    }

    [Fact]
    public void Host_that_does_not_say_clearly_what_runs_there_is_no_failure()
    {
        Assert.Equal(Verdict.Unknown, Seen(Refused(), Deaf(), HostDead() with { Processes = null }));
        Assert.Equal(Verdict.Unknown, Seen(Refused(), Deaf(), HostUp(Alpha) with { LocalAnswer = PortAnswer.Unknown }));
    }

    [Fact]
    public void Host_that_is_gone_or_lets_nobody_in_leaves_it_to_the_standbys()
    {
        Assert.Equal(Verdict.Down, Seen(Unreachable(), Deaf(), HostGone()));
        Assert.Equal(Verdict.Down, Seen(Unreachable(), Deaf(), HostGone() with { Reach = HostReach.Failed }));
        Assert.Equal(Verdict.Unknown, Seen(Refused(), Refused(Beta), HostGone()));
    }

    [Fact]
    public void Silent_references_mean_that_the_watchdog_is_cut_off_unless_the_primarys_host_refuses()
    {
        Assert.Equal(Verdict.WatchdogIsolated, Seen(Unreachable(), Deaf(), HostGone(), references: ReferenceAnswer.Silent));
        Assert.Equal(Verdict.Down, Seen(Refused(), Deaf(), HostGone(), references: ReferenceAnswer.Silent));
        Assert.Equal(Verdict.WatchdogIsolated, Seen(Unreachable(), Unreachable(Beta), HostGone(), references: ReferenceAnswer.Reachable));
        Assert.Equal(Verdict.Crashed, Seen(Unreachable(), Unreachable(Beta), HostDead()));
    }

    [Fact]
    public void What_an_answer_says_goes_before_what_the_host_says()
    {
        Assert.Equal(Verdict.Serving, Seen(Primary(), Deaf(), HostDead()));
        Assert.Equal(Verdict.Busy, Seen(Busy(), Deaf(), HostDead()));
        Assert.Equal(Verdict.Unknown, Seen(Failed(), Deaf(), HostDead()));
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(3.001, false)]
    [InlineData(-60, true)]
    public void Standby_hears_its_primary_until_half_of_its_timeout_and_the_time_for_an_answer_have_passed(double age, bool hears) =>
        Assert.Equal(hears, Diagnostician.Hears(Standby(heard: age).With(server => server with { WalReceiverTimeout = Seconds(5) }), Alpha));

    [Theory]
    [InlineData(Alpha, Verdict.ServingElsewhere)]
    [InlineData(null, Verdict.ServingElsewhere)]
    [InlineData(Beta, Verdict.Down)]
    public void Standby_that_streams_from_another_standby_is_no_witness(string? upstream, Verdict verdict)
    {
        var gamma = Standby(Gamma).With(server => server with { WalReceiver = server.WalReceiver! with { Upstream = upstream } });
        Assert.Equal(verdict, Of(Unreachable(), Deaf(), gamma));
    }

    [Fact]
    public void Primary_that_answers_is_hung_when_its_WAL_does_not_reach_its_disk_and_its_host_can_be_used()
    {
        var look = At(10, Primary(), Standby());
        Assert.Equal(Verdict.Hung, Diagnostician.Diagnose(Known, look, Seconds(5)).Verdict);
        Assert.Equal(Verdict.Serving, Diagnostician.Diagnose(Known, look, Seconds(4.9)).Verdict);
        Assert.Equal(Verdict.Serving, Diagnostician.Diagnose(Known, look.With(HostGone()), Seconds(60)).Verdict);
    }

    [Fact]
    public void Silent_primary_on_storage_that_hangs_is_hung_though_its_port_accepts_and_its_standby_hears_it() =>
        Assert.Equal(Verdict.Hung, Seen(Unreachable(), Standby(), HostUp(Alpha) with { StorageHangs = true }));

    [Fact]
    public void Verdict_is_the_old_primarys_until_the_candidate_serves()
    {
        Assert.Equal((Verdict.Down, Alpha), (With(Promoting, Unreachable(), Deaf()).Verdict, With(Promoting, Unreachable(), Deaf()).Primary));
        Assert.Equal((Verdict.Serving, Beta), (With(Promoting, Unreachable(), Primary(Beta, timeline: 2)).Verdict, With(Promoting, Unreachable(), Primary(Beta, timeline: 2)).Primary));
    }

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
    public void Standby_that_a_person_promoted_is_serving_when_its_claim_is_proven(Reach old)
    {
        var seen = At(0, Without(old, Alpha), Primary(Beta, timeline: 2));
        var proven = Diagnostician.Diagnose(Known, seen, heir: Beta);
        Assert.Equal((Verdict.Serving, Beta), (proven.Verdict, proven.Primary));
        Assert.Equal((Verdict.Unknown, Alpha), (Diagnostician.Diagnose(Known, seen).Verdict, Diagnostician.Diagnose(Known, seen).Primary));
    }

    [Fact]
    public void Primary_on_no_newer_timeline_is_not_adopted() => Assert.NotEqual(Verdict.Serving, Of(Refused(), Primary(Beta, timeline: 1)));

    [Fact]
    public void Primary_of_another_system_is_not_adopted() => Assert.NotEqual(Verdict.Serving, Of(Refused(), Primary(Beta, timeline: 2, system: OtherSystem)));

    [Fact]
    public void Replaced_node_is_adopted_only_when_somebody_promoted_it_anew()
    {
        Assert.NotEqual(Verdict.Serving, With(FailedOver, Primary(Alpha, timeline: 2), Refused(Beta)).Verdict);
        Assert.Equal(Verdict.Serving, Diagnostician.Diagnose(FailedOver, At(0, Primary(Alpha, timeline: 3), Standby(Beta, timeline: 3)), heir: Alpha).Verdict);
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
        Assert.Equal(Verdict.Serving, Diagnostician.Diagnose(Known, At(0, Busy(), Primary(Beta, timeline: 2), Standby(Gamma)), heir: Beta).Verdict);

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
