using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>Each host keeps the last role change, and a watchdog with an older record recognises it.</summary>
public sealed class StateDirectoryFromABackupTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Old_record_is_recognised_by_the_hosts()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        await cluster.StartServiceAsync();
        await MarkedAsync(cluster, "1 alpha");
        await cluster.Service.KillAsync();
        // As if beta had been the primary for an epoch since, and is out of sight.
        await cluster.Alpha.RunAsync($"echo 5 beta > {Mark(cluster.Alpha.DataDirectory)}", Cancellation);
        await cluster.StartServiceAsync();
        await cluster.UntilAsync(status => status.Verdict == "Serving" && status.Gates.Contains("RecordIsOld"), "the record is found to be old");
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Unknown", "alpha has failed, by an old record");
        await RunningCluster.HoldsForAsync(TimeSpan.FromSeconds(3),
            async () => Assert.False(await cluster.IsPrimaryAsync(cluster.Beta)));
        await cluster.Alpha.StartPostgresAsync(Cancellation);

        await cluster.UntilAsync(status => status.Verdict == "Serving", "alpha serves again");
        await cluster.RequireAsync("adopt", "main", "alpha", "--yes");
        await MarkedAsync(cluster, "6 alpha");
        await cluster.UntilAsync(status => status.Ready("beta"), "failover is ready");
    }

    private static async Task MarkedAsync(RunningCluster cluster, string mark)
    {
        foreach (var host in cluster.Lab.Hosts)
        {
            await SetUpTests.EventuallyAsync(
                async () => await host.RunAsync($"cat {Mark(host.DataDirectory)} 2> /dev/null || true", Cancellation) == mark, $"{host.Name} has {mark}");
        }
    }

    private static string Mark(string dataDirectory) => dataDirectory + ".pgwatchdog/epoch";
}
