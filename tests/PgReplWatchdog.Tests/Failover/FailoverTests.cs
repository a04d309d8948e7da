using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>Real servers die, and the service does what it is for.</summary>
public sealed class FailoverTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_primary_is_replaced_and_fenced_when_it_comes_back()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await using var writer = new ClientWriter(cluster.Lab.Hosts);
        writer.Start();
        await SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged.Count > 100), "rows are written");

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged[^1].Port == cluster.Beta.PostgresPort), "the client writes to beta");
        Assert.True(await cluster.IsPrimaryAsync(cluster.Beta));
        await writer.StopAsync();
        var there = (await cluster.Beta.PsqlAsync("SELECT id FROM deed", Cancellation)).Split('\n').ToHashSet();
        // Asynchronous replication promises nothing for the last rows; all but those must be there.
        var old = writer.Acknowledged.Where(row => row.Port == cluster.Alpha.PostgresPort).SkipLast(50).ToList();
        Assert.All(old, row => Assert.Contains(row.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), there));
        Assert.False(File.Exists($"{cluster.Beta.DataDirectory}.pgwatchdog/promote"), "the trigger file was taken away by the server");

        await cluster.Alpha.StartPostgresAsync(Cancellation);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(!cluster.Alpha.PostgresRunning), "alpha is stopped");
        var status = await cluster.UntilAsync(status => status.Verdict == "Serving", "all is quiet");
        Assert.Contains(status.Events, told => told.StartsWith("FencingDecided: alpha came back as a primary", StringComparison.Ordinal));
        Assert.Equal("beta", status.IntendedPrimary);
        Assert.Contains("pgwatchdog_failovers_total{cluster=\"main\",result=\"succeeded\"} 1", await cluster.Service.Http.GetStringAsync("/metrics", Cancellation), StringComparison.Ordinal);

        // And the way back: set-up makes a standby of it, when a person says that its data may go.
        Assert.Equal(1, (await cluster.RunAsync("setup")).ExitCode);
        await cluster.RequireAsync("setup", "--overwrite", "alpha");
        var healed = await cluster.UntilAsync(status => status.Streams("alpha"), "alpha streams from beta");
        Assert.Contains(healed.Gates, gate => gate == "RecentFailover");
    }

    [Fact]
    public async Task A_standby_that_is_gone_is_no_reason_for_anything()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Beta.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => !status.FailoverReady, "failover is not ready");
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(5), status =>
        {
            Assert.Equal("Serving", status.Verdict);
            Assert.Equal("alpha", status.IntendedPrimary);
            Assert.Contains("CandidateUnreachable", status.Gates);
        });
        Assert.True(await cluster.IsPrimaryAsync(cluster.Alpha));
        await cluster.Beta.StartPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Ready("beta"), "failover is ready again");
    }

    [Fact]
    public async Task A_standby_that_is_gone_when_the_primary_dies_is_not_promoted_blindly()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Beta.StopPostgresAsync(ct: Cancellation);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(5), status => Assert.Equal("alpha", status.IntendedPrimary));
        // The standby comes back and knows nothing of the primary: now it may be promoted, after a threshold of its own testimony.
        await cluster.Beta.StartPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
    }

    [Fact]
    public async Task A_watchdog_killed_in_mid_failover_goes_on_where_it_was()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Beta.StopSshdAsync(sessionsToo: true, Cancellation); // the decision can be made, the promotion cannot
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Events.Any(told => told.StartsWith("FailoverDecided", StringComparison.Ordinal)), "the failover is decided");
        await cluster.Service.KillAsync();
        await cluster.Service.DisposeAsync();
        Assert.False(await cluster.IsPrimaryAsync(cluster.Beta));

        await cluster.Beta.StartSshdAsync(Cancellation);
        await cluster.StartServiceAsync();
        var status = await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        Assert.Single(status.Events, told => told.StartsWith("FailoverDecided", StringComparison.Ordinal));
        Assert.Single(status.Events, told => told.StartsWith("FailoverSucceeded", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_primary_that_serves_again_before_the_promotion_stays_primary()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Beta.StopSshdAsync(sessionsToo: true, Cancellation);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Events.Any(told => told.StartsWith("FailoverDecided", StringComparison.Ordinal)), "the failover is decided");
        await cluster.Alpha.StartPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Events.Any(told => told.StartsWith("FailoverWithdrawn", StringComparison.Ordinal)), "it is withdrawn");
        await cluster.Beta.StartSshdAsync(Cancellation);
        await cluster.UntilAsync(status => status.Ready("beta") && status.IntendedPrimary == "alpha", "all is as before");
        Assert.True(cluster.Alpha.PostgresRunning);
        Assert.False(await cluster.IsPrimaryAsync(cluster.Beta));
    }

    [Fact]
    public async Task Without_automatic_it_says_what_it_would_do_and_does_nothing()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, change: section => section["Automatic"] = false);
        await cluster.StartServiceAsync();
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Down" && status.PrimarySilenceSeconds > 4, "alpha is down for longer than the threshold");
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(3), status => Assert.Equal(["AutomaticOff"], status.Gates));
        Assert.False(await cluster.IsPrimaryAsync(cluster.Beta));
    }
}
