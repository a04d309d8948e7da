using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>`pgwatchdog setup --remove`: what set-up left goes, the data and whoever streams it stay.</summary>
public sealed class RemovalTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_standby_goes_on_streaming_by_what_is_the_administrators_now()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);
        await alpha.PsqlAsync("INSERT INTO deed (id) VALUES (1)", Cancellation);
        var started = await StartedAsync(cluster);
        var receiver = await beta.PsqlAsync("SELECT pid FROM pg_stat_wal_receiver", Cancellation);

        var plan = await cluster.RunAsync("setup", "--remove", "--plan");
        Assert.Equal(2, plan.ExitCode);
        Assert.Contains("drop role pgwatchdog", plan.Output, StringComparison.Ordinal);
        Assert.True(File.Exists($"{alpha.DataDirectory}.pgwatchdog/guard"));
        Assert.Contains("go on streaming", (await cluster.RequireAsync("setup", "--remove")).Output, StringComparison.Ordinal);

        Assert.Equal(started, await StartedAsync(cluster));
        Assert.Equal(receiver, await beta.PsqlAsync("SELECT pid FROM pg_stat_wal_receiver", Cancellation));
        Assert.Equal("replication", await alpha.PsqlAsync("SELECT string_agg(rolname, ',') FROM pg_authid WHERE rolname IN ('replication', 'pgwatchdog')", Cancellation));
        Assert.Equal("f", await alpha.PsqlAsync("SELECT has_function_privilege('replication', 'pg_read_binary_file(text)', 'EXECUTE')", Cancellation));
        foreach (var host in cluster.Lab.Hosts)
        {
            Assert.Equal("passfile", await host.RunAsync($"ls -A {host.DataDirectory}.pgwatchdog", Cancellation));
            Assert.Equal("", await host.RunAsync($"pgrep -f {host.DataDirectory}.pgwatchdog/guard || true; ls -d {host.DataDirectory}/*.before-pgwatchdog 2> /dev/null || true", Cancellation));
            Assert.Equal("0", await host.PsqlAsync("SELECT count(*) FROM pg_hba_file_rules WHERE 'pgwatchdog' = ANY (user_name) OR error IS NOT NULL", Cancellation));
        }
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup", "--remove")).Output, StringComparison.Ordinal);

        // A standby that starts anew streams again, and so it does after a primary that starts anew.
        await beta.StopPostgresAsync(ct: Cancellation);
        await alpha.StopPostgresAsync(ct: Cancellation);
        await alpha.StartPostgresAsync(Cancellation);
        await beta.StartPostgresAsync(Cancellation);
        await alpha.PsqlAsync("INSERT INTO deed (id) VALUES (2)", Cancellation);
        await SetUpTests.EventuallyAsync(async () => await beta.PsqlAsync("SELECT count(*) FROM deed", Cancellation) == "2", "the second row is replayed");

        await cluster.RequireAsync("setup");
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);
        await cluster.StartServiceAsync();
        await cluster.UntilAsync(status => status.Ready("beta"), "failover is ready");

        var refused = await cluster.RunAsync("setup", "--remove");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("stop the service", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lone_primary_is_as_it_was_before_set_up_and_set_up_works_again()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        await alpha.RunAsync($"cd {alpha.DataDirectory} && printf '# no end of line' >> postgresql.conf && printf '# nor here' >> pg_hba.conf", Cancellation);
        await alpha.PsqlAsync("CREATE TABLE kept AS SELECT 42 AS answer", Cancellation);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort);
        var before = await AdministratorsAsync(alpha);
        await RequireAsync(configuration, "setup");
        Assert.Equal(before, await AdministratorsAsync(alpha, ".before-pgwatchdog"));
        var started = await alpha.PsqlAsync("SELECT pg_postmaster_start_time()", Cancellation);
        var ofBeta = await beta.RunAsync($"cat {beta.DataDirectory}/postgresql.conf {beta.DataDirectory}/pg_hba.conf {beta.DataDirectory}/pgwatchdog.conf", Cancellation);
        await alpha.PsqlAsync("CREATE TABLE more AS SELECT 43 AS answer", Cancellation);

        await RequireAsync(configuration, "setup", "--remove", "--lone-primary");

        Assert.Equal(before, await AdministratorsAsync(alpha));
        Assert.Equal("", await alpha.RunAsync($"ls -d {alpha.Directory}/*pgwatchdog* {alpha.DataDirectory}/*pgwatchdog* {beta.DataDirectory}.pgwatchdog 2> /dev/null || true", Cancellation));
        Assert.Equal("42|43", await alpha.PsqlAsync("SELECT kept.answer, more.answer FROM kept, more", Cancellation));
        Assert.Equal(started, await alpha.PsqlAsync("SELECT pg_postmaster_start_time()", Cancellation));
        Assert.Equal("0|0|60000", await alpha.PsqlAsync("""
            SELECT (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_roles WHERE rolname IN ('replication', 'pgwatchdog')),
                   (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout')
            """, Cancellation));
        Assert.Null(beta.PostmasterPid);
        Assert.Equal(ofBeta, await beta.RunAsync($"cat {beta.DataDirectory}/postgresql.conf {beta.DataDirectory}/pg_hba.conf {beta.DataDirectory}/pgwatchdog.conf", Cancellation));
        Assert.Contains("Nothing to change", await RequireAsync(configuration, "setup", "--remove", "--lone-primary"), StringComparison.Ordinal);

        await RequireAsync(configuration, "setup");
        await SetUpTests.EventuallyAsync(async () => await beta.PsqlAsync("SELECT count(*) FROM more", Cancellation) == "1", "beta follows again");
        Assert.Contains("Nothing to change", await RequireAsync(configuration, "setup"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, Traits = [Widest.Trait, Widest.Run])]
    [InlineData(true)]
    public async Task Killed_after_every_step_in_turn_it_is_completed_by_the_next_run(bool lonePrimary)
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        string[] remove = ["setup", "--remove", .. lonePrimary ? ["--lone-primary"] : Array.Empty<string>()];
        var interruptions = 0;
        var (first, step) = ("", 1);
        while (await InterruptedSetUpTests.KilledAsync(cluster.Configuration, first, step, remove) is { } begunWith)
        {
            step = begunWith == first ? step + 1 : 2;
            first = begunWith;
            Assert.True(++interruptions < 60, "it gets no further");
        }
        Assert.True(interruptions >= 6, $"only {interruptions} interruptions");
        Assert.Contains("Nothing to change", (await cluster.RequireAsync(remove)).Output, StringComparison.Ordinal);
        // Loaded is what is written.
        Assert.Equal("0", await cluster.Alpha.PsqlAsync("SELECT count(*) FROM pg_roles WHERE rolname = 'pgwatchdog'", Cancellation));
        Assert.Equal(lonePrimary ? "60000" : "5000", await cluster.Alpha.PsqlAsync("SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'", Cancellation));
        Assert.Equal(lonePrimary ? "" : "beta|streaming", await cluster.Alpha.PsqlAsync("SELECT application_name, state FROM pg_stat_replication", Cancellation));
    }

    private static async Task<string> RequireAsync(string configuration, params string[] arguments)
    {
        var result = await Product.RunAsync(configuration, arguments, Cancellation);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output;
    }

    /// <summary>The administrator's files: every byte, and the mode.</summary>
    private static Task<string> AdministratorsAsync(LabHost host, string suffix = "") => host.RunAsync(
        $"cd {host.DataDirectory} && for f in pg_hba.conf postgresql.conf; do stat -c %a:%U $f{suffix}; od -An -v -tx1 $f{suffix}; done", Cancellation);

    private static async Task<string> StartedAsync(RunningCluster cluster) => string.Join(' ', await Task.WhenAll(
        cluster.Lab.Hosts.Select(host => host.PsqlAsync("SELECT pg_postmaster_start_time()", Cancellation))));
}
