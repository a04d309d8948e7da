using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>The replication role's connection limit, encrypted connections, and what a slot may hold.</summary>
public sealed class LimitAndTlsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_replication_role_gets_the_connections_that_it_needs_and_a_limit_is_raised_never_lowered()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        const string Limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'replication'";
        Assert.Equal("6", await cluster.Alpha.PsqlAsync(Limit, Cancellation));
        await cluster.Alpha.PsqlAsync("ALTER ROLE replication CONNECTION LIMIT 1", Cancellation); // the source document's
        Assert.Contains("CONNECTION LIMIT 6", (await cluster.RunAsync("setup", "--plan")).Output, StringComparison.Ordinal);
        await cluster.RequireAsync("setup");
        Assert.Equal("6", await cluster.Alpha.PsqlAsync(Limit, Cancellation));
        await cluster.Alpha.PsqlAsync("ALTER ROLE replication CONNECTION LIMIT 50 PASSWORD 'another'", Cancellation);
        await cluster.RequireAsync("setup");
        Assert.Equal("50", await cluster.Alpha.PsqlAsync(Limit, Cancellation));
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slot_may_hold_so_much_and_no_more_and_a_higher_limit_stays()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, change: section => section["MaxSlotWalKeepSize"] = 2000);
        Assert.Equal("2000MB", await cluster.Alpha.PsqlAsync("SHOW max_slot_wal_keep_size", Cancellation));
        Assert.Equal("2000MB", await cluster.Beta.PsqlAsync("SHOW max_slot_wal_keep_size", Cancellation));
        await cluster.Alpha.PsqlAsync("ALTER SYSTEM SET max_slot_wal_keep_size = '3000MB'", Cancellation);
        await cluster.Alpha.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_tls_required_every_connection_between_the_nodes_and_the_watchdogs_is_encrypted()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort, section => section["Tls"] = "Required");
        var refused = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("ssl = on", refused.Error, StringComparison.Ordinal);

        await alpha.RunAsync($"""
            cd {alpha.DataDirectory} && openssl req -new -x509 -days 2 -nodes -subj /CN=alpha -out server.crt -keyout server.key 2> /dev/null && chmod 0600 server.key
            """, Cancellation);
        await alpha.PsqlAsync("ALTER SYSTEM SET ssl = on", Cancellation);
        await alpha.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        var setup = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.Equal("t", await alpha.PsqlAsync("SELECT s.ssl FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)", Cancellation));

        // By hand, without encryption: not let in.
        var state = $"{beta.DataDirectory}.pgwatchdog";
        var plain = await Assert.ThrowsAsync<LabException>(() => beta.RunAsync(
            $"PGPASSFILE={state}/passfile {beta.BinDirectory}/psql -w 'host={alpha.Address} port={alpha.PostgresPort} user=replication dbname=postgres sslmode=disable' -c 'SELECT 1'", Cancellation));
        Assert.Contains("pg_hba.conf rejects connection", plain.Message, StringComparison.Ordinal);

        await using var service = await Service.StartAsync(configuration, lab.WatchdogPort, ct: Cancellation);
        await service.UntilAsync(status => status.Ready("beta"), "failover is ready", RunningCluster.Patience, Cancellation);
        Assert.Equal("0", await alpha.PsqlAsync("SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE usename = 'pgwatchdog' AND NOT ssl", Cancellation));
        await alpha.KillPostgresAsync(Cancellation);
        await service.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary", RunningCluster.Patience, Cancellation);
        await service.UntilAsync(status => status.Streams("alpha"), "alpha streams from beta", RunningCluster.Patience, Cancellation);
        Assert.Equal("t", await beta.PsqlAsync("SELECT s.ssl FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid)", Cancellation));
    }
}
