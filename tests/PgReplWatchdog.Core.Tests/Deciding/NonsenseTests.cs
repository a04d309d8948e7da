using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>One answer that cannot be so, from a server that talks nonsense or an address that has moved, spoils nothing on record.</summary>
public class NonsenseTests
{
    private const uint Nonsense = 2_000_000_000;

    [Fact]
    public void Promotion_to_another_than_the_next_timeline_is_believed_after_two_looks()
    {
        var memory = Promoting;
        var watch = new Watch(Two(), memory);
        foreach (var (second, timeline) in new[] { (3, Nonsense), (4, 4u) })
        {
            var doubted = watch.Look(second, Unreachable(), Primary(Beta, timeline: timeline));
            Assert.Equal(WatchdogAction.Nothing, doubted.Action);
            Assert.Same(memory, doubted.Memory);
        }
        Assert.Contains(watch.Look(5, Unreachable(), Primary(Beta, timeline: 4)).Events, told => told.Kind == EventKind.FailoverSucceeded);
        Assert.Equal((true, 4u), (watch.Memory.LastFailover?.Succeeded, watch.Memory.NewestTimeline));
    }

    [Fact]
    public void Candidate_that_is_a_standby_after_all_is_asked_again()
    {
        var watch = new Watch(Two(), Promoting);
        watch.Look(3, Unreachable(), Primary(Beta, timeline: Nonsense));
        Assert.IsType<WatchdogAction.Promote>(watch.Look(4, Unreachable(), Deaf()).Action);
    }

    [Fact]
    public void Withdrawal_goes_on_after_it()
    {
        var watch = new Watch(Two(), Promoting with { Procedure = Promoting.Procedure! with { Step = ProcedureStep.Withdraw } });
        Assert.Null(watch.Look(3, Unreachable(), Primary(Beta, timeline: Nonsense)).Memory.LastFailover);
        Assert.IsType<WatchdogAction.WithdrawPromotion>(watch.Look(4, Unreachable(), Deaf()).Action);
    }

    /// <summary>No standby would ever be near enough to a position that the primary never had.</summary>
    [Fact]
    public void Position_on_a_timeline_that_is_not_believed_says_nothing()
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), Standby());
        watch.Look(10, Primary(at: new Lsn(ulong.MaxValue), timeline: Nonsense), Standby());
        Assert.Equal(Here, watch.Memory.LastPosition!.Lsn);
        var decision = watch.Look(At(11, Refused(), Deaf()).With(HostDead()));
        Assert.DoesNotContain(decision.Gates, gate => gate.Gate == Gate.CandidateTooFarBehind);
    }
}
