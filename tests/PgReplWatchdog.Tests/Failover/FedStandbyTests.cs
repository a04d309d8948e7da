using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>A promotion that was decided, and a standby that some primary feeds by the time it is asked.</summary>
public sealed class FedStandbyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Standby_that_has_received_more_than_when_it_was_elected_is_not_promoted_by_any_means()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        // The walreceiver's title names a position once WAL has come in: after set-up none may have come yet.
        await cluster.Alpha.PsqlAsync("CREATE TABLE fed (n int)", Cancellation);
        await SetUpTests.EventuallyAsync(async () => await cluster.Beta.PsqlAsync("SELECT to_regclass('fed') IS NOT NULL", Cancellation) == "t", "beta has received it");
        var access = InstallationLoader.Load(cluster.Configuration).Clusters[0];
        using var hosts = new SshHosts(access);
        var runner = new ActionRunner(access, hosts, TimeProvider.System);
        foreach (var method in new[] { PromotionMethod.TriggerFile, PromotionMethod.Sql, PromotionMethod.PgCtl })
        {
            var refused = await runner.RunAsync(new WatchdogAction.Promote("beta", method) { Elected = new Lsn(0x1000) }, epoch: 1, Cancellation);
            Assert.False(refused.Succeeded, $"{method}: {refused.Words}");
            Assert.Equal("t", await cluster.Beta.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
            Assert.False(File.Exists(access.Spec.Node("beta").TriggerFile), "a trigger file was left");
        }

        // Its walreceiver streams, and stands where it was elected: the primary may be gone without a word.
        var promoted = await runner.RunAsync(new WatchdogAction.Promote("beta", PromotionMethod.TriggerFile) { Elected = new Lsn(ulong.MaxValue / 2) }, epoch: 1, Cancellation);
        Assert.True(promoted.Succeeded, promoted.Words);
    }
}
