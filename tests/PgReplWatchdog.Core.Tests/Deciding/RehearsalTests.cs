namespace PgReplWatchdog.Core.Tests.Deciding;

public class RehearsalTests
{
    /// <summary>A crash needs no freeze: nothing streams any more.</summary>
    [Fact]
    public void Rehearsed_failover_takes_every_step_and_succeeds()
    {
        var decisions = Rehearsal.Decide(Rehearsal.Failover).ToList();
        Assert.Equal(
            [nameof(WatchdogAction.Fence), nameof(WatchdogAction.Salvage), nameof(WatchdogAction.Promote), nameof(WatchdogAction.WithdrawPromotion)],
            decisions.Select(decision => decision.Action.Kind).Where(kind => kind is not (nameof(WatchdogAction.None) or nameof(WatchdogAction.ArmGuard))).Distinct());
        Assert.Equal((true, Beta), (decisions[^1].Memory.LastFailover?.Succeeded, decisions[^1].Memory.IntendedPrimary));
    }

    [Fact]
    public void Healthy_looks_lead_to_no_failover() =>
        Assert.All(Rehearsal.Decide(Rehearsal.Healthy), decision => Assert.Equal((Verdict.Serving, null), (decision.Diagnosis.Verdict, decision.Memory.Procedure)));

    private const string Beta = "beta";
}
