using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>"Failover ready" is said only where nothing is known that would spoil the failover.</summary>
public sealed class ReadinessTests
{
    private const int Warning = 1; // as monitoring plugins have it

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>The standby's host was installed anew: its host key is another one.</summary>
    [Fact]
    public async Task Candidate_whose_host_does_not_let_the_watchdog_in_is_no_ready_one()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        await cluster.Beta.ReplaceHostKeyAsync(Cancellation);
        await cluster.StartServiceAsync();
        var status = await cluster.UntilAsync(
            status => status.Verdict == "Serving" && status.Gates.Contains("CandidateHostUnreachable"), "beta's host is known to be unusable");
        Assert.False(status.FailoverReady);
        Assert.Contains("pgwatchdog_failover_ready{cluster=\"main\"} 0", await cluster.Service.Http.GetStringAsync("/metrics", Cancellation), StringComparison.Ordinal);
        foreach (var command in new[] { "check", "explain", "status" })
        {
            var said = await cluster.RunAsync(command, "main");
            Assert.Contains("the host of beta", said.Output, StringComparison.Ordinal);
            Assert.Contains("host key", said.Output, StringComparison.Ordinal);
            Assert.True(command != "check" || said.ExitCode == Warning, said.ToString());
        }
    }

    /// <summary>The same postgresql.conf on both nodes, as configuration management writes it: after a failover no commit ends.</summary>
    [Fact]
    public async Task Synchronous_standby_names_that_do_not_follow_the_roles_are_told_before_and_after_a_failover()
    {
        await using var cluster = await RunningCluster.StartAsync();
        foreach (var host in new[] { cluster.Alpha, cluster.Beta })
        {
            await host.RunAsync($"echo \"synchronous_standby_names = 'FIRST 1 (beta)'\" >> {host.DataDirectory}/postgresql.conf", Cancellation);
            await host.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        }
        await cluster.UntilAsync(status => status.Gates.Contains("CandidateCommitsWait") && !status.FailoverReady, "beta's commits would wait");
        const string before = "after a failover to beta commits would wait there: synchronous_standby_names on beta is FIRST 1 (beta)";
        Assert.Contains(before, OneLine(await cluster.RunAsync("setup", "--plan")), StringComparison.Ordinal);
        var check = await cluster.RunAsync("check", "main");
        Assert.Equal(Warning, check.ExitCode);
        Assert.Contains(before, OneLine(check), StringComparison.Ordinal);

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" } && status.Streams("alpha"), "alpha follows beta");
        check = await cluster.RunAsync("check", "main");
        Assert.Equal(Warning, check.ExitCode);
        Assert.Contains("commits on beta wait: synchronous_standby_names is FIRST 1 (beta)", OneLine(check), StringComparison.Ordinal);
    }

    /// <summary>A terminal's line ends where its width does.</summary>
    private static string OneLine(ProductResult result) => string.Join(' ', (result.Output + result.Error).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
