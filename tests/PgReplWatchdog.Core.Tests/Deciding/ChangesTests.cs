using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

public class ChangesTests
{
    private static Decision Seen(params NodeObservation[] nodes) => new Watch(Two(new Policy { Fencing = Fencing.BestEffort })).Look(0, nodes);

    private static IEnumerable<EventKind> Told(Decision? before, Decision now) => Changes.Between(before, now).Select(told => told.Kind);

    [Fact]
    public void Nothing_new_is_nothing_told()
    {
        Assert.Empty(Changes.Between(Seen(Primary(), Standby()), Seen(Primary(), Standby())));
        Assert.Empty(Changes.Between(Seen(Refused(), Refused(Beta)), Seen(Refused(), Refused(Beta))));
    }

    [Fact]
    public void First_decision_tells_verdict_and_readiness() =>
        Assert.Equal(
            [
                new(EventKind.VerdictChanged, "Serving: alpha serves as primary on timeline 1 at 0/3000000"),
                new(EventKind.GatesChanged, "failover is ready"),
            ],
            Changes.Between(null, Seen(Primary(), Standby())));

    [Fact]
    public void Other_verdict_is_told_with_the_one_before_and_its_evidence() =>
        Assert.Equal("Down (was Serving): alpha is refusing connections; beta serves as standby and does not hear its primary",
            Assert.Single(Changes.Between(Seen(Primary(), Standby()), Seen(Refused(), Deaf()))).Sentence);

    [Fact]
    public void Same_verdict_on_another_primary_is_told() =>
        Assert.Contains(EventKind.VerdictChanged, Told(Seen(Primary(), Deaf()), Seen(Refused(), Primary(Beta, timeline: 2))));

    [Fact]
    public void Other_evidence_alone_is_not_told() =>
        Assert.Empty(Changes.Between(Seen(Unreachable(), Standby(heard: 1)), Seen(Unreachable(), Standby(heard: 2))));

    [Fact]
    public void Gate_that_shuts_is_told_with_what_to_do()
    {
        var told = Assert.Single(Changes.Between(Seen(Primary(), Standby()), Seen(Primary(), Refused(Beta))));
        Assert.Equal(new WatchdogEvent(EventKind.GatesChanged,
            "failover is not ready: no standby may be promoted; beta cannot be asked: no reason given"), told);
    }

    [Fact]
    public void Gate_that_opens_is_told() =>
        Assert.Equal("failover is ready", Assert.Single(Changes.Between(Seen(Primary(), Refused(Beta)), Seen(Primary(), Standby()))).Sentence);

    [Fact]
    public void Threshold_that_opens_is_no_change_of_readiness() =>
        Assert.DoesNotContain(EventKind.GatesChanged, Told(Seen(Primary(), Standby()), Seen(Refused(), Deaf())));

    [Fact]
    public void Another_reason_of_the_same_standby_is_told() =>
        Assert.Equal([EventKind.GatesChanged], Told(Seen(Primary(), Refused(Beta)),
            Seen(Primary(), Standby().With(server => server with { ReplayPaused = true }))));

    [Fact]
    public void Fencing_is_told_once_and_not_with_each_attempt()
    {
        var watch = new Watch(Two(), FailedOver);
        var before = watch.Look(0, Refused(), Primary(Beta, timeline: 2));
        var first = watch.Look(1, Primary(), Primary(Beta, timeline: 2));
        var second = watch.Look(2, Primary(), Primary(Beta, timeline: 2));
        Assert.Contains(new WatchdogEvent(EventKind.FencingDecided, "alpha came back as a primary; beta replaced it (epoch 2): stopping alpha"),
            Changes.Between(before, first));
        Assert.Empty(Changes.Between(first, second));
    }
}
