using PgReplWatchdog.Configuration;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>A trigger file that a promotion has left behind, and of which no record tells.</summary>
public sealed class LeftTriggerFileTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Standby_that_was_stopped_starts_as_a_standby()
    {
        await using var cluster = await RunningCluster.StartAsync();
        var file = InstallationLoader.Load(cluster.Configuration).Clusters[0].Spec.Node("beta").TriggerFile;
        await cluster.Beta.StopPostgresAsync(ct: Cancellation);
        await File.WriteAllTextAsync(file, "", Cancellation);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(!File.Exists(file)), "the trigger file is removed");
        await cluster.Beta.StartPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "alpha" } && status.Streams("beta"), "beta streams from alpha");
        Assert.Equal("t", await cluster.Beta.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
    }
}
