using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>Every gate, shut and open, seen through the one door. The row's node is what stands beside a primary that is down.</summary>
public class GatesTests
{
    private sealed record Case(
        Gate Gate, Func<NodeObservation, NodeObservation>? Standby = null, Policy? Policy = null, ClusterMemory? Memory = null,
        int Priority = NodeSpec.DefaultPriority, Func<ClusterObservation, ClusterObservation>? Seen = null);

    private static readonly Dictionary<string, Case> Shut = new()
    {
        ["automatic is false"] = new(Gate.AutomaticOff, Policy: new Policy { Automatic = false }),
        ["a failover ended 59 minutes ago"] = new(Gate.RecentFailover, Memory: FailedOverMinutesAgo(59)),
        ["a failed failover ended 59 minutes ago"] = new(Gate.RecentFailover, Memory: FailedOverMinutesAgo(59, succeeded: false)),
        ["the journal cannot be written"] = new(Gate.JournalUnwritable, Seen: seen => seen with { JournalWritable = false }),
        ["a person has paused it"] = new(Gate.Paused, Seen: seen => seen with { Wish = new OperatorWish(true, 0) }),
        ["another watchdog is on record"] = new(Gate.AnotherWatchdog, Memory: Known with { Other = new OtherWatchdog("3d2c1b0a", Alpha, "10.0.0.7") }),
        ["a freeze window is open"] = new(Gate.FreezeWindow, Seen: seen => seen with { InFreezeWindow = true }),
        ["no guard was armed and the host was not asked"] = new(Gate.OldPrimaryNotFenced, Memory: Known with { Guard = null }),
        ["the host does not answer either"] = new(Gate.OldPrimaryNotFenced, Memory: Known with { Guard = null }, Seen: seen => seen.With(HostGone())),
        ["the guard of another node was armed"] = new(Gate.OldPrimaryNotFenced, Memory: Known with { Guard = Known.Guard! with { Node = Beta } }),
        ["the guard has not had its time"] = new(Gate.OldPrimaryNotFenced, Memory: Known with { Guard = Known.Guard! with { Order = new GuardOrder(Seconds(8), [Beta]) } }),
        ["a voucher cannot be asked"] = new(Gate.OldPrimaryNotFenced, Memory: Known with { Guard = Known.Guard! with { Order = new GuardOrder(Seconds(6), [Beta, Gamma]) } }),
        ["its priority is 0"] = new(Gate.CandidateExcluded, Priority: 0),
        ["another system identifier"] = new(Gate.CandidateOtherSystem, Changed(server => server with { SystemIdentifier = OtherSystem })),
        ["an older timeline"] = new(Gate.CandidateTimeline, Memory: Known with { NewestTimeline = 2 }),
        ["a byte more than MaximumLagBytes"] = new(Gate.CandidateTooFarBehind, Lacking(1001), new Policy { MaximumLagBytes = 1000 }),
        ["a position that the primary was seen at long ago"] = new(Gate.CandidateTooFarBehind, Memory: Known with { LastPosition = Known.LastPosition! with { Time = Start.AddHours(-1) } }),
        ["a standby that knows no position"] = new(Gate.CandidateTooFarBehind, Policy: new Policy { Fencing = Fencing.BestEffort }, Standby: Changed(server => server with { ReceivedLsn = null, ReplayedLsn = null })),
        ["replay is paused"] = new(Gate.CandidateReplayPaused, Changed(server => server with { ReplayPaused = true })),
        ["no trigger file is set"] = new(Gate.PromotionUnavailable, Changed(server => server with { PromoteTriggerFile = "" })),
        ["another trigger file is set"] = new(Gate.PromotionUnavailable, Changed(server => server with { PromoteTriggerFile = "/tmp/promote" })),
    };

    private static readonly Dictionary<string, Case> Open = new()
    {
        ["all is well but the primary"] = new(Gate.Unknown),
        ["the disk was full when the host was asked last"] = new(Gate.Unknown, Seen: seen => seen.With(HostGone() with { FreeBytes = 0 })),
        ["the last failover ended an hour ago"] = new(Gate.Unknown, Memory: FailedOverMinutesAgo(60)),
        ["the last failover was acknowledged"] = new(Gate.Unknown, Memory: FailedOverMinutesAgo(59), Seen: seen => seen with { Wish = new OperatorWish(false, 1) }),
        ["the guard has just had its time"] = new(Gate.Unknown, Policy: new Policy { GuardTimeToLive = TimeSpan.FromSeconds(7.6) }),
        ["priority 1"] = new(Gate.Unknown, Priority: 1),
        ["no system identifier known yet"] = new(Gate.Unknown, Memory: Known with { SystemIdentifier = null }),
        ["just MaximumLagBytes"] = new(Gate.Unknown, Lacking(1000), new Policy { MaximumLagBytes = 1000 }),
        ["received restarted at the segment, replayed is further"] =
            new(Gate.Unknown, Changed(server => server with { ReceivedLsn = Behind(5000) }), new Policy { MaximumLagBytes = 0 }),
    };

    public static TheoryData<string> ShutNames => [.. Shut.Keys];
    public static TheoryData<string> OpenNames => [.. Open.Keys];

    [Theory, MemberData(nameof(ShutNames))]
    public void Gate_is_shut_and_nothing_is_done(string name)
    {
        var decision = DownFor(10, Shut[name]);
        var gate = Shut[name].Gate;
        Assert.Contains(decision.Gates, shut => shut.Gate == gate && shut.Sentence.Length > 10);
        Assert.All(decision.Gates, shut => Assert.True(shut.Gate == gate || shut.Gate == Gate.NoCandidate, $"{shut.Gate} is shut too"));
        Assert.IsType<WatchdogAction.None>(decision.Action);
        Assert.False(decision.IsReady);
    }

    [Theory, MemberData(nameof(OpenNames))]
    public void All_gates_are_open_and_the_standby_is_promoted(string name)
    {
        var decision = DownFor(10, Open[name]);
        Assert.Empty(decision.Gates);
        Assert.Equal("beta", Assert.IsType<WatchdogAction.Freeze>(decision.Action).Node);
    }

    [Theory]
    [InlineData(Gate.CandidateUnreachable, Reach.Unreachable)]
    [InlineData(Gate.CandidateUnreachable, Reach.Refused)]
    [InlineData(Gate.CandidateUnreachable, Reach.Alive)]
    [InlineData(Gate.CandidateUnreachable, Reach.Failed)]
    public void Candidate_that_does_not_answer_shuts_its_gate(Gate gate, Reach reach)
    {
        var decision = new Watch(Two(new Policy { Fencing = Fencing.BestEffort })).Look(0, Primary(), Without(reach, Beta));
        Assert.Equal([Gate.ThresholdNotReached, Gate.NoCandidate, gate], decision.Gates.Select(shut => shut.Gate));
    }

    [Fact]
    public void Candidate_that_is_no_standby_shuts_its_gate() =>
        Assert.Contains(new Watch(Two()).Look(0, Primary(), Primary(Beta)).Gates, shut => shut is { Gate: Gate.CandidateNotInRecovery, Node: Beta });

    [Fact]
    public void Disk_of_the_primary_without_room_for_a_segment_of_WAL_shuts_its_gate_also_when_PostgreSQL_has_ended_by_that()
    {
        static Decision Look(long free, bool isDead)
        {
            var watch = new Watch(Two());
            var host = (isDead ? HostDead() : HostUp(Alpha)) with { FreeBytes = free, Filling = "pg_wal 180 kB" };
            watch.Look(0, Primary(), Standby());
            return Enumerable.Range(1, 4).Select(second => watch.Look(At(second, isDead ? Refused() : Primary(), isDead ? Deaf() : Standby()).With(host))).ToArray()[^1];
        }
        const long Segment = 16 * 1024 * 1024;
        Assert.Equal("the disk of alpha is full, 16777215 bytes are free (pg_wal 180 kB): make room there; nobody is promoted for that, unless by hand",
            Assert.Single(Look(Segment - 1, isDead: true).Gates).Sentence);
        Assert.Contains(Look(Segment - 1, isDead: false).Gates, shut => shut.Gate == Gate.PrimaryDiskFull);
        Assert.IsType<WatchdogAction.None>(Look(Segment - 1, isDead: true).Action);
        Assert.IsType<WatchdogAction.Fence>(Look(Segment, isDead: true).Action);
    }

    [Fact]
    public void Threshold_is_the_one_gate_that_is_shut_while_all_is_well()
    {
        var decision = new Watch(Two()).Look(0, Primary(), Standby());
        Assert.Equal("the primary has not failed (verdict Serving)", Assert.Single(decision.Gates).Sentence);
        Assert.True(decision.IsReady);
    }

    [Fact]
    public void Threshold_opens_when_it_is_reached_and_not_a_check_before()
    {
        var short_of = DownFor(9, Open["all is well but the primary"]);
        Assert.Equal("verdict Down has to stand 1.0 s longer", Assert.Single(short_of.Gates, shut => shut.Gate == Gate.ThresholdNotReached).Sentence);
        Assert.IsType<WatchdogAction.None>(short_of.Action);
        Assert.IsType<WatchdogAction.Freeze>(DownFor(10, Open["all is well but the primary"]).Action);
    }

    [Fact]
    public void All_shut_gates_are_told_and_not_the_first_alone()
    {
        var decision = DownFor(1, new Case(Gate.Unknown,
            Changed(server => server with { ReplayPaused = true, PromoteTriggerFile = "", SystemIdentifier = OtherSystem }),
            new Policy { Automatic = false }, FailedOverMinutesAgo(1) with { Guard = null }, Priority: 0,
            Seen: seen => seen with { JournalWritable = false, InFreezeWindow = true, Wish = new OperatorWish(true, 0) }));
        Assert.Equal(
            [
                Gate.ThresholdNotReached, Gate.AutomaticOff, Gate.Paused, Gate.FreezeWindow, Gate.RecentFailover, Gate.JournalUnwritable, Gate.OldPrimaryNotFenced, Gate.NoCandidate,
                Gate.CandidateExcluded, Gate.CandidateOtherSystem, Gate.CandidateReplayPaused, Gate.PromotionUnavailable,
            ],
            decision.Gates.Select(shut => shut.Gate));
    }

    [Fact]
    public void One_candidate_is_enough_and_the_others_reasons_are_then_no_gates()
    {
        var decision = new Watch(Three()).Look(0, Primary(), Standby(), Refused(Gamma));
        Assert.Equal([Gate.ThresholdNotReached], decision.Gates.Select(shut => shut.Gate));
        Assert.Equal(Gate.CandidateUnreachable, Assert.Single(decision.Candidates[1].Reasons).Gate);
    }

    /// <summary>Were the primary to vanish, this standby could not say that it hears it no more: the verdict would be Unknown, whoever else could be promoted.</summary>
    [Fact]
    public void Standby_whose_views_may_not_be_read_keeps_ready_from_being_said_beside_a_candidate()
    {
        var gamma = Standby(Gamma).With(server => server with { ReadsStatistics = false, WalReceiver = null });
        Assert.Equal([(Gate.ThresholdNotReached, null), (Gate.CandidateUnreadable, Gamma)],
            new Watch(Three(new Policy { HasFenceCommand = true })).Look(0, Primary(), Standby(), gamma).Gates.Select(shut => (shut.Gate, shut.Node)));
        var priorityless = new Watch(Three(new Policy { HasFenceCommand = true }).WithPriority(Gamma, 0)).Look(0, Primary(), Standby(), gamma);
        Assert.Equal([Gate.ThresholdNotReached, Gate.CandidateUnreadable], priorityless.Gates.Select(shut => shut.Gate));
        Assert.Equal([Gate.CandidateExcluded, Gate.CandidateUnreadable], priorityless.Candidates[1].Reasons.Select(shut => shut.Gate));
    }

    /// <summary>Besides, its silence is no testimony: the primary is not even down.</summary>
    [Fact]
    public void Standby_whose_views_may_not_be_read_is_no_candidate()
    {
        var decision = DownFor(9, new Case(Gate.CandidateUnreadable, Changed(server => server with { ReadsStatistics = false })));
        Assert.Equal([Gate.ThresholdNotReached, Gate.NoCandidate, Gate.CandidateUnreadable], decision.Gates.Select(shut => shut.Gate));
    }

    [Fact]
    public void Every_gate_has_a_row_here()
    {
        Gate[] seen = [.. Shut.Values.Select(row => row.Gate), Gate.ThresholdNotReached, Gate.NoCandidate, Gate.CandidateUnreachable,
            Gate.CandidateUnreadable, Gate.CandidateNotInRecovery, Gate.PrimaryDiskFull,
            Gate.RecordIsOld, // EpochTests
            .. CandidateDoubtsTests.Gates];
        Assert.Equal(Enum.GetValues<Gate>().Where(gate => gate != Gate.Unknown).Order(), seen.Distinct().Order());
    }

    /// <summary>Alpha serves at second 0 and is silent from then on.</summary>
    private static Decision DownFor(int seconds, Case row)
    {
        var spec = Two(row.Policy).WithPriority(Beta, row.Priority);
        var standby = (row.Standby ?? (healthy => healthy))(Deaf());
        var watch = new Watch(spec, row.Memory);
        watch.Look(0, Refused(), standby);
        for (var second = 1; second < seconds; second++)
            watch.Look(second, Refused(), standby);
        return watch.Look((row.Seen ?? (seen => seen))(At(seconds, Refused(), standby)));
    }

    private static Func<NodeObservation, NodeObservation> Changed(Func<ServerFacts, ServerFacts> change) => seen => seen.With(change);

    private static Func<NodeObservation, NodeObservation> Lacking(long bytes) =>
        Changed(server => server with { ReceivedLsn = Behind(bytes), ReplayedLsn = Behind(bytes + 100) });

    /// <summary>At the tenth second, when the rows decide.</summary>
    private static ClusterMemory FailedOverMinutesAgo(int minutes, bool succeeded = true)
    {
        var ended = Start.AddSeconds(10).AddMinutes(-minutes);
        return Known with { LastFailover = Finished(1, Beta, Alpha, succeeded, ended) };
    }
}
