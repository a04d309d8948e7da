using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>A watchdog that is no witness for the primary takes its lease back over SSH.</summary>
public class TakeBackTests
{
    private static NextStep? TakeBack(
        Verdict verdict, HostObservation? host = null, string? mayBeArmed = Alpha, double servedAt = 10, double? toldAt = null,
        ClusterMemory? memory = null)
    {
        var seen = At(20, Busy(), Standby()).With(host ?? HostUp(Alpha));
        var now = new Situation(Two(), memory ?? Known, new Diagnosis(verdict, Alpha, []), Suspicion.None, seen)
        {
            MayBeArmed = mayBeArmed,
            ServedAt = Seconds(servedAt),
        };
        return Guarding.TakeBack(now, toldAt is { } at ? Seconds(at) : null);
    }

    public static TheoryData<Verdict> Verdicts => [.. Enum.GetValues<Verdict>()];

    /// <summary>Whatever keeps the watchdog from seeing it serve, short of a failure: its own network, nonsense.</summary>
    [Theory, MemberData(nameof(Verdicts))]
    public void Lease_is_taken_back_unless_the_primary_has_failed(Verdict verdict)
    {
        var next = TakeBack(verdict);
        Assert.Equal(!verdict.IsFailure(), next is not null);
        if (next is not null)
            Assert.Equal((new WatchdogAction.DisarmGuard(Alpha), null), (next.Action, next.Memory.Guard));
    }

    [Fact]
    public void Nothing_is_taken_back_unarmed_or_a_moment_after_the_primary_was_seen_or_in_a_failover()
    {
        Assert.Null(TakeBack(Verdict.Busy, mayBeArmed: null));
        Assert.Null(TakeBack(Verdict.Busy, servedAt: 17));
        Assert.Null(TakeBack(Verdict.Busy, memory: UnderWay(ProcedureStep.Fence)));
    }

    [Fact]
    public void Host_that_is_silent_or_whose_server_lets_nobody_in_keeps_its_guard()
    {
        Assert.Null(TakeBack(Verdict.Busy, HostGone()));
        Assert.Null(TakeBack(Verdict.Busy, HostHung()));
        Assert.Null(TakeBack(Verdict.Busy, HostUp(Alpha) with { LocalAnswer = PortAnswer.Rejecting }));
    }

    [Theory]
    [InlineData(17.1, false)]
    [InlineData(17, true)]
    public void It_is_asked_again_after_three_seconds_and_not_relied_on_meanwhile(double toldAt, bool again)
    {
        var next = TakeBack(Verdict.Busy, toldAt: toldAt)!;
        Assert.Equal(again, next.Action is WatchdogAction.DisarmGuard);
        Assert.Null(next.Memory.Guard);
    }

    /// <summary>Without its order a replaced primary that comes back alone would start.</summary>
    [Fact]
    public void Order_on_a_replaced_primary_is_left_there()
    {
        var working = WorkingMemory.Empty with { StartedAt = TimeSpan.Zero, MayBeArmed = Alpha };
        var decision = Decider.Decide(Two(), Promoting, working, At(3, Unreachable(), Deaf()).With(HostGone()));
        Assert.Equal(Beta, decision.Memory.IntendedPrimary);
        Assert.Null(decision.Working.MayBeArmed);
    }

    private static string? MayBeArmed(WorkingMemory working, string? shown, bool? disarmed = null, string owner = "")
    {
        var seen = At(20, Primary().With(server => server with { GuardOrderId = shown, GuardOwner = owner }), Standby());
        var report = disarmed is { } succeeded ? new ActionReport(nameof(WatchdogAction.DisarmGuard), Alpha, succeeded) : null;
        return Guarding.MayBeArmed(Two() with { Owner = "0a1b2c3d" }, Known with { Guard = null }, working, seen with { Report = report }, leavesLease: false);
    }

    private static readonly WorkingMemory Ordered =
        WorkingMemory.Empty with { StartedAt = Seconds(1), MayBeArmed = Alpha };

    [Fact]
    public void Guard_that_was_ordered_may_be_armed_until_it_shows_that_it_is_not_or_its_host_says_so()
    {
        Assert.Equal(Alpha, MayBeArmed(Ordered, "12345678"));
        Assert.Equal(Alpha, MayBeArmed(Ordered, null)); // no session of a guard: the order may be there all the same
        Assert.Equal(Alpha, MayBeArmed(Ordered with { GuardToldAt = Seconds(15) }, ""));
        Assert.Null(MayBeArmed(Ordered, ""));
        Assert.Equal(Alpha, MayBeArmed(Ordered, null, disarmed: false));
        Assert.Null(MayBeArmed(Ordered, null, disarmed: true));
    }

    /// <summary>A watchdog that stops would else ask for another one's order to be removed, or tell the operator to.</summary>
    [Fact]
    public void Order_of_another_watchdog_is_not_taken_for_an_own_one()
    {
        Assert.Null(MayBeArmed(Ordered, "12345678", owner: "3d2c1b0a"));
        Assert.Null(MayBeArmed(WorkingMemory.Empty, "12345678", owner: "3d2c1b0a"));
        Assert.Equal(Alpha, MayBeArmed(Ordered, "12345678", owner: "0a1b2c3d"));
        Assert.Equal(Alpha, MayBeArmed(Ordered with { GuardToldAt = Seconds(15) }, "12345678", owner: "3d2c1b0a")); // what shows may be what was there before
    }

    [Fact]
    public void New_process_does_not_know_what_the_one_before_it_has_ordered() =>
        Assert.Equal(Alpha, MayBeArmed(WorkingMemory.Empty, null));

    /// <summary>A copy of the record that is stopped before its first look would take away the lease on which the original counts.</summary>
    [Theory]
    [InlineData(Boot, null, Alpha)]
    [InlineData("another boot", null, null)]
    [InlineData("", null, null)]
    [InlineData(Boot, "0a1b2c3d", null)]
    [InlineData(Boot, "3d2c1b0a", Alpha)]
    public void Lease_of_the_process_before_is_that_of_this_host_and_of_no_namesake(string boot, string? other, string? expected)
    {
        var spec = Two() with { Owner = "0a1b2c3d" };
        var memory = Known with { Other = other is null ? null : new OtherWatchdog(other, Alpha, "192.0.2.9") };
        Assert.Equal(expected, Guarding.MayBeArmedBefore(spec, memory with { Guard = null }, boot));
        Assert.Equal(expected, Guarding.MayBeArmedBefore(spec, memory, boot));
    }

    [Fact]
    public void Where_no_guard_is_armed_no_process_before_has_armed_one() =>
        Assert.Null(Guarding.MayBeArmedBefore(Two() with { Policy = Two().Policy with { GuardTimeToLive = TimeSpan.Zero } }, Known with { Guard = null }, Boot));
}
