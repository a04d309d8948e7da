using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>Role changes are on record on the hosts as well: a state directory from a backup is recognised.</summary>
public class EpochTests
{
    private static HostObservation Has(HostObservation host, long epoch, string primary) => host with { Mark = new EpochMark(epoch, primary) };

    /// <summary>After an adoption of a lower timeline the record of before is put back.</summary>
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Actual_primary_is_not_fenced_by_an_old_record(bool isShown, bool isFenced)
    {
        var watch = new Watch(Two(), Known with { Epoch = 2, NewestTimeline = 3, Replaced = [Beta], Guard = null });
        var host = isShown ? Has(HostUp(Beta), 3, Beta) : HostUp(Beta);
        var decision = watch.Look(At(1, Refused(), Primary(Beta, timeline: 2)).With(host, HostDead(blocked: true)));
        Assert.Equal(isFenced, decision.Action is WatchdogAction.Fence { Node: Beta });
        Assert.Equal(isShown, decision.Gates.Any(gate => gate.Gate == Gate.RecordIsOld));
    }

    /// <summary>A failover under way waits as well, and nobody who was replaced by it is kept from starting.</summary>
    [Fact]
    public void Nothing_is_done_by_an_old_record()
    {
        var failedOver = Known with { IntendedPrimary = Beta, Replaced = [Alpha], Following = [Gamma], NewestTimeline = 2 };
        foreach (var memory in new[] { UnderWay(ProcedureStep.Fence), Promoting, failedOver })
        {
            var watch = new Watch(Three(), memory);
            for (var second = 0; second < 60; second++)
            {
                var decision = watch.Look(At(second, Refused(), Deaf(), Standby(Gamma)).With(HostDead(), Has(HostUp(Gamma), 9, Gamma)));
                Assert.IsType<WatchdogAction.None>(decision.Action);
            }
        }
    }

    [Fact]
    public void Failure_is_unknown_to_an_old_record_also_when_that_host_is_gone()
    {
        var watch = new Watch(Two());
        watch.Look(At(0, Primary(), Standby()).With(Has(HostUp(Beta), 5, Beta)));
        watch.Restart();
        for (var second = 1; second < 30; second++)
        {
            var decision = watch.Look(At(second, Refused(), Deaf()).With(HostDead()));
            Assert.Equal(Verdict.Unknown, decision.Diagnosis.Verdict);
            Assert.IsType<WatchdogAction.None>(decision.Action);
            Assert.EndsWith(
                "the host of beta has epoch 5 with primary beta. See which node is the primary, then: pgwatchdog adopt CLUSTER NODE",
                decision.Diagnosis.Evidence[0], StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Record_catches_up_where_the_primary_that_the_host_names_serves()
    {
        var watch = new Watch(Two());
        var decision = watch.Look(At(0, Primary(), Standby()).With(Has(HostUp(Beta), 7, Alpha)));
        Assert.Equal((7, null), (watch.Memory.Epoch, watch.Memory.Later));
        Assert.Contains(decision.Events, told => told.Kind == EventKind.PrimaryAdopted && told.Sentence.Contains("epoch 7", StringComparison.Ordinal));
    }

    /// <summary>Two servers say that they are primary: which one the host's record means is not shown by that.</summary>
    [Fact]
    public void Record_does_not_catch_up_beside_another_primary()
    {
        var watch = new Watch(Two());
        watch.Look(At(0, Primary(), Primary(Beta, timeline: 2)).With(Has(HostUp(Alpha), 7, Alpha)));
        Assert.Equal((1, 7), (watch.Memory.Epoch, watch.Memory.Later?.Epoch));
    }

    [Fact]
    public void Adoption_on_evidence_goes_beyond_the_epoch_of_the_hosts()
    {
        var watch = new Watch(Two());
        for (var second = 0; second < 3; second++)
            watch.Look(At(second, Standby(Alpha, timeline: 2), Primary(Beta, timeline: 2)).With(Has(HostUp(Alpha), 7, Beta)));
        Assert.Equal((Beta, 8, null), (watch.Memory.IntendedPrimary, watch.Memory.Epoch, watch.Memory.Later));
    }

    /// <summary>The record is from the middle of a failover to beta. Gamma has become the primary since.</summary>
    [Fact]
    public void Failover_of_an_old_record_ends_with_the_adoption()
    {
        var watch = new Watch(Three(), Promoting);
        var seen = At(0, Standby(Alpha, timeline: 3), Standby(timeline: 3), Primary(Gamma, timeline: 3))
            .With(Has(HostUp(Alpha), 7, Gamma));
        watch.Look(seen);
        Assert.Equal(new WatchdogAction.WithdrawPromotion(Beta), watch.Look(seen with { At = Seconds(1) }).Action);
        for (var second = 2; second < 30; second++)
            watch.Look(seen with { At = Seconds(second) });
        Assert.Equal((Gamma, 8, null), (watch.Memory.IntendedPrimary, watch.Memory.Epoch, watch.Memory.Procedure));
    }

    [Fact]
    public void Claim_of_another_node_than_the_hosts_have_on_record_waits_for_an_operator()
    {
        var watch = new Watch(Three());
        for (var second = 0; second < 60; second++)
            watch.Look(At(second, Standby(Alpha, timeline: 2), Primary(Beta, timeline: 2), Unreachable(Gamma)).With(Has(HostUp(Alpha), 7, Gamma)));
        Assert.Equal((Alpha, 1), (watch.Memory.IntendedPrimary, watch.Memory.Epoch));
    }

    [Theory]
    [InlineData(Alpha)]
    [InlineData(Beta)]
    public void Operator_names_the_primary_also_the_one_on_record(string node)
    {
        var watch = new Watch(Two());
        var seen = At(1, node == Alpha ? Primary() : Standby(Alpha), node == Beta ? Primary(Beta) : Standby()).With(Has(HostUp(Beta), 7, Gamma));
        watch.Look(seen);
        watch.Look(seen with { Wish = new OperatorWish(false, 0) { Adopt = new AdoptionRequest(node, 1, "mary", Start) } });
        Assert.Equal((node, 8, null), (watch.Memory.IntendedPrimary, watch.Memory.Epoch, watch.Memory.Later));
        watch.Look(seen);
        Assert.Null(watch.Memory.Later);
    }

    /// <summary>A watchdog that has lost its state directory finds a primary: whether it is the right one, the hosts know.</summary>
    [Theory]
    [InlineData(Alpha, 7, false)]
    [InlineData(Beta, 1, true)]
    public void Lost_record_begins_anew_by_what_the_hosts_have(string primary, long epoch, bool waits)
    {
        var watch = new Watch(Two(), ClusterMemory.Empty);
        for (var second = 0; second < 3; second++)
            watch.Look(At(second, Primary(), Standby()).With(Has(HostUp(Beta), 7, primary)));
        Assert.Equal((Alpha, epoch, waits), (watch.Memory.IntendedPrimary, watch.Memory.Epoch, watch.Memory.Later is not null));
    }

    [Fact]
    public void One_epoch_with_two_primaries_is_of_two_records()
    {
        var watch = new Watch(Two(), FailedOver);
        watch.Look(At(1, Unreachable(), Primary(Beta, timeline: 2)).With(Has(HostUp(Beta), 2, Gamma)));
        Assert.Equal(Gamma, watch.Memory.Later?.Primary);
    }

    [Fact]
    public void Each_host_gets_the_epoch_once_when_all_is_quiet()
    {
        var watch = new Watch(Two());
        var seen = At(0, Primary(), Standby()).With(HostUp(Alpha) with { Mark = EpochMark.None }, Has(HostUp(Beta), 1, Alpha));
        Assert.Equal(new WatchdogAction.RecordEpoch(Alpha, 1, Alpha), watch.Look(seen).Action);
        // The answer is from before it was told.
        Assert.IsType<WatchdogAction.None>(watch.Look(seen with { At = Seconds(1) }).Action);
        // Its disk may be full: not in every look.
        Assert.Equal(WatchdogAction.Nothing, watch.Look(At(2, Primary(), Standby()).With(HostUp(Alpha) with { Mark = EpochMark.None })).Action);
        Assert.Equal(new WatchdogAction.RecordEpoch(Alpha, 1, Alpha), watch.Look(At(10, Primary(), Standby()).With(HostUp(Alpha) with { Mark = EpochMark.None })).Action);
        Assert.IsType<WatchdogAction.None>(watch.Look(At(20, Primary(), Standby()).With(Has(HostUp(Alpha), 1, Alpha))).Action);
        Assert.IsType<WatchdogAction.None>(watch.Look(At(30, Primary(), Standby())).Action); // the host does not tell
    }

    [Theory]
    [InlineData("0", 0L, "")]
    [InlineData("12 beta", 12L, "beta")]
    [InlineData("12 beta gamma", null, null)]
    [InlineData("-1 beta", null, null)]
    [InlineData("12", null, null)]
    [InlineData("1234567890123456 beta", null, null)]
    [InlineData("12 b\u001b[2J", null, null)]
    [InlineData("", null, null)]
    [InlineData(null, null, null)]
    public void Answer_of_a_host_is_bounded(string? text, long? epoch, string? primary) =>
        Assert.Equal((epoch, primary), (EpochMark.Parse(text)?.Epoch, EpochMark.Parse(text)?.Primary));
}
