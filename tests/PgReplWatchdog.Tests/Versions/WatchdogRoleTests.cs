using Npgsql;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;

namespace PgReplWatchdog.Tests.Versions;

/// <summary>What the watchdog's role may do on a server, and what it may not.</summary>
public sealed class WatchdogRoleTests
{
    private const string InsufficientPrivilege = "42501";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Majors.Others), MemberType = typeof(Majors))]
    public async Task Role_sees_what_a_check_reads_and_nothing_else(string major)
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, major: major);
        var (alpha, version) = (cluster.Alpha, Majors.Version(major));
        var access = InstallationLoader.Load(cluster.Configuration).Clusters[0];
        Assert.Equal("20", await alpha.PsqlAsync("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'pgwatchdog'", Cancellation));
        await alpha.PsqlAsync("CREATE TABLE data AS SELECT 'secret' AS word", Cancellation);
        if (version.Number >= 90600)
        {
            var flush = version.Number >= 170000 ? ", boolean" : "";
            await alpha.PsqlAsync($"REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text{flush}) FROM PUBLIC", Cancellation);
            await alpha.PsqlAsync($"REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, bytea{flush}) FROM PUBLIC", Cancellation);
        }
        var other = alpha.PsqlAsync("/* secret */ SELECT pg_sleep(5)", Cancellation);
        await using var session = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = alpha.Address,
            Port = alpha.PostgresPort,
            Database = "postgres",
            Username = "pgwatchdog",
            Password = access.WatchdogPassword.Reveal(),
            Pooling = false,
        }.ConnectionString);
        await session.OpenAsync(Cancellation);

        await SetUp.SetUpTests.EventuallyAsync(async () => await alpha.PsqlAsync("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '/* secret%'", Cancellation) == "1", "it is under way");
        Assert.Equal(0L, await AskAsync("SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE query LIKE '/* secret%'"));
        Assert.Equal(0L, await AskAsync("SELECT count(*) FROM pgwatchdog.pg_stat_activity AS one WHERE row_to_json(one)::text LIKE '%secret%' OR application_name = 'psql'"));
        foreach (var refused in new[]
        {
            "SELECT * FROM data", "INSERT INTO data VALUES ('mine')", "CREATE TABLE pgwatchdog.mine (word text)", "SELECT * FROM pg_authid", "CREATE OR REPLACE VIEW pgwatchdog.pg_stat_activity AS SELECT 1",
            "SELECT pg_read_file('PG_VERSION')", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename <> current_user",
        })
            Assert.Equal(InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => AskAsync(refused))).SqlState);
        if (version.Number >= 90600)
        {
            Assert.Equal(InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => AskAsync("SELECT pg_catalog.pg_logical_emit_message(false, 'mine', 'mine')"))).SqlState);
            var position = version.HasNamesOfToday ? "pg_current_wal_insert_lsn() - '0/0'" : "pg_current_xlog_insert_location() - '0/0'";
            var before = decimal.Parse(await alpha.PsqlAsync($"SELECT {position}", Cancellation), System.Globalization.CultureInfo.InvariantCulture);
            await AskAsync("SELECT pgwatchdog.pg_logical_emit_message(false, 'mine', repeat('x', 10000000))::text");
            var after = decimal.Parse(await alpha.PsqlAsync($"SELECT {position}", Cancellation), System.Globalization.CultureInfo.InvariantCulture);
            Assert.InRange(after - before, 1, 1_000_000);
        }
        await other;

        async Task<object?> AskAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, session);
            return await command.ExecuteScalarAsync(Cancellation);
        }
    }

    /// <summary>The role as set-up made it before there was the schema.</summary>
    [Theory]
    [MemberData(nameof(Majors.Others), MemberType = typeof(Majors))]
    public async Task Cluster_of_an_older_set_up_is_watched_and_its_role_loses_the_old_rights(string major)
    {
        Assert.SkipUnless(Majors.Version(major).HasNamesOfToday, "before 10 there was the schema");
        await using var cluster = await RunningCluster.StartAsync(service: false, major: major);
        var seen = await LookAsync(cluster);
        await cluster.Alpha.PsqlAsync("DROP SCHEMA pgwatchdog CASCADE; GRANT pg_read_all_stats TO pgwatchdog; ALTER ROLE pgwatchdog CONNECTION LIMIT -1", Cancellation);
        await SetUp.SetUpTests.EventuallyAsync(async () => await cluster.Beta.PsqlAsync("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgwatchdog'", Cancellation) == "0", "beta has replayed that");
        Assert.Equal(seen, await LookAsync(cluster));

        Assert.Contains("revoke pg_read_all_stats", (await cluster.RunAsync("setup", "main", "--plan")).Output, StringComparison.Ordinal);
        await cluster.RequireAsync("setup", "main");
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup", "main")).Output, StringComparison.Ordinal);
        Assert.Equal("f", await cluster.Alpha.PsqlAsync("SELECT pg_has_role('pgwatchdog', 'pg_read_all_stats', 'MEMBER')", Cancellation));
        await SetUp.SetUpTests.EventuallyAsync(async () => await cluster.Beta.PsqlAsync("SELECT count(*) FROM pg_namespace WHERE nspname = 'pgwatchdog'", Cancellation) == "1", "beta has replayed that");
        Assert.Equal(seen, await LookAsync(cluster));

        await cluster.Alpha.PsqlAsync("DROP SCHEMA pgwatchdog CASCADE", Cancellation);
        await cluster.RequireAsync("setup", "main");
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup", "main")).Output, StringComparison.Ordinal);
    }

    /// <summary>What a check sees that a plain role does not, as text; without what differs from one check to the next.</summary>
    private static async Task<string> LookAsync(RunningCluster cluster)
    {
        var access = InstallationLoader.Load(cluster.Configuration).Clusters[0];
        access = access with { Spec = access.Spec with { Owner = "0123abcd" } };
        using var hosts = new SshHosts(access);
        await using var prober = new PostgresProber(access, hosts, TimeProvider.System);
        ClusterObservation observation = null!;
        await SetUp.SetUpTests.EventuallyAsync(async () =>
        {
            observation = await prober.ObserveAsync(new Inquiry("alpha", Suspicious: false, []), Cancellation);
            return observation.Nodes.All(node => node.Server is { WalReceiver: null or { UpstreamEnd: not null, LastMessageAge: not null }, Watchdogs: not [] });
        }, "the walreceiver has heard its primary, and the session sees itself");
        return string.Join('\n', observation.Nodes.OrderBy(node => node.Node).Select(node =>
        {
            var server = node.Server!;
            Assert.True(server.WalSenders.All(sender => sender.SentLsn is not null && sender.FlushLsn is not null));
            return $"{node.Node} {node.Reach} {server.Role} {server.ReadsStatistics} {server.Timeline} {server.MayPromote} {server.WalReceiver?.Status} {server.WalReceiver?.Upstream} "
                + $"watchdogs {server.Watchdogs.Length} {server.Watchdogs.All(one => one.FromHere)} "
                + $"{string.Join(',', server.WalSenders.Select(sender => $"{sender.ApplicationName} {sender.State} {sender.SyncState}"))} {string.Join(',', server.Slots.Select(slot => $"{slot.Name} {slot.Active}"))}";
        }));
    }
}
