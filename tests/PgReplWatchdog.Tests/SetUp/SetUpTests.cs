using System.Text;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>`pgwatchdog setup` on two bare servers.</summary>
public sealed class SetUpTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_bare_servers_become_a_primary_and_a_streaming_standby()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);

        Assert.Equal("beta|streaming", await alpha.PsqlAsync("SELECT application_name, state FROM pg_stat_replication", Cancellation));
        Assert.Equal("pgwatchdog_beta|t", await alpha.PsqlAsync("SELECT slot_name, active FROM pg_replication_slots", Cancellation));
        Assert.Equal("t", await beta.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
        await alpha.PsqlAsync("INSERT INTO deed (id) VALUES (1)", Cancellation);
        var position = await alpha.PsqlAsync("SELECT pg_current_wal_lsn()", Cancellation);
        await EventuallyAsync(async () => await beta.PsqlAsync($"SELECT pg_last_wal_replay_lsn() >= '{position}'", Cancellation) == "t", "the row is replayed");
        Assert.Equal("1", await beta.PsqlAsync("SELECT count(*) FROM deed", Cancellation));

        Assert.Equal("SCRAM-SHA-256|t|SCRAM-SHA-256|f", await alpha.PsqlAsync("""
            SELECT string_agg(split_part(rolpassword, '$', 1) || '|' || left(rolreplication::text, 1), '|' ORDER BY rolname DESC)
              FROM pg_authid WHERE rolname IN ('replication', 'pgwatchdog')
            """, Cancellation));
        Assert.Equal("600", await beta.RunAsync($"stat -c %a {beta.DataDirectory}.pgwatchdog/passfile", Cancellation));
        Assert.Contains("passfile=", await beta.PsqlAsync("SHOW primary_conninfo", Cancellation), StringComparison.Ordinal);
        Assert.Equal($"{beta.DataDirectory}.pgwatchdog/promote", await beta.PsqlAsync("SHOW promote_trigger_file", Cancellation));
        Assert.Equal("streaming", await beta.PsqlAsync("SELECT status FROM pg_stat_wal_receiver", Cancellation));
    }

    [Fact]
    public async Task A_second_run_changes_nothing_and_says_so()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        var before = await StateAsync(cluster);
        var again = await cluster.RequireAsync("setup", "main");
        Assert.Contains("Nothing to change", again.Output, StringComparison.Ordinal);
        Assert.Equal(before, await StateAsync(cluster));
        var plan = await cluster.RunAsync("setup", "main", "--plan");
        Assert.Equal(0, plan.ExitCode);
    }

    [Fact]
    public async Task What_others_wrote_into_the_files_stays_byte_for_byte()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var alpha = lab["alpha"];
        byte[] latin = [.. Encoding.ASCII.GetBytes("# geh"), 0xF6, .. Encoding.ASCII.GetBytes("rt dem Hausherrn, kein Zeilenende")];
        var (hba, conf) = (Path.Combine(alpha.DataDirectory, "pg_hba.conf"), Path.Combine(alpha.DataDirectory, "postgresql.conf"));
        byte[] hbaBefore = [.. await File.ReadAllBytesAsync(hba, Cancellation), .. latin];
        byte[] confBefore = [.. await File.ReadAllBytesAsync(conf, Cancellation), .. latin];
        await File.WriteAllBytesAsync(hba, hbaBefore, Cancellation);
        await File.WriteAllBytesAsync(conf, confBefore, Cancellation);

        var setup = await Product.RunAsync(LabConfiguration.Write(lab, lab.WatchdogPort), ["setup"], Cancellation);

        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.EndsWith(Convert.ToHexString(hbaBefore), Convert.ToHexString(await File.ReadAllBytesAsync(hba, Cancellation)), StringComparison.Ordinal);
        Assert.StartsWith(Convert.ToHexString(confBefore), Convert.ToHexString(await File.ReadAllBytesAsync(conf, Cancellation)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stale_trigger_file_does_not_promote_the_new_standby()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var beta = lab["beta"];
        await beta.RunAsync($"mkdir -m 700 {beta.DataDirectory}.pgwatchdog && touch {beta.DataDirectory}.pgwatchdog/promote", Cancellation);
        var setup = await Product.RunAsync(LabConfiguration.Write(lab, lab.WatchdogPort), ["setup"], Cancellation);
        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.Equal("t", await beta.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
        Assert.Equal("1", await beta.PsqlAsync("SELECT timeline_id FROM pg_control_checkpoint()", Cancellation));
    }

    [Fact]
    public async Task A_changed_password_is_set_anew_and_nothing_else()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        await File.WriteAllTextAsync(Path.Combine(cluster.Lab.Directory, "watchdog.secret"), "another one\n", Cancellation);
        var plan = await cluster.RunAsync("setup", "--plan");
        Assert.Equal(2, plan.ExitCode);
        Assert.Contains("set the password of role pgwatchdog", plan.Output, StringComparison.Ordinal);
        Assert.Contains(", 1 steps", plan.Output, StringComparison.Ordinal);
        await cluster.RequireAsync("setup");
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_that_may_be_overwritten_is_moved_aside_not_deleted()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Running = ["alpha", "beta"] }, Cancellation);
        var beta = lab["beta"];
        await beta.PsqlAsync("CREATE TABLE precious AS SELECT 42 AS answer", Cancellation);
        var system = await beta.PsqlAsync("SELECT system_identifier FROM pg_control_system()", Cancellation);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort);

        var refused = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("--overwrite", refused.Error, StringComparison.Ordinal);
        Assert.Equal("42", await beta.PsqlAsync("SELECT answer FROM precious", Cancellation));

        var setup = await Product.RunAsync(configuration, ["setup", "--overwrite", "beta"], Cancellation);
        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.Equal("t", await beta.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
        var aside = Assert.Single(Directory.GetDirectories(beta.Directory, "data.before-pgwatchdog-*"));
        Assert.Contains(system, await beta.RunAsync($"{beta.BinDirectory}/pg_controldata {aside}", Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_accepts_no_connections_and_never_will_is_overwritten_all_the_same()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        var beta = cluster.Beta;
        await beta.RunAsync($"echo 'hot_standby = off' >> {beta.DataDirectory}/postgresql.auto.conf && {beta.BinDirectory}/pg_ctl restart -w -D {beta.DataDirectory} -l {beta.ServerLog} > /dev/null", Cancellation);
        var refused = await Product.RunAsync(cluster.Configuration, ["setup", "--plan"], Cancellation);
        Assert.Contains("run set-up again when it accepts connections", refused.Error, StringComparison.Ordinal);

        var setup = await Product.RunAsync(cluster.Configuration, ["setup", "--overwrite", "beta"], Cancellation);
        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.Equal("t", await beta.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
    }

    internal static async Task EventuallyAsync(Func<Task<bool>> condition, string what)
    {
        using var deadline = new CancellationTokenSource(RunningCluster.Patience);
        while (!await condition())
        {
            Assert.False(deadline.IsCancellationRequested, $"not in time: {what}");
            await Task.WhenAny(Task.Delay(TimeSpan.FromMilliseconds(20), deadline.Token));
        }
    }

    /// <summary>What set-up could have touched: files with their times, processes, catalog.</summary>
    private static async Task<string> StateAsync(RunningCluster cluster)
    {
        var state = new StringBuilder();
        foreach (var host in cluster.Lab.Hosts)
        {
            state.AppendLine(await host.RunAsync($"cd {host.DataDirectory} && stat -c '%n %y %s %a' postgresql.conf pg_hba.conf pgwatchdog.conf postgresql.auto.conf {host.DataDirectory}.pgwatchdog/*", Cancellation));
            state.AppendLine(await host.PsqlAsync("SELECT pg_postmaster_start_time(), pg_conf_load_time()", Cancellation));
        }
        return state.AppendLine(await cluster.Alpha.PsqlAsync("SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL ORDER BY 1; SELECT slot_name FROM pg_replication_slots", Cancellation)).ToString();
    }
}
