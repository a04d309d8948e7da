using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>"Failover ready" is said only where nothing is known that would spoil the failover.</summary>
public sealed class ReadinessTests
{
    private const int Warning = 1; // as monitoring plugins have it

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The host was installed anew: its host key is another one.</summary>
    [Theory]
    [InlineData("alpha", "PrimaryHostUnreachable")]
    [InlineData("beta", "CandidateHostUnreachable")]
    public async Task Host_that_does_not_let_the_watchdog_in_is_no_ready_one(string node, string gate)
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        await cluster.Lab[node].ReplaceHostKeyAsync(Cancellation);
        await cluster.StartServiceAsync();
        var status = await cluster.UntilAsync(
            status => status.Verdict == "Serving" && status.Gates.Contains(gate), $"{node}'s host is known to be unusable");
        Assert.False(status.FailoverReady);
        Assert.Contains("pgwatchdog_failover_ready{cluster=\"main\"} 0", await cluster.Service.Http.GetStringAsync("/metrics", Cancellation), StringComparison.Ordinal);
        foreach (var command in new[] { "check", "explain", "status" })
        {
            var said = await cluster.RunAsync(command, "main");
            Assert.Contains($"the host of {node}", said.Output, StringComparison.Ordinal);
            Assert.Contains("host key", said.Output, StringComparison.Ordinal);
            Assert.True(command != "check" || said.ExitCode == Warning, said.ToString());
        }
    }

    /// <summary>What set-up wrote is gone, not read, or overridden: a failover that rests on the guard could not detach the standby.</summary>
    [Fact]
    public async Task Standby_that_does_not_follow_what_setup_wrote_is_no_ready_one()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        var (data, managed) = (cluster.Beta.DataDirectory, cluster.Beta.DataDirectory + "/pgwatchdog.conf");
        (string Spoil, string Mend, string Says)[] obstacles =
        [
            ($"mv {managed} {managed}.away", $"mv {managed}.away {managed}", "there is no pgwatchdog.conf in its data directory"),
            ($"sed -i.away '/pgwatchdog.conf/d' {data}/postgresql.conf", $"mv {data}/postgresql.conf.away {data}/postgresql.conf", "its postgresql.conf does not include pgwatchdog.conf"),
            ($"echo \"primary_conninfo = ''\" >> {data}/postgresql.auto.conf", $"sed -i '$d' {data}/postgresql.auto.conf", "ALTER SYSTEM has set primary_conninfo"),
        ];
        foreach (var (spoil, mend, says) in obstacles)
        {
            Assert.DoesNotContain("cannot be detached", OneLine(await cluster.RunAsync("check", "main")), StringComparison.Ordinal);
            await cluster.Beta.RunAsync(spoil, Cancellation);
            var check = await cluster.RunAsync("check", "main");
            Assert.Equal(Warning, check.ExitCode);
            Assert.Contains($"beta cannot be detached from its primary: {says}", OneLine(check), StringComparison.Ordinal);
            await cluster.Beta.RunAsync(mend, Cancellation);
        }
    }

    /// <summary>A monitoring plugin that runs it is yellow as long as the service is not ready, and no longer.</summary>
    [Fact]
    public async Task Check_goes_by_what_operators_have_asked_for()
    {
        await using var cluster = await RunningCluster.StartAsync(change: section => section["MinimumInterval"] = "01:00:00");
        await cluster.RequireAsync("pause", "main");
        var check = await cluster.RunAsync("check", "main");
        Assert.Equal(Warning, check.ExitCode);
        Assert.Contains("failover is paused", OneLine(check), StringComparison.Ordinal);
        await cluster.RequireAsync("resume", "main");

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" } && status.Streams("alpha"), "alpha follows beta");
        check = await cluster.RunAsync("check", "main");
        Assert.Equal(Warning, check.ExitCode);
        Assert.Contains("MinimumInterval", OneLine(check), StringComparison.Ordinal);
        await cluster.RequireAsync("acknowledge", "main");
        await cluster.UntilAsync(status => status.FailoverReady && status.Ready("alpha"), "the next failover is ready");
        await cluster.RequireAsync("check", "main");
    }

    /// <summary>The same postgresql.conf on both nodes, as configuration management writes it: after a failover no commit ends.</summary>
    [Fact]
    public async Task Synchronous_standby_names_that_do_not_follow_the_roles_are_told_before_and_after_a_failover()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await SetAsync(cluster.Alpha, "FIRST 1 (beta)");
        await WarnedAsync("after a failover to beta replication would be asynchronous");
        await SetAsync(cluster.Beta, "FIRST 1 (beta)");
        await cluster.UntilAsync(status => status.Gates.Contains("CandidateCommitsWait") && !status.FailoverReady, "beta's commits would wait");
        const string before = "after a failover to beta commits would wait there: synchronous_standby_names on beta is FIRST 1 (beta)";
        Assert.Contains(before, OneLine(await cluster.RunAsync("setup", "--plan")), StringComparison.Ordinal);
        await WarnedAsync(before);

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" } && status.Streams("alpha"), "alpha follows beta");
        await WarnedAsync("commits on beta wait: synchronous_standby_names is FIRST 1 (beta)");
        await SetAsync(cluster.Beta, "");
        await WarnedAsync("replication from beta is asynchronous: synchronous_standby_names is FIRST 1 (beta) on alpha and empty on beta");

        async Task SetAsync(LabHost host, string names)
        {
            await host.RunAsync($"echo \"synchronous_standby_names = '{names}'\" >> {host.DataDirectory}/postgresql.conf", Cancellation);
            await host.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        }

        async Task WarnedAsync(string warning)
        {
            await cluster.UntilAsync(status => status.Json.Contains(warning, StringComparison.Ordinal), warning);
            var check = await cluster.RunAsync("check", "main");
            Assert.Equal(Warning, check.ExitCode);
            Assert.Contains(warning, OneLine(check), StringComparison.Ordinal);
        }
    }

    /// <summary>A terminal's line ends where its width does.</summary>
    private static string OneLine(ProductResult result) => string.Join(' ', (result.Output + result.Error).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
