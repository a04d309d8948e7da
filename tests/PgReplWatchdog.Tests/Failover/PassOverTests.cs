using System.Globalization;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>The elected standby cannot be promoted, and another one can.</summary>
public sealed class PassOverTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Candidate_whose_startup_process_hangs_is_stopped_and_the_next_one_promoted()
    {
        await using var cluster = await RunningCluster.StartAsync(gamma: true, change: section =>
        {
            section["HookBefore"] = "/bin/sleep 5"; // time to stop the process when nothing is left to replay: beta is elected by its name
            section["HookTimeout"] = "00:00:20";
        });
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Events.Any(told => told.StartsWith("FailoverDecided", StringComparison.Ordinal)), "the failover is decided");
        await cluster.Beta.RunAsync(string.Create(CultureInfo.InvariantCulture, $"kill -STOP $(pgrep -P {cluster.Beta.PostmasterPid} -f startup)"), Cancellation);

        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "gamma" }, "gamma is primary");
        Assert.True(await cluster.IsPrimaryAsync(cluster.Gamma));
        var events = (await cluster.RequireAsync("events", "main", "--limit", "200", "--json")).Output;
        Assert.Contains("beta has not become primary", events, StringComparison.Ordinal);
        Assert.Contains("beta is stopped and kept from starting", events, StringComparison.Ordinal);
        await cluster.UntilAsync(status => status.Streams("beta") && status.Streams("alpha"), "beta and alpha stream from gamma");
        Assert.Equal("t", await cluster.Beta.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
    }
}
