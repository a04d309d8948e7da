using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Notifying;

/// <summary>What there is to tell of one cluster: what holds, and what happened lately. A value; each check makes the next one.</summary>
internal sealed record ClusterNotices
{
    public static readonly ClusterNotices None = new();

    /// <summary>An alert has to hold for a while: so long an event does.</summary>
    public static readonly TimeSpan EventHold = TimeSpan.FromMinutes(15);

    /// <summary>Nobody reads more of a sentence; a server's message may be of any length.</summary>
    private const int MaximumText = 2000;
    private const int MaximumEvidence = 20;

    /// <summary>What is the matter at present.</summary>
    private ImmutableArray<Notice> Holding { get; init; } = [];

    /// <summary>The newest event a topic.</summary>
    private ImmutableArray<Notice> Events { get; init; } = [];

    /// <summary>Since when a failover would not work, on the monotonic clock.</summary>
    private TimeSpan? UnreadySince { get; init; }

    /// <summary>What an alert is due for.</summary>
    public IEnumerable<Notice> Alerts(DateTimeOffset now) => Holding.Concat(Events.Where(happened => now - happened.Time < EventHold));

    /// <summary>One more look and what the decision told: what is to be known from now on, and what is news.</summary>
    public (ClusterNotices Next, ImmutableArray<Notice> News) Looked(ClusterSpec spec, Checked look, ImmutableArray<WatchdogEvent> told, TimeSpan notReadyAfter)
    {
        var (observation, decision) = (look.Observation, look.Decision);
        var diagnosis = decision.Diagnosis;
        var unreadySince = diagnosis.Verdict == Verdict.Serving && decision.IsReady ? null : UnreadySince ?? (TimeSpan?)observation.At;
        var happened = told.Where(one => Topics.Of(one.Kind) != Topic.Unknown).Select(one => About(Topics.Of(one.Kind), NoticeState.Happened, one.Sentence)).ToImmutableArray();

        var holding = ImmutableArray.CreateBuilder<Notice>();
        if (Topics.Of(diagnosis.Verdict) is var verdict and not Topic.Unknown)
            Hold(verdict, string.Join("; ", diagnosis.Evidence));
        if (observation.At - unreadySince > notReadyAfter)
            Hold(Topic.NotReady, diagnosis.Verdict == Verdict.Serving ? Sentences(decision) : $"{diagnosis.Verdict}: {string.Join("; ", diagnosis.Evidence)}; {Sentences(decision)}");
        if (decision.Gates.FirstOrDefault(gate => gate.Gate == Gate.JournalUnwritable) is { } unwritable)
            Hold(Topic.JournalUnwritable, unwritable.Sentence);
        if (decision.Gates.FirstOrDefault(gate => gate.Gate == Gate.AnotherWatchdog) is { } another)
            Hold(Topic.AnotherWatchdog, another.Sentence);

        var ended = Holding.Where(before => holding.All(now => now.Topic != before.Topic)).Select(before => About(before.Topic, NoticeState.Ended,
            $"no more; now {diagnosis.Verdict}: {string.Join("; ", diagnosis.Evidence)}"));
        var news = holding.Where(now => Holding.All(before => before.Topic != now.Topic)).Concat(ended).Concat(happened).ToImmutableArray();
        return (new ClusterNotices
        {
            Holding = holding.ToImmutable(),
            Events = [.. happened.Concat(Events).DistinctBy(one => one.Topic).Where(one => observation.Time - one.Time < EventHold)],
            UnreadySince = unreadySince,
        }, news);

        // One that held before keeps its beginning and its number; the words are those of now.
        void Hold(Topic topic, string sentence)
        {
            var now = About(topic, NoticeState.Began, sentence);
            holding.Add(Holding.FirstOrDefault(before => before.Topic == topic) is { } before ? now with { Id = before.Id, Time = before.Time } : now);
        }

        Notice About(Topic topic, NoticeState state, string sentence) =>
            new(spec.Name, topic, state, observation.Time, Short(sentence), decision.Memory.Epoch, [.. diagnosis.Evidence.Take(MaximumEvidence).Select(Short)]);
    }

    private static string Sentences(Decision decision) =>
        string.Join("; ", decision.Gates.Where(gate => gate.Gate != Gate.ThresholdNotReached).Select(gate => gate.Sentence));

    private static string Short(string text) => Printable.Line(text.Length <= MaximumText ? text : text[..MaximumText] + " ...");
}
