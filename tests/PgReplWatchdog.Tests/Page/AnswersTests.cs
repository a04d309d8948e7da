using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Page;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Page;

/// <summary>The three answers at the top of a cluster's page, as a function of the last check and the journal.</summary>
public sealed class AnswersTests
{
    private static readonly FinishedFailover Failover = new(2, "alpha", "beta", Succeeded: true, Looks.Start.AddSeconds(4), 0, Looks.Procedure);

    [Fact]
    public void All_is_well_and_a_failover_would_work()
    {
        var view = View(Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby()));
        Assert.Equal((Tone.Good, "Yes, all nodes are well"), Short(Answers.Health(view)));
        Assert.Equal((Tone.Good, "Yes, beta would take over"), Short(Answers.Readiness(view)));
        Assert.Equal((Tone.Calm, "Nothing"), Short(Answers.Last(view)));
        Assert.Empty(Answers.Problems(view));
    }

    [Fact]
    public void A_check_that_is_too_old_says_nothing_of_now()
    {
        var view = View(Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby())) with { Silence = TimeSpan.FromSeconds(3.1) };
        Assert.Equal((Tone.Unknown, "Not known"), Short(Answers.Health(view)));
        Assert.Equal((Tone.Unknown, "Not known"), Short(Answers.Readiness(view)));
        Assert.Equal("not checking", view.Mode);
        Assert.False((view with { Silence = TimeSpan.FromSeconds(2.9) }).IsStale);
    }

    [Fact]
    public void A_failover_under_way_is_what_is_the_matter()
    {
        var view = View(Looks.Check(Looks.Known with { Procedure = Looks.Procedure with { PromotedAt = null, Step = ProcedureStep.Fence } }, Looks.Gone(), Looks.Standby(streams: false)));
        Assert.Equal((Tone.Acting, "Failing over from alpha to beta"), Short(Answers.Health(view)));
        Assert.Equal((Tone.Acting, "One is under way"), Short(Answers.Readiness(view)));
    }

    [Fact]
    public void A_gate_that_is_shut_is_the_reason_in_a_few_words_with_its_own_sentence_below()
    {
        var check = Looks.Check(Looks.Known with { IntendedPrimary = "alpha", LastFailover = Failover }, Looks.Primary(), Looks.Standby());
        var answer = Answers.Readiness(View(check));
        Assert.Equal((Tone.Suspect, "No, the last one was a short while ago"), Short(answer));
        Assert.StartsWith("RecentFailover: the last failover ended at", answer.Because.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_newest_of_failovers_and_decisions_not_to_act_is_what_happened_last()
    {
        var check = Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby());
        var report = FailoverReport.Of("main", Failover);
        var view = new ClusterView(Looks.Spec, check, [], [report], LagHistory.Of(Looks.Spec)) { Now = Looks.Start.AddHours(5), Silence = TimeSpan.Zero };
        Assert.Equal((Tone.Calm, "Failover from alpha to beta, 4 h ago"), Short(Answers.Last(view)));
        Assert.Equal("PostgreSQL has crashed on alpha: decided 2 s after its last sign of life", Answers.Last(view).Because[0]);
        var notDone = new JournalEntry(Looks.Start.AddHours(1), EventKind.FailoverNotBegun, "no failover was begun; shut to the last: Paused");
        Assert.Equal((Tone.Suspect, "A fault without a failover, 4 h ago"), Short(Answers.Last(view with { NotDone = [notDone] })));
        Assert.Equal(["no failover was begun", "shut to the last: Paused"], Answers.Last(view with { NotDone = [notDone] }).Because);
    }

    [Fact]
    public void A_standby_that_only_the_watchdog_cannot_ask_is_not_said_not_to_stream()
    {
        Assert.Equal((Tone.Suspect, "The primary serves, beta streams and cannot be asked"), Short(Answers.Health(View(Looks.Check(Looks.Known, Looks.Primary(), Looks.Gone("beta"))))));
        Assert.Equal((Tone.Suspect, "The primary serves, beta does not stream"), Short(Answers.Health(View(Looks.Check(Looks.Known, Looks.Alone(), Looks.Gone("beta"))))));
    }

    private static ClusterView View(Checked check) => new(Looks.Spec, check, [], [], LagHistory.Of(Looks.Spec)) { Now = Looks.Start.AddSeconds(5), Silence = TimeSpan.FromSeconds(0.5) };

    private static (Tone, string) Short(Answer answer) => (answer.Tone, answer.Title);
}
