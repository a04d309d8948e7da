using System.Diagnostics;
using PgReplWatchdog.Lab;
using static PgReplWatchdog.Tests.Guarding.GuardedCluster;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>An armed primary that nobody outside acknowledges stops itself; any other server is left alone.</summary>
public sealed class GuardTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(CutMode.Drop, CutDirection.Both)]
    [InlineData(CutMode.Refuse, CutDirection.Both)]
    [InlineData(CutMode.Drop, CutDirection.Inbound, Traits = [Widest.Trait, Widest.Run])]
    [InlineData(CutMode.Drop, CutDirection.Outbound, Traits = [Widest.Trait, Widest.Run])]
    public async Task Cut_off_from_everybody_it_stops_and_cannot_be_started(CutMode mode, CutDirection direction)
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await using var watchdog = await cluster.WatchAsync(cluster.Alpha);
        await GoesOnAsync(cluster.Alpha);
        await cluster.Alpha.CutAsync(CutFrom.Everybody, mode, direction, Cancellation);
        var cut = Stopwatch.StartNew();
        await Wait(() => Task.FromResult(!cluster.Alpha.PostgresRunning));
        TestContext.Current.TestOutputHelper?.WriteLine($"{mode} {direction}: {cut.ElapsedMilliseconds} ms from the cut to the end of the postmaster");
        await StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task Its_standby_alone_keeps_it_going()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.CutAsync(CutFrom.Watchdog, ct: Cancellation);
        await GoesOnAsync(cluster.Alpha);
    }

    [Fact]
    public async Task The_watchdog_alone_keeps_it_going()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await using var watchdog = await cluster.WatchAsync(cluster.Alpha);
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.CutAsync(CutFrom.Host("beta"), ct: Cancellation);
        await GoesOnAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_watchdog_that_repeats_an_old_position_proves_nothing()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        string? first = null;
        await using var watchdog = await cluster.WatchAsync(cluster.Alpha, seen => first ??= seen);
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.CutAsync(CutFrom.Host("beta"), ct: Cancellation);
        await StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_position_that_the_server_never_had_proves_nothing()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await using var watchdog = await cluster.WatchAsync(cluster.Alpha, _ => "FFFF/0");
        await cluster.ArmAsync(cluster.Alpha);
        await StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_standby_that_is_no_voucher_does_not_count()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "gamma");
        await StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task Disarmed_and_cut_off_it_goes_on()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.DisarmAsync(cluster.Alpha);
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await GoesOnAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_server_that_hangs_is_killed()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.FreezePostgresAsync(Cancellation);
        await StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_server_that_hangs_and_is_disarmed_is_left_alone()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.RunAsync($"rm {cluster.Node(cluster.Alpha).GuardOrderFile}", Cancellation);
        await cluster.Alpha.FreezePostgresAsync(Cancellation);
        await Wait(async () => (await LogAsync(cluster.Alpha)).EndsWith("disarmed", StringComparison.Ordinal));
        using (var over = new CancellationTokenSource(3 * TimeToLive))
        {
            while (!over.IsCancellationRequested)
            {
                Assert.True(cluster.Alpha.PostgresRunning);
                await Task.WhenAny(Task.Delay(TimeSpan.FromMilliseconds(100), over.Token));
            }
        }
        await cluster.Alpha.ThawPostgresAsync();
        await GoesOnAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_server_that_its_administrator_stops_gets_no_start_block_and_starts_again_armed()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.StopPostgresAsync(ct: Cancellation);
        using (var over = new CancellationTokenSource(3 * TimeToLive))
            await Task.WhenAny(Task.Delay(Timeout.InfiniteTimeSpan, over.Token));
        Assert.False(File.Exists(StartBlock(cluster.Alpha)));
        await cluster.Alpha.StartPostgresAsync(Cancellation);
        await GoesOnAsync(cluster.Alpha);
        Assert.DoesNotContain("stopped PostgreSQL", await LogAsync(cluster.Alpha), StringComparison.Ordinal);
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_crashed_server_that_recovers_goes_on_with_its_standby()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.PsqlAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgwatchdog_guard%'", Cancellation);
        var backend = await cluster.Alpha.PsqlAsync("SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'", Cancellation);
        await cluster.Alpha.RunAsync($"kill -KILL {backend}", Cancellation);
        await GoesOnAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_crashed_server_that_comes_back_out_of_everybodys_sight_is_stopped()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        using (var over = new CancellationTokenSource(3 * TimeToLive)) // what it was granted has run out
            await Task.WhenAny(Task.Delay(Timeout.InfiniteTimeSpan, over.Token));
        await cluster.Alpha.StartPostgresAsync(Cancellation);
        await StoppedAsync(cluster.Alpha);
        Assert.Contains("no other node answers", await LogAsync(cluster.Alpha), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_recovers_for_long_has_leave_before_it_serves()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await RecoveringAsync(cluster.Alpha);
        await SetUp.SetUpTests.EventuallyAsync(async () => await cluster.Beta.PsqlAsync(
            "SELECT count(*) > 1 FROM pg_stat_activity WHERE application_name = 'pgwatchdog_boot_check'", Cancellation) == "t", "the standby is asked again and again");
        Assert.NotNull(cluster.Alpha.PostmasterPid);
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await StoppedAsync(cluster.Alpha);
        Assert.Contains("no other node answers", await LogAsync(cluster.Alpha), StringComparison.Ordinal);
    }

    /// <summary>The startup process of a crashed server is held up, as by a long recovery.</summary>
    private static async Task RecoveringAsync(LabHost host)
    {
        await host.KillPostgresAsync(Cancellation);
        // Fetched by a command that never comes back: PostgreSQL recovers for as long as it waits.
        await host.RunAsync($"touch {host.DataDirectory}/recovery.signal && echo \"restore_command = 'cd / && exec sleep 600'\" >> {host.DataDirectory}/postgresql.conf", Cancellation);
        await host.RunAsync($"{host.BinDirectory}/pg_ctl start -D {host.DataDirectory} -l {host.ServerLog} -W", Cancellation);
    }

    [Fact]
    public async Task A_standby_is_never_stopped()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Beta, "alpha");
        await cluster.Beta.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await GoesOnAsync(cluster.Beta);
        await cluster.Beta.StopPostgresAsync(ct: Cancellation);
        await cluster.Beta.StartPostgresAsync(Cancellation);
        await GoesOnAsync(cluster.Beta);
    }

    /// <summary>The session in which the guard asks is gone, and no new one can be had: the guard has its bound all the same.</summary>
    [Fact]
    public async Task Bound_holds_with_a_hung_postmaster_and_a_lost_session()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await GoesOnAsync(cluster.Alpha);
        var session = await cluster.Alpha.PsqlAsync(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pgwatchdog_guard%'", Cancellation);
        var cut = Stopwatch.StartNew();
        await cluster.Alpha.RunAsync($"kill -STOP {cluster.Alpha.PostmasterPid} && kill -TERM {session}", Cancellation);
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await Wait(() => Task.FromResult(!cluster.Alpha.PostgresRunning));
        TestContext.Current.TestOutputHelper?.WriteLine($"{cut.ElapsedMilliseconds} ms until the postmaster ended");
        Assert.True(cut.Elapsed <= Topology.Policy.SurelyStoppedAfter(TimeToLive), $"stopped after {cut.Elapsed}");
        await StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task A_replaced_primary_that_is_started_while_armed_is_stopped()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.Beta.PsqlAsync("SELECT pg_promote()", Cancellation);
        await cluster.Alpha.StartPostgresAsync(Cancellation);
        await StoppedAsync(cluster.Alpha);
        Assert.Contains("another node is primary on timeline 2, this one is on 1", await LogAsync(cluster.Alpha), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Killed_guard_is_restarted_and_keeps_its_lease_and_its_bound()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        var numbers = $"{cluster.Alpha.DataDirectory}.pgwatchdog/guard.pid";
        foreach (var target in new[] { "$keeper", "-$keeper", "-$second" })
        {
            await cluster.Alpha.RunAsync($"read -r keeper second _ < {numbers}; kill -s KILL -- {target}", Cancellation);
            await GoesOnAsync(cluster.Alpha);
            await cluster.Alpha.RunAsync($"/bin/sh {cluster.Alpha.DataDirectory}.pgwatchdog/guard status", Cancellation);
        }
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await cluster.Alpha.RunAsync($"read -r keeper _ < {numbers}; kill -s KILL -- -$keeper", Cancellation);
        await StoppedAsync(cluster.Alpha);
    }

    /// <summary>The watchdog believes a guard by its session: psql must not outlive the one who decides.</summary>
    [Fact]
    public async Task Guard_of_which_only_psql_is_left_shows_no_session()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.RunAsync($"kill -s KILL $(pgrep -f '^/bin/bash {cluster.Alpha.DataDirectory}.pgwatchdog/guard')", Cancellation);
        await Wait(async () => await cluster.Alpha.PsqlAsync("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgwatchdog_guard%'", Cancellation) == "0");
    }

    [Fact]
    public async Task Order_that_cannot_be_read_keeps_the_lease()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        var (order, state) = (cluster.Node(cluster.Alpha).GuardOrderFile, cluster.Node(cluster.Alpha).StateDirectory);
        // The lease begins with the first acknowledgement under the order: what was proven is there from then on.
        await Wait(async () => await cluster.Alpha.RunAsync(
            $"grep -l \" $(cut -d ' ' -f 1 {order}) \" /dev/shm/pgwatchdog-guard.*{state.Replace('/', '_')}/proven || :", Cancellation) != "");
        await cluster.Alpha.RunAsync($": > {order}", Cancellation); // as a loss of power may leave it
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await StoppedAsync(cluster.Alpha);
    }

    [Fact]
    public async Task Stopped_primary_starts_again_when_its_lease_standby_still_follows()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await StoppedAsync(cluster.Alpha);
        await cluster.Alpha.HealAsync(ct: Cancellation);
        await Wait(() => Task.FromResult(cluster.Alpha.PostgresRunning));
        await GoesOnAsync(cluster.Alpha);
    }

    [Fact]
    public async Task Stopped_primary_without_its_order_is_not_started_again()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await StoppedAsync(cluster.Alpha);
        await cluster.Alpha.RunAsync($"rm {cluster.Node(cluster.Alpha).GuardOrderFile}", Cancellation);
        await cluster.Alpha.HealAsync(ct: Cancellation);
        using var over = new CancellationTokenSource(4 * TimeToLive);
        await Task.WhenAny(Task.Delay(Timeout.InfiniteTimeSpan, over.Token));
        Assert.False(cluster.Alpha.PostgresRunning);
    }

    [Fact]
    public async Task A_stopped_primary_that_is_being_fenced_is_not_started_again()
    {
        await using var cluster = await GuardedCluster.StartAsync();
        var (alpha, order) = (cluster.Alpha, cluster.Node(cluster.Alpha).GuardOrderFile);
        var fenceLock = $"{alpha.DataDirectory}.pgwatchdog/block.lock";
        await cluster.ArmAsync(alpha, "beta");
        await alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await StoppedAsync(alpha);
        using var over = new CancellationTokenSource();
        var fencing = alpha.RunUntilCancelledAsync($"exec flock {fenceLock} sleep 600", over.Token);
        await Wait(async () => await alpha.RunAsync($"flock -n {fenceLock} true || echo held", Cancellation) == "held");
        await alpha.HealAsync(ct: Cancellation);
        await Wait(async () => await cluster.Beta.PsqlAsync(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgwatchdog_boot_check'", Cancellation) == "t");
        await alpha.RunAsync($"echo '# a fence' > {StartBlock(alpha)} && rm {order}", Cancellation);
        await over.CancelAsync();
        await Task.WhenAny(fencing);
        using var longer = new CancellationTokenSource(4 * TimeToLive);
        await Task.WhenAny(Task.Delay(Timeout.InfiniteTimeSpan, longer.Token));
        Assert.False(alpha.PostgresRunning);
        Assert.Contains("a fence", await File.ReadAllTextAsync(StartBlock(alpha), Cancellation), StringComparison.Ordinal);
    }

    private static Task Wait(Func<Task<bool>> condition) => SetUp.SetUpTests.EventuallyAsync(condition, "see the test");
}
