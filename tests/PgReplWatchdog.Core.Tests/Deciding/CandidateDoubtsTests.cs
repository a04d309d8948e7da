using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>What would delay or spoil a failover closes a gate while the primary serves, and keeps no sole candidate from being promoted.</summary>
public class CandidateDoubtsTests
{
    /// <summary>The gates that these tests are about.</summary>
    internal static readonly Gate[] Gates =
    [
        Gate.CandidateReplayBehind, Gate.CandidateHostUnreachable, Gate.CandidateCommitsWait, Gate.CandidateNotSynchronous, Gate.CandidateDiskFull,
        Gate.CandidateUndetachable, Gate.PrimaryHostUnreachable,
    ];

    private static readonly HostObservation WrongKey = new(Beta, HostReach.Failed, "its host key is another one", TimeSpan.Zero);

    private static NodeObservation Held(string node = Beta, long backlog = 500) =>
        Standby(node).With(server => server with { ReplayedLsn = Behind(backlog) });

    private static IEnumerable<Gate> Closed(Decision decision) => decision.Gates.Select(gate => gate.Gate).Intersect(Gates);

    [Theory]
    [InlineData(9, false)]
    [InlineData(10, true)]
    public void Replay_that_stands_still_for_ten_seconds_closes_the_gate(int seconds, bool closed)
    {
        var decision = new Watch(Two()).LookFrom(0, seconds, Primary(), Held());
        Assert.Equal(closed ? [Gate.CandidateReplayBehind] : [], Closed(decision));
        Assert.Equal(!closed, decision.IsReady);
    }

    [Fact]
    public void Replay_that_moves_opens_the_gate_at_once()
    {
        var watch = new Watch(Two());
        watch.LookFrom(0, 20, Primary(), Held());
        Assert.True(watch.Look(21, Primary(), Held(backlog: 400)).IsReady);
    }

    [Fact]
    public void Replay_that_has_reached_the_end_is_never_behind() =>
        Assert.True(new Watch(Two()).LookFrom(0, 100, Primary(), Standby()).IsReady);

    [Theory]
    [InlineData(1000, false)]
    [InlineData(1001, true)]
    public void More_backlog_than_MaximumLagBytes_closes_the_gate_at_once(long backlog, bool closed) =>
        Assert.Equal(closed ? [Gate.CandidateReplayBehind] : [],
            Closed(new Watch(Two(new Policy { MaximumLagBytes = 1000 })).Look(0, Primary(), Held(backlog: backlog))));

    /// <summary>A primary that died may have sent half a record: no standby can replay that.</summary>
    [Fact]
    public void Replay_cannot_move_when_the_primary_is_gone_and_is_not_behind_then()
    {
        var watch = new Watch(Two());
        watch.LookFrom(0, 1, Primary(), Standby());
        watch.LookFrom(2, 60, Refused(), Held().With(server => server with { WalReceiver = null }));
        Assert.Equal([], Closed(watch.LookFrom(61, 62, Primary(), Held())));
    }

    [Fact]
    public void Sole_candidate_that_is_behind_is_promoted_all_the_same()
    {
        var watch = new Watch(Two());
        Assert.False(watch.LookFrom(0, 20, Primary(), Held()).IsReady);
        var held = Held().With(server => server with { WalReceiver = null });
        Assert.IsType<WatchdogAction.Freeze>(watch.LookFrom(21, 31, Refused(), held).Action);
    }

    /// <summary>Beta may be the one with the most WAL when the primary fails.</summary>
    [Fact]
    public void Doubt_about_one_candidate_closes_the_gate_and_the_election_prefers_the_other_at_the_same_position()
    {
        var decision = new Watch(Three().WithPriority(Beta, 200)).LookFrom(0, 20, Primary(), Held(), Standby(Gamma));
        Assert.Equal([Gate.CandidateReplayBehind], Closed(decision));
        Assert.Equal([Gamma, Beta], decision.Candidates.Select(candidate => candidate.Node));
    }

    [Fact]
    public void Standby_that_is_never_promoted_closes_no_gate() =>
        Assert.True(new Watch(Three().WithPriority(Beta, 0)).LookFrom(0, 20, Primary(), Held(), Standby(Gamma)).IsReady);

    /// <summary>Which of two standbys that stream has more WAL changes from look to look.</summary>
    [Fact]
    public void Readiness_does_not_flap_with_the_order_of_candidates()
    {
        var watch = new Watch(Three());
        for (var second = 0; second < 6; second++)
        {
            var (more, less) = second % 2 == 0 ? (Here, Behind(64)) : (Behind(64), Here);
            var decision = watch.Look(second, Primary(), Asks(Standby(at: more), "alpha"), Standby(Gamma, less));
            Assert.Equal(second % 2 == 0 ? Beta : Gamma, decision.Candidates[0].Node);
            Assert.Equal([Gate.CandidateCommitsWait], Closed(decision));
        }
    }

    /// <summary>More WAL is never given up for a faster promotion, unless the old primary's host has all of it to copy.</summary>
    [Fact]
    public void Candidate_with_more_wal_goes_before_one_without_doubts_unless_wal_can_be_copied()
    {
        var watch = new Watch(Three());
        var behind = Standby(Gamma, Behind(1));
        watch.LookFrom(0, 20, Primary(), Held(), behind);
        Assert.Equal([Beta, Gamma], watch.Look(At(21, Refused(), Held(), behind)).Candidates.Select(candidate => candidate.Node));
        Assert.Equal([Gamma, Beta], watch.Look(At(22, Refused(), Held(), behind).With(HostDead())).Candidates.Select(candidate => candidate.Node));
    }

    [Fact]
    public void Paused_replay_has_its_own_gate_and_no_second_one()
    {
        var paused = Held().With(server => server with { ReplayPaused = true });
        Assert.Equal([], Closed(new Watch(Two()).LookFrom(0, 20, Primary(), paused)));
    }

    [Fact]
    public void Host_that_never_answered_over_SSH_closes_the_gate_with_its_reason()
    {
        var gate = Assert.Single(new Watch(Two()).Look(At(0, Primary(), MayPromote()).With(WrongKey)).Gates, gate => gate.Node == Beta);
        Assert.Equal((Gate.CandidateHostUnreachable,
            "the host of beta does not answer over SSH: its host key is another one; a failover has to detach beta, copy WAL to it and promote it there"),
            (gate.Gate, gate.Sentence));
    }

    [Theory]
    [InlineData(30, false)]
    [InlineData(31, true)]
    public void Host_that_answered_over_SSH_lately_is_proven(int seconds, bool closed)
    {
        var watch = new Watch(Two());
        watch.Look(0, Primary(), MayPromote());
        for (var second = 1; second < seconds; second++)
            watch.Look(At(second, Primary(), MayPromote()).With(WrongKey));
        Assert.Equal(closed ? [Gate.CandidateHostUnreachable] : [], Closed(watch.Look(At(seconds, Primary(), MayPromote()).With(WrongKey))));
    }

    /// <summary>The prober itself hangs: what a host said once does not stay true.</summary>
    [Fact]
    public void Answer_of_a_host_that_is_not_renewed_grows_old()
    {
        var look = At(40, Primary(), MayPromote());
        look = look with { Hosts = [.. look.Hosts.Select(host => host with { At = Seconds(9) })] };
        Assert.Equal([Gate.PrimaryHostUnreachable, Gate.CandidateHostUnreachable], Closed(new Watch(Two()).Look(look)));
    }

    [Theory]
    [InlineData("full", true)]
    [InlineData("hangs", true)]
    [InlineData("room for one segment", false)]
    [InlineData("not asked", false)]
    public void Full_or_hanging_disk_of_a_standby_closes_the_gate(string disk, bool closed)
    {
        var host = disk switch
        {
            "full" => HostUp(Beta) with { FreeBytes = (16 << 20) - 1, Filling = "pg_wal 9 GB" },
            "hangs" => HostUp(Beta) with { StorageHangs = true },
            "not asked" => new HostObservation(Beta, HostReach.Unknown, "", TimeSpan.Zero),
            _ => HostUp(Beta) with { FreeBytes = 16 << 20 },
        };
        Assert.Equal(closed ? [Gate.CandidateDiskFull] : [], Closed(new Watch(Two()).Look(At(0, Primary(), MayPromote()).With(host))));
    }

    [Fact]
    public void Guard_does_not_count_on_a_standby_whose_host_cannot_detach_it()
    {
        var watch = new Watch(Three());
        watch.Look(0, Primary(), MayPromote(), Standby(Gamma));
        for (var second = 1; second < 34; second++)
            watch.Look(At(second, Primary(), MayPromote(), Standby(Gamma)).With(WrongKey));
        Assert.Equal([Gamma], watch.Memory.Guard!.Order.Vouchers);
    }

    /// <summary>Also one that could not be promoted: a failover that rests on the guard has to detach every lease standby.</summary>
    [Fact]
    public void Guard_does_not_count_on_a_standby_whose_disk_is_full()
    {
        var watch = new Watch(Three());
        var full = HostUp(Beta) with { FreeBytes = 0, TriggerDirectoryWritable = false };
        for (var second = 0; second < 4; second++)
            watch.Look(At(second, Primary(), Standby(), Standby(Gamma)).With(full));
        Assert.Equal([Gamma], watch.Memory.Guard!.Order.Vouchers);
    }

    /// <summary>Somebody has removed the file, or ALTER SYSTEM overrides it: a failover that rests on the guard would wait for ever.</summary>
    [Fact]
    public void Standby_that_cannot_be_detached_closes_the_gate_and_the_guard_does_not_count_on_it()
    {
        var watch = new Watch(Three());
        var fixedTo = HostUp(Beta) with { DetachObstacle = "there is no pgwatchdog.conf in its data directory" };
        for (var second = 0; second < 4; second++)
            watch.Look(At(second, Primary(), Standby(), Standby(Gamma)).With(fixedTo));
        Assert.Equal([Gamma], watch.Memory.Guard!.Order.Vouchers);
        var decision = watch.Look(At(5, Primary(), Standby(), Standby(Gamma)).With(fixedTo));
        Assert.Equal([Gate.CandidateUndetachable], Closed(decision));
        Assert.Equal("beta cannot be detached from its primary: there is no pgwatchdog.conf in its data directory: run setup",
            decision.Gates.Single(gate => gate.Gate == Gate.CandidateUndetachable).Sentence);
    }

    /// <summary>Only the host can tell a hung primary from a healthy one. A failover that is due goes on.</summary>
    [Fact]
    public void Primary_whose_host_does_not_answer_closes_the_gate_until_it_fails()
    {
        var watch = new Watch(Two());
        var gone = HostGone(Alpha);
        for (var second = 0; second < 30; second++)
            watch.Look(At(second, Primary(), Standby()).With(second == 0 ? HostUp(Alpha) : gone));
        Assert.Empty(Closed(watch.Look(At(30, Primary(), Standby()).With(gone))));
        Assert.Equal([Gate.PrimaryHostUnreachable], Closed(watch.Look(At(31, Primary(), Standby()).With(gone))));
        for (var second = 32; second < 60; second++)
            watch.Look(At(second, Unreachable(), Deaf()).With(gone));
        Assert.NotNull(watch.Memory.Procedure);
    }

    /// <summary>A crash is fenced and salvaged on the old primary's host, and pg_promote() needs no SSH.</summary>
    [Fact]
    public void Sole_candidate_whose_host_is_not_proven_is_promoted_after_a_crash()
    {
        var watch = new Watch(Two());
        watch.Look(At(0, Primary(), MayPromote()).With(WrongKey));
        var deaf = MayPromote().With(server => server with { WalReceiver = null });
        var actions = Enumerable.Range(1, 4).Select(second => watch.Look(At(second, Refused(), deaf).With(HostDead(), WrongKey)).Action).ToList();
        Assert.Contains(actions, action => action is WatchdogAction.Fence);
    }

    [Theory]
    [InlineData("", "", null)]
    [InlineData("FIRST 1 (beta)", "", null)] // with two nodes nobody could confirm a commit
    [InlineData("FIRST 1 (beta)", "FIRST 1 (beta)", Gate.CandidateCommitsWait)]
    [InlineData("", "*", Gate.CandidateCommitsWait)]
    [InlineData("", "alpha", Gate.CandidateCommitsWait)]
    public void Commits_of_a_pair_would_wait_where_the_standby_asks_for_a_standby(string primary, string standby, Gate? closed) =>
        Assert.Equal(closed is { } gate ? [gate] : [], Closed(new Watch(Two()).Look(0, Asks(Primary(), primary), Asks(Standby(), standby))));

    [Theory]
    [InlineData("ANY 1 (beta, gamma)", "ANY 1 (alpha, GAMMA)", null)]
    [InlineData("ANY 1 (beta, gamma)", "2 (alpha, gamma)", Gate.CandidateCommitsWait)]
    [InlineData("ANY 1 (beta, gamma)", "rubbish (", Gate.CandidateCommitsWait)]
    [InlineData("ANY 1 (beta, gamma)", "", Gate.CandidateNotSynchronous)]
    public void Candidate_has_to_replicate_as_the_primary_does_where_another_standby_is_there(string primary, string standby, Gate? closed)
    {
        var look = At(0, Asks(Primary(), primary), Asks(Standby(), standby), Standby(Gamma));
        Assert.Equal(closed is { } gate ? [gate] : [], Closed(new Watch(Three().WithPriority(Gamma, 0)).Look(look)));
    }

    private static NodeObservation Asks(NodeObservation node, string names) => node.With(server => server with { SynchronousStandbyNames = names });

    private static NodeObservation MayPromote() => Standby().With(server => server with { MayPromote = true });
}
