using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Remembering;

/// <summary>A standby's control file has an old timeline for minutes after a role change. It must not keep the standby from being promoted.</summary>
public class FollowedTimelinesTests
{
    private static readonly ClusterMemory Switched = Known with { NewestTimeline = 2 };

    private static NodeObservation Told(uint timeline, bool streams = true, int startedAt = 0) => (streams ? Standby(timeline: timeline) : Deaf(timeline: timeline))
        .With(server => server with { StartedAt = Start.AddSeconds(startedAt) });

    private static IEnumerable<Gate> Reasons(Decision decision) => decision.Candidates.Single(candidate => candidate.Node == Beta).Reasons.Select(reason => reason.Gate);

    [Fact]
    public void Standby_whose_walreceiver_has_ended_is_on_the_timeline_that_it_was_seen_to_follow()
    {
        var watch = new Watch(Two(), Switched);
        watch.Look(0, Primary(timeline: 2), Told(2));
        for (var second = 1; second < 9; second++)
            watch.Look(At(second, Refused(), Told(1, streams: false)).With(HostDead()));
        Assert.NotNull(watch.Memory.Procedure);
    }

    [Theory]
    [InlineData(2, true, 0, true)]
    [InlineData(2, true, 5, false)] // it was started since
    [InlineData(2, false, 0, false)] // it did not stream
    [InlineData(7, true, 0, false)] // nobody else knows of that timeline
    public void Only_what_it_streamed_on_since_it_was_started_counts(uint told, bool streamed, int startedAt, bool eligible)
    {
        var watch = new Watch(Two(), Switched);
        watch.Look(0, Primary(timeline: 2), Told(told, streamed));
        var decision = watch.Look(At(1, Refused(), Told(1, streams: false, startedAt)).With(HostDead()));
        Assert.Equal(eligible ? [] : [Gate.CandidateTimeline], Reasons(decision));
    }
}
