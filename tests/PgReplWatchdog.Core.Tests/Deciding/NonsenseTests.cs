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

    /// <summary>Without a record any system identifier may be the cluster's: that of a server that talks nonsense for once as well.</summary>
    [Theory]
    [InlineData(OurSystem, null, false)] // nobody else answers: the second look
    [InlineData(OurSystem, OurSystem, true)]
    [InlineData(42ul, OurSystem, false)]
    [InlineData(42ul, null, false)]
    public void First_primary_goes_on_record_where_two_nodes_or_two_looks_agree(ulong first, ulong? other, bool atOnce)
    {
        var watch = new Watch(Two(), ClusterMemory.Empty);
        Assert.Equal(atOnce ? Alpha : null, Look(0, first).IntendedPrimary);
        Assert.Equal(first == OurSystem || other is not null ? OurSystem : null, Look(1, OurSystem).SystemIdentifier);
        Assert.Equal(OurSystem, Look(2, OurSystem).SystemIdentifier);

        ClusterMemory Look(double second, ulong system) => watch.Look(second,
            Primary().With(server => server with { SystemIdentifier = system }),
            other is null ? Unreachable(Beta) : Standby()).Memory;
    }

    /// <summary>A node of another cluster in the configuration does not keep the primary from the record.</summary>
    [Fact]
    public void First_primary_goes_on_record_beside_a_node_of_another_cluster()
    {
        var watch = new Watch(Two(), ClusterMemory.Empty);
        var other = Standby().With(server => server with { SystemIdentifier = 42 });
        Assert.Null(watch.Look(0, Primary(), other).Memory.IntendedPrimary);
        Assert.Equal((Alpha, OurSystem), (watch.Look(1, Primary(), other).Memory.IntendedPrimary, watch.Memory.SystemIdentifier));
    }
}
