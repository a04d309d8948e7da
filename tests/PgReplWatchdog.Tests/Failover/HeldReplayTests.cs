using System.Diagnostics;
using System.Globalization;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Tests.Versions;
using HostCommands = PgReplWatchdog.Acting.HostCommands;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>A report on the standby holds its replay, and so its promotion.</summary>
public sealed class HeldReplayTests
{
    private const string Table = "reported";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The lock of ALTER TABLE, and the snapshot of what VACUUM removes.</summary>
    public static IEnumerable<TheoryDataRow<string, string, string>> Cases =>
        from major in Majors.Asked
        from change in new[] { $"ALTER TABLE {Table} ADD COLUMN more int", $"DELETE FROM {Table}; VACUUM {Table}" }
        from delay in new[] { "30s", "-1" } // PostgreSQL's default, and what is usual for reports
        select new TheoryDataRow<string, string, string>(major, change, delay)
            .WidestIf(!Majors.IsDebians(major) || (delay == "-1") != change.StartsWith("ALTER", StringComparison.Ordinal));

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Report_on_the_candidate_is_ended_and_does_not_hold_the_promotion(string major, string change, string delay)
    {
        await using var cluster = await RunningCluster.StartAsync(major: major);
        await cluster.Beta.PsqlAsync($"ALTER SYSTEM SET max_standby_streaming_delay = '{delay}'; SELECT pg_reload_conf()", Cancellation);
        await using var report = await HeldReplay.BeginAsync(cluster.Alpha, cluster.Beta, change, Cancellation);
        await using var writer = new ClientWriter(cluster.Lab.Hosts);
        writer.Start();
        await SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged.Count > 100), "rows are written");

        var killed = Stopwatch.GetTimestamp();
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged[^1].Port == cluster.Beta.PostgresPort), "the client writes to beta");
        await writer.StopAsync();
        var first = writer.Acknowledged.First(row => row.Port == cluster.Beta.PostgresPort);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{major}, {change}, {delay}: first row {Stopwatch.GetElapsedTime(killed, first.Timestamp).TotalSeconds:0.00} s after the kill"));
        Assert.Contains("terminating connection due to administrator command", await report.EndAsync(), StringComparison.Ordinal);
        var account = WriteAccount.Of(writer);
        var lost = await account.LostOnAsync(cluster.Beta, Cancellation);
        Assert.DoesNotContain(lost, row => row.By == cluster.Beta);
        Assert.Empty(account.HolesIn(lost));
        var events = (await cluster.RequireAsync("events", "main", "--limit", "200", "--json")).Output;
        // Some packages come without it: a row on its way may be lost then, and the watchdog says why.
        if (File.Exists(Path.Combine(cluster.Alpha.BinDirectory, "pg_waldump")))
            Assert.Empty(lost);
        else
            Assert.Contains("pg_waldump, which finds the end of the WAL", events, StringComparison.Ordinal);
        Assert.Contains("ended on beta, because they held replay", events, StringComparison.Ordinal);
    }

    /// <summary>A session that waits for another one holds nothing up.</summary>
    [Fact]
    public async Task Sessions_that_do_not_hold_replay_go_on()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var holder = cluster.Beta.TryPsqlAsync("SELECT pg_advisory_lock(1), pg_sleep(600)", stop.Token);
        await SessionsAsync("wait_event = 'PgSleep'");
        var waiter = cluster.Beta.TryPsqlAsync("SELECT pg_advisory_lock(1)", stop.Token);
        await SessionsAsync("wait_event_type = 'Lock'");

        var host = InstallationLoader.Load(cluster.Configuration).Clusters[0].Hosts["beta"];
        Assert.Equal("", await cluster.Beta.RunAsync(HostCommands.EndHeldReplay(host, null), Cancellation));
        await SessionsAsync("wait_event = 'PgSleep'");
        await stop.CancelAsync();
        await Task.WhenAny(Task.WhenAll(holder, waiter));

        Task SessionsAsync(string condition) => SetUpTests.EventuallyAsync(async () => await cluster.Beta.PsqlAsync(
            $"SELECT count(*) FROM pg_stat_activity WHERE {condition}", Cancellation) == "1", condition);
    }

    /// <summary>The primary has removed the WAL from which replay would have to go on; what the standby lacks is further on.</summary>
    [Fact]
    public async Task Rows_of_a_crash_are_salvaged_although_a_report_holds_a_backlog()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        await cluster.Beta.PsqlAsync("ALTER SYSTEM SET max_standby_streaming_delay = -1; SELECT pg_reload_conf()", Cancellation);
        await cluster.Alpha.PsqlAsync("ALTER SYSTEM SET wal_keep_size = 0; SELECT pg_reload_conf(); CREATE TABLE kept (n int)", Cancellation);
        await using var report = await HeldReplay.BeginAsync(cluster.Alpha, cluster.Beta, $"ALTER TABLE {Table} ADD COLUMN more int", Cancellation);
        var held = await cluster.Beta.PsqlAsync("SELECT pg_last_wal_replay_lsn()", Cancellation);
        await SetUpTests.EventuallyAsync(async () =>
        {
            foreach (var statement in new[] { "INSERT INTO kept VALUES (1)", "SELECT pg_switch_wal()", "CHECKPOINT" })
                await cluster.Alpha.PsqlAsync(statement, Cancellation);
            return await cluster.Alpha.PsqlAsync($"SELECT count(*) FROM pg_ls_waldir() WHERE name = pg_walfile_name('{held.Trim()}')", Cancellation) == "0";
        }, "the WAL at the replay position is removed on alpha");

        await cluster.Beta.CutAsync(CutFrom.Host("alpha"), ct: Cancellation);
        await cluster.Alpha.PsqlAsync("INSERT INTO kept SELECT 2 FROM generate_series(1, 1000)", Cancellation);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        Assert.Equal("1000", await cluster.Beta.PsqlAsync("SELECT count(*) FROM kept WHERE n = 2", Cancellation));
    }
}
