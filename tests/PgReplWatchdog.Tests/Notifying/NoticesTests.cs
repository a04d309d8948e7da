using System.Collections.Immutable;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Notifying;

/// <summary>What there is to tell after each check: a table of what was seen, and what becomes of it.</summary>
public sealed class NoticesTests
{
    private static readonly TimeSpan NotReadyAfter = TimeSpan.FromSeconds(10);
    private ClusterNotices notices = ClusterNotices.None;

    [Fact]
    public void A_healthy_cluster_is_nothing_to_tell() => Assert.Empty(Healthy(0).Concat(Healthy(1)));

    [Fact]
    public void A_failure_begins_once_holds_and_ends()
    {
        Healthy(0);
        var began = Assert.Single(Down(1));
        Assert.Equal((Topic.Down, NoticeState.Began, "main", 1L), (began.Topic, began.State, began.Cluster, began.Epoch));
        Assert.Contains("alpha", began.Sentence, StringComparison.Ordinal);
        Assert.Empty(Down(2));
        var held = Assert.Single(Alerts(2));
        Assert.Equal((began.Id, began.Time), (held.Id, held.Time));
        var ended = Assert.Single(Healthy(3));
        Assert.Equal((Topic.Down, NoticeState.Ended), (ended.Topic, ended.State));
        Assert.Contains("now Serving", ended.Sentence, StringComparison.Ordinal);
        Assert.Empty(Alerts(3));
    }

    [Fact]
    public void A_failover_that_would_not_work_is_told_after_a_while_and_again_when_it_would()
    {
        Assert.Empty(Unready(0).Concat(Unready(9.9)));
        var told = Assert.Single(Unready(10.1));
        Assert.Equal((Topic.NotReady, NoticeState.Began), (told.Topic, told.State));
        Assert.Contains("beta", told.Sentence, StringComparison.Ordinal);
        Assert.Empty(Unready(11));
        Assert.Equal(NoticeState.Ended, Assert.Single(Healthy(12)).State);
        Assert.Empty(Unready(13)); // and the while begins anew
    }

    [Fact]
    public void A_primary_that_lives_and_does_not_serve_is_told_after_a_while_with_what_is_the_matter()
    {
        var busy = new NodeObservation("alpha", Reach.Alive, "sorry, too many clients already", null);
        Assert.Empty(Saw(0, [], busy, Looks.Standby()));
        var told = Assert.Single(Saw(11, [], busy, Looks.Standby()));
        Assert.Equal(Topic.NotReady, told.Topic);
        Assert.StartsWith("Busy: ", told.Sentence, StringComparison.Ordinal);
        Assert.Contains("too many clients", told.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_primaries_and_an_unwritable_journal_are_told_at_once()
    {
        Assert.Equal(Topic.TwoPrimaries, Assert.Single(Saw(0, [], Looks.Primary(), Looks.Primary("beta"))).Topic);
        Assert.Contains(Saw([], Looks.At(1, Looks.Primary(), Looks.Standby()) with { JournalWritable = false }), told => told is { Topic: Topic.JournalUnwritable, State: NoticeState.Began });
    }

    [Fact]
    public void Another_watchdog_is_told_at_once_and_ends_when_it_is_gone()
    {
        Healthy(0);
        var two = Looks.Known with { Other = new OtherWatchdog("3d2c1b0a", "alpha", "192.0.2.9") };
        var began = Assert.Single(Saw([], Looks.At(1, Looks.Primary(), Looks.Standby()), two));
        Assert.Equal((Topic.AnotherWatchdog, NoticeState.Began), (began.Topic, began.State));
        Assert.Contains("3d2c1b0a at 192.0.2.9", began.Sentence, StringComparison.Ordinal);
        var ended = Assert.Single(Healthy(2));
        Assert.Equal((Topic.AnotherWatchdog, NoticeState.Ended), (ended.Topic, ended.State));
    }

    [Fact]
    public void An_event_is_told_once_and_is_an_alert_for_a_while()
    {
        var told = Saw(0, [new(EventKind.FailoverSucceeded, "beta is primary"), new(EventKind.ActionSucceeded, "of no concern")], Looks.Primary(), Looks.Standby());
        Assert.Equal((Topic.FailoverSucceeded, NoticeState.Happened, "beta is primary"), Assert.Single(told.Select(one => (one.Topic, one.State, one.Sentence))));
        Assert.Empty(Healthy(1));
        Assert.Single(Alerts(ClusterNotices.EventHold.TotalSeconds - 1));
        Assert.Empty(Alerts(ClusterNotices.EventHold.TotalSeconds));
    }

    [Fact]
    public void What_a_database_says_is_made_harmless_and_short()
    {
        var hostile = new NodeObservation("alpha", Reach.Alive, $"\u001b[2J\nforged line\r\u202e{new string('x', 5000)}", null);
        Saw(0, [], hostile, Looks.Standby());
        var told = Assert.Single(Saw(11, [], hostile, Looks.Standby()));
        foreach (var text in told.Evidence.Append(told.Sentence))
        {
            Assert.DoesNotContain(text, letter => char.IsControl(letter) || letter == '\u202e');
            Assert.InRange(text.Length, 1, 2100);
        }
    }

    public static TheoryData<Topic> Vocabulary => [.. Enum.GetValues<Topic>().Where(topic => topic != Topic.Unknown)];

    [Theory, MemberData(nameof(Vocabulary))]
    public void Every_topic_has_a_headline_a_severity_and_a_row_in_the_runbook(Topic topic)
    {
        Assert.NotEmpty(Topics.Summary(topic));
        var runbook = File.ReadAllText(Path.Combine(Repository.Root, "docs", "runbook.md"));
        Assert.Contains($"| `{topic}` | {Topics.SeverityOf(topic).ToString().ToLowerInvariant()} |", runbook, StringComparison.Ordinal);
        Assert.Contains($"# {(Topics.RunbookAnchor(topic) == "notifications" ? "Notifications" : topic.ToString())}\n", runbook, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_failure_is_told() =>
        Assert.All(Enum.GetValues<Verdict>().Where(verdict => verdict.IsFailure()), verdict => Assert.Equal(verdict.ToString(), Topics.Of(verdict).ToString()));

    private ImmutableArray<Notice> Healthy(double at) => Saw(at, [], Looks.Primary(), Looks.Standby());

    private ImmutableArray<Notice> Unready(double at) => Saw(at, [], Looks.Primary(), Looks.Gone("beta"));

    private ImmutableArray<Notice> Down(double at) => Saw(at, [], Looks.Gone(), Looks.Standby(streams: false));

    private ImmutableArray<Notice> Saw(double at, WatchdogEvent[] events, params NodeObservation[] nodes) => Saw(events, Looks.At(at, nodes));

    private ImmutableArray<Notice> Saw(WatchdogEvent[] events, ClusterObservation observation, ClusterMemory? known = null)
    {
        var look = new Checked(observation, Decider.Decide(Looks.Spec, known ?? Looks.Known, WorkingMemory.Empty, observation), observation.Time, 0);
        (notices, var news) = notices.Looked(Looks.Spec, look, [.. events], NotReadyAfter);
        return news;
    }

    private IEnumerable<Notice> Alerts(double at) => notices.Alerts(Looks.Start.AddSeconds(at));
}
