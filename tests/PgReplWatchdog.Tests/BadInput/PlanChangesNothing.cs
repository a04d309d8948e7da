using PgReplWatchdog.Lab;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>
/// `setup --plan` cannot change anything: all that is on the hosts, and all that the servers know, is before it as it is after it. Of a running server's directories, which it writes
/// by itself, its configuration and what set-up could put there; and no transaction has had an id, without which nothing can be written.
/// </summary>
[Collection(OnALab.Collection)]
public sealed class PlanChangesNothing
{
    /// <summary>Names, kinds, modes, owners, sizes, times (of change, too), ends of links; then the contents. What the lab itself writes is left out.</summary>
    private const string Listing = """
        cd {0}
        find . {1} \( -path ./jobs -o -path ./ssh/sshd.log -o -path ./run \) -prune -o -printf '%p %y %m %u %g %s %T@ %C@ %l\n' | sort
        find . {1} \( -path ./jobs -o -path ./ssh/sshd.log -o -path ./run \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
        """;

    /// <summary>What a server writes while nobody asks it for anything: data and WAL, statistics, its log.</summary>
    private const string OfTheServer = @"\( -path ./data -o -path ./server.log \) -prune -o";

    private const string Catalogs = """
        SELECT name, setting, sourcefile, sourceline, pending_restart FROM pg_settings WHERE name !~ '^(default_)?transaction_' ORDER BY 1;
        SELECT * FROM pg_authid ORDER BY oid; SELECT * FROM pg_auth_members ORDER BY 1, 2; SELECT * FROM pg_db_role_setting ORDER BY 1, 2;
        SELECT slot_name, slot_type, active FROM pg_replication_slots ORDER BY 1; SELECT oid, proacl FROM pg_proc WHERE proacl IS NOT NULL ORDER BY 1;
        SELECT datname, datacl FROM pg_database ORDER BY 1; SELECT pg_postmaster_start_time(), pg_conf_load_time();
        SELECT pg_is_in_recovery(), CASE WHEN NOT pg_is_in_recovery() THEN pg_snapshot_xmax(pg_current_snapshot()) END;
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_two_bare_servers()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        await ProveAsync(lab, LabConfiguration.Write(lab, lab.WatchdogPort), ExitCode.ChangesPending);
    }

    [Fact]
    public async Task Of_a_cluster_that_is_set_up()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        await ProveAsync(cluster.Lab, cluster.Configuration, ExitCode.Ok);
    }

    [Fact]
    public async Task Of_a_cluster_that_has_drifted()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        await cluster.Beta.StopPostgresAsync(ct: Cancellation);
        await SetUp.SetUpTests.EventuallyAsync(async () => await cluster.Alpha.PsqlAsync("SELECT count(*) FROM pg_replication_slots WHERE active", Cancellation) == "0", "the slot is free");
        await cluster.Alpha.PsqlAsync("SELECT pg_drop_replication_slot('pgwatchdog_beta'); ALTER ROLE pgwatchdog PASSWORD 'another'", Cancellation);
        await cluster.Alpha.RunAsync($"sed -i /pgwatchdog/d {cluster.Alpha.DataDirectory}/postgresql.conf && rm {cluster.Beta.DataDirectory}/pgwatchdog.conf", Cancellation);
        await ProveAsync(cluster.Lab, cluster.Configuration, ExitCode.ChangesPending);
    }

    private static async Task ProveAsync(LabCluster lab, string configuration, int exitCode)
    {
        foreach (var host in lab.Hosts.Where(host => host.PostgresRunning))
        {
            if (await host.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation) == "f")
                await host.PsqlAsync("ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()", Cancellation);
            await SetUp.SetUpTests.EventuallyAsync(async () => await host.PsqlAsync("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum launcher'", Cancellation) == "0",
                "nothing works by itself");
        }
        var before = await EverythingAsync(lab);
        var plan = await Product.RunAsync(configuration, ["setup", "main", "--plan"], Cancellation);
        Assert.True(plan.ExitCode == exitCode, plan.ToString());
        Assert.Equal(before, await EverythingAsync(lab));
    }

    private static async Task<string> EverythingAsync(LabCluster lab)
    {
        var all = new List<string>();
        foreach (var host in lab.Hosts)
        {
            var listing = Listing.Replace("{0}", host.Directory, StringComparison.Ordinal).Replace("{1}", host.PostgresRunning ? OfTheServer : "", StringComparison.Ordinal);
            all.Add(await host.RunAsync(listing, Cancellation));
            if (!host.PostgresRunning)
                continue;
            all.Add(await host.RunAsync($"cd {host.DataDirectory} && stat -c '%n %a %s %y %z' *.conf PG_VERSION postmaster.opts && sha256sum *.conf && ls -a . pg_tblspc pg_replslot", Cancellation));
            all.Add(await host.PsqlAsync(Catalogs, Cancellation));
        }
        return string.Join('\n', all);
    }
}
