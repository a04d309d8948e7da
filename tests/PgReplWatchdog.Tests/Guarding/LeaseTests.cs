using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>
/// A guard never stops a primary for the watchdog's own trouble: the watchdog takes its lease back over SSH when it cannot be
/// a witness.
/// </summary>
public sealed class LeaseTests
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(3);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>What locks the watchdog out of SQL, and what lets it in again. Replication and SSH go on.</summary>
    private static readonly (string Out, string In)[] Locks =
    [
        ("ALTER ROLE pgwatchdog PASSWORD 'rotated'", "ALTER ROLE pgwatchdog PASSWORD 'watch:dog of \\ the ''lab'''"),
        ("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC", "GRANT CONNECT ON DATABASE postgres TO PUBLIC"),
        ("ALTER ROLE pgwatchdog CONNECTION LIMIT 0", "ALTER ROLE pgwatchdog CONNECTION LIMIT -1"),
        ("ALTER ROLE pgwatchdog VALID UNTIL '2000-01-01'", "ALTER ROLE pgwatchdog VALID UNTIL 'infinity'"),
    ];

    [Fact]
    [Trait(Widest.Trait, Widest.Run)]
    public async Task Primary_goes_on_without_its_standby_while_the_watchdog_is_locked_out_of_sql()
    {
        await using var cluster = await StartAsync();
        foreach (var (lockOut, letIn) in Locks)
        {
            await ArmedAsync(cluster);
            await cluster.Alpha.PsqlAsync(lockOut, Cancellation);
            await DisarmedAsync(cluster, lockOut);
            await GoesOnWithoutStandbyAsync(cluster, lockOut);
            await cluster.Alpha.PsqlAsync(letIn, Cancellation);
        }
        await ArmedAsync(cluster);
        Assert.Contains("taking back the lease of alpha's guard", cluster.Service.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Primary_goes_on_without_its_standby_while_pg_hba_refuses_the_watchdog()
    {
        await using var cluster = await StartAsync();
        await ArmedAsync(cluster);
        var hba = await cluster.Alpha.PsqlAsync("SHOW hba_file", Cancellation);
        await cluster.Alpha.RunAsync(
            $"{{ echo 'host all pgwatchdog all reject'; cat {hba}; }} > {hba}.new && mv {hba}.new {hba}", Cancellation);
        await cluster.Alpha.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        await DisarmedAsync(cluster, "pg_hba.conf");
        await GoesOnWithoutStandbyAsync(cluster, "pg_hba.conf");
    }

    [Fact]
    public async Task Service_that_stops_a_moment_after_it_armed_takes_the_lease_back()
    {
        await using var cluster = await StartAsync();
        await ArmedAsync(cluster);
        await cluster.RequireAsync("pause", "main");
        await DisarmedAsync(cluster, "failover is paused");
        await cluster.RequireAsync("resume", "main");
        await SetUpTests.EventuallyAsync(() => Task.FromResult(File.Exists(Order(cluster))), "the guard is given its order");
        await cluster.Service.DisposeAsync();
        Assert.False(File.Exists(Order(cluster)), "the order is still there:\n" + cluster.Service.Log);
        await GoesOnWithoutStandbyAsync(cluster, "the service stopped in order");
    }

    [Fact]
    [Trait(Widest.Trait, Widest.Run)]
    public async Task Service_that_stops_asks_again_until_the_host_answers()
    {
        await using var cluster = await StartAsync();
        await ArmedAsync(cluster);
        await cluster.Alpha.StopSshdAsync(sessionsToo: true, Cancellation);
        var stopping = cluster.Service.DisposeAsync();
        await SetUpTests.EventuallyAsync(
            () => Task.FromResult(cluster.Service.Log.Contains(
                "disarming the guard of alpha: the watchdog stops", StringComparison.Ordinal)), "the service stops");
        await RunningCluster.HoldsForAsync(TimeSpan.FromSeconds(4), () =>
        {
            Assert.True(File.Exists(Order(cluster)));
            Assert.False(stopping.IsCompleted, "the service has ended, and the order is still there:\n" + cluster.Service.Log);
            return Task.CompletedTask;
        });
        await cluster.Alpha.StartSshdAsync(Cancellation);
        await stopping;
        Assert.False(File.Exists(Order(cluster)), "the order is still there:\n" + cluster.Service.Log);
        await GoesOnWithoutStandbyAsync(cluster, "the service stopped in order");
    }

    /// <summary>The watchdog is locked out, without SSH, and is killed: the next process takes back what it did not order.</summary>
    [Fact]
    public async Task Lease_is_taken_back_when_the_host_answers_again_also_by_the_next_process()
    {
        await using var cluster = await StartAsync();
        await ArmedAsync(cluster);
        await cluster.Alpha.StopSshdAsync(sessionsToo: true, Cancellation);
        await cluster.Alpha.PsqlAsync(Locks[0].Out, Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Busy", "the watchdog is locked out");
        await cluster.Service.KillAsync();
        await cluster.Service.DisposeAsync();
        Assert.True(File.Exists(Order(cluster)));
        await cluster.StartServiceAsync();
        await cluster.Alpha.StartSshdAsync(Cancellation);
        await DisarmedAsync(cluster, "the host answers again");
        await GoesOnWithoutStandbyAsync(cluster, "the host answers again");
    }

    /// <summary>The lease can be taken back over SSH alone. While the watchdog waits for that it must not forget to renew it.</summary>
    [Fact]
    public async Task Primary_goes_on_without_its_standby_while_its_host_is_silent_over_ssh()
    {
        await using var cluster = await StartAsync();
        await ArmedAsync(cluster);
        cluster.Alpha.FreezeSshd();
        await GoesOnWithoutStandbyAsync(cluster, "sshd hangs");
        cluster.Alpha.ThawSshd();
    }

    /// <summary>The guard would stop a primary that no standby could replace.</summary>
    [Fact]
    public async Task Lease_is_taken_back_while_no_standby_could_be_promoted()
    {
        await using var cluster = await StartAsync();
        await cluster.Alpha.PsqlAsync("REVOKE EXECUTE ON FUNCTION pg_promote(boolean, integer) FROM pgwatchdog", Cancellation);
        await ArmedAsync(cluster);
        await IsTakenBackAsync("ALTER SYSTEM SET promote_trigger_file = '/tmp/promote'");
        await DoAsync(cluster.Beta, "ALTER SYSTEM RESET promote_trigger_file");
        await ArmedAsync(cluster);
        await IsTakenBackAsync("SELECT pg_wal_replay_pause()");
        Assert.Contains("taking back the lease of alpha's guard: no failover is possible: replay is paused on beta", cluster.Service.Log, StringComparison.Ordinal);
        await cluster.Service.KillAsync();
        await GoesOnWithoutStandbyAsync(cluster, "replay was paused when the watchdog and the standby went");

        async Task IsTakenBackAsync(string obstacle)
        {
            await DoAsync(cluster.Beta, obstacle);
            await DisarmedAsync(cluster, obstacle);
            await cluster.UntilAsync(status => !status.FailoverReady && status.Gates.Contains("NoCandidate"), obstacle);
        }
    }

    /// <summary>Gamma has replayed the REVOKE and not the GRANT. Beta could be promoted, and is not while nobody knows whether gamma hears the primary.</summary>
    [Fact]
    public async Task Lease_is_not_given_while_one_standby_does_not_say_whether_it_hears_the_primary()
    {
        await using var cluster = await StartAsync(gamma: true);
        await ArmedAsync(cluster);
        await cluster.Alpha.PsqlAsync("REVOKE USAGE ON SCHEMA pgwatchdog FROM pgwatchdog", Cancellation);
        await DisarmedAsync(cluster, "no view may be read");
        await cluster.UntilAsync(status => status.Json.Contains("replication views of gamma", StringComparison.Ordinal), "gamma has replayed it");
        await cluster.Gamma.PsqlAsync("SELECT pg_wal_replay_pause()", Cancellation);
        await cluster.Alpha.PsqlAsync("GRANT USAGE ON SCHEMA pgwatchdog TO pgwatchdog", Cancellation);
        await cluster.UntilAsync(status => !status.Gates.Contains("NoCandidate"), "beta could be promoted");
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(6), status =>
        {
            Assert.False(File.Exists(Order(cluster)));
            Assert.Contains("CandidateUnreadable", status.Gates);
        });
        await cluster.Gamma.PsqlAsync("SELECT pg_wal_replay_resume()", Cancellation);
        await ArmedAsync(cluster);
    }

    private static async Task DoAsync(LabHost host, string sql)
    {
        await host.PsqlAsync(sql, Cancellation);
        await host.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
    }

    /// <summary>The rule: the watchdog and all standbys of the lease are away. What happened is told by whatever is asked next.</summary>
    [Fact]
    public async Task Primary_that_its_guard_has_stopped_is_told_with_when_why_and_what_to_do()
    {
        await using var cluster = await StartAsync();
        await ArmedAsync(cluster);
        await cluster.Service.KillAsync();
        await cluster.Service.DisposeAsync();
        await cluster.Beta.StopPostgresAsync(ct: Cancellation);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(
            !cluster.Alpha.PostgresRunning && File.Exists(GuardedCluster.StartBlock(cluster.Alpha))), "the guard stops alpha");
        foreach (var command in new[] { new[] { "check", "main" }, ["setup", "--plan"] })
            AssertTells((await cluster.RunAsync(command)).ToString(), cluster);
        await cluster.StartServiceAsync();
        await cluster.UntilAsync(
            status => status.Json.Contains("the guard of alpha stopped PostgreSQL", StringComparison.Ordinal), "it is told");
        AssertTells((await cluster.RunAsync("status", "main")).ToString(), cluster);
    }

    private static void AssertTells(string output, RunningCluster cluster)
    {
        var words = string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("the guard of alpha stopped PostgreSQL at 20", words, StringComparison.Ordinal);
        Assert.Contains("nobody outside has acknowledged", words, StringComparison.Ordinal);
        Assert.Contains("then start PostgreSQL", words, StringComparison.Ordinal);
        Assert.Contains("pgwatchdog setup main --overwrite alpha", words, StringComparison.Ordinal);
        Assert.True(words.Replace(" ", "", StringComparison.Ordinal).Contains(
            $"rm'{GuardedCluster.StartBlock(cluster.Alpha)}'", StringComparison.Ordinal), words);
    }

    private static Task<RunningCluster> StartAsync(bool gamma = false) => RunningCluster.StartAsync(gamma: gamma, change: section =>
    {
        section["UnreachableThreshold"] = "00:00:05";
        section["GuardTimeToLive"] = TimeToLive.ToString();
        section["Fencing"] = "Required";
    });

    private static string Order(RunningCluster cluster) => cluster.Alpha.DataDirectory + ".pgwatchdog/guard.armed";

    private static Task<ServiceStatus> ArmedAsync(RunningCluster cluster) =>
        cluster.UntilAsync(status => status.Ready("beta") && status.IsGuarded && File.Exists(Order(cluster)), "the guard of alpha is armed");

    private static Task DisarmedAsync(RunningCluster cluster, string why) =>
        SetUpTests.EventuallyAsync(() => Task.FromResult(!File.Exists(Order(cluster))), $"the lease is taken back: {why}");

    private static async Task GoesOnWithoutStandbyAsync(RunningCluster cluster, string why)
    {
        await cluster.Beta.StopPostgresAsync(ct: Cancellation);
        var postmaster = cluster.Alpha.PostmasterPid;
        await RunningCluster.HoldsForAsync(2 * TimeToLive, () =>
        {
            Assert.True(cluster.Alpha.PostmasterPid == postmaster, $"alpha is stopped: {why}");
            return Task.CompletedTask;
        });
        await cluster.Beta.StartPostgresAsync(Cancellation);
        Assert.Equal("f", await cluster.Alpha.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
        Assert.False(File.Exists(GuardedCluster.StartBlock(cluster.Alpha)), $"a start block, and nothing was stopped: {why}");
    }
}
