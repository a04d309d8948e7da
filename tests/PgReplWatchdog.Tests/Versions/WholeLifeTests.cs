using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Versions;

/// <summary>What the product does in a cluster's life, on each major version: set-up, watching, failover, return, and every means of promotion that the version has.</summary>
public sealed class WholeLifeTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Majors.Others), MemberType = typeof(Majors))]
    public async Task Set_up_from_bare_fails_over_and_takes_the_old_primary_back(string major)
    {
        // Failover is ready only with the guard armed, where the version can have one.
        await using var cluster = await RunningCluster.StartAsync(major: major, change: section =>
        {
            if (!Majors.Version(major).HasGuard)
                return;
            section["Fencing"] = "Required";
            section["GuardTimeToLive"] = "00:00:03";
            section["UnreachableThreshold"] = "00:00:05";
        });
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup", "--plan")).Output, StringComparison.Ordinal);

        await cluster.Alpha.PsqlAsync("CREATE TABLE kept AS SELECT 'still here' AS what", Cancellation);
        await cluster.UntilAsync(status => status.Ready("beta"), "beta has all of it");
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Serving" && status.IntendedPrimary == "beta", "beta is the primary");
        Assert.Equal("still here", await cluster.Beta.PsqlAsync("SELECT what FROM kept", Cancellation));
        await cluster.Beta.PsqlAsync("INSERT INTO kept VALUES ('and this')", Cancellation);
        await SetUpTests.EventuallyAsync(async () => await cluster.Alpha.TryPsqlAsync("SELECT count(*) FROM kept WHERE pg_is_in_recovery()", Cancellation) == "2", "alpha follows beta");
        await cluster.UntilAsync(status => status.Streams("alpha"), "alpha is back");
    }

    [Theory]
    [MemberData(nameof(Majors.Others), MemberType = typeof(Majors))]
    public async Task Each_means_of_promotion_that_it_has_makes_a_primary(string major)
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, major: major);
        var access = InstallationLoader.Load(cluster.Configuration).Clusters[0];
        using var hosts = new SshHosts(access);
        var runner = new ActionRunner(access, hosts, TimeProvider.System);
        var (primary, standby) = (cluster.Alpha, cluster.Beta);
        foreach (var method in Methods(Majors.Version(major)))
        {
            var outcome = await runner.RunAsync(new WatchdogAction.Promote(standby.Name, method), epoch: 1, Cancellation);
            Assert.True(outcome.Succeeded, $"{method}: {outcome.Words}");
            Assert.True(await standby.IsPrimaryAsync(Cancellation), $"{method} has made no primary");
            await cluster.RequireAsync("setup", "--overwrite", primary.Name);
            (primary, standby) = (standby, primary);
            Assert.Equal("t", await standby.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
        }
    }

    private static IEnumerable<PromotionMethod> Methods(PostgresVersion version) =>
    [
        .. version.HasTriggerFile ? [PromotionMethod.TriggerFile] : Array.Empty<PromotionMethod>(),
        .. version.HasPromoteFunction ? [PromotionMethod.Sql] : Array.Empty<PromotionMethod>(),
        PromotionMethod.PgCtl,
    ];
}
