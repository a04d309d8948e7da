using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Scheduling;

/// <summary>A rack falls silent: nobody there answers, by SQL or SSH. The clusters beside it are checked, and fail over, as if they were alone.</summary>
public sealed class SilentClustersTests
{
    private const int Silent = 30;
    private const string Second = "second";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_clusters_fail_over_at_once_beside_thirty_silent_ones()
    {
        using var silence = new TcpListener(IPAddress.Any, 0);
        silence.Start(backlog: 4096); // the kernel accepts, and nobody ever says a word
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha", "beta", "gamma", "delta"], Running = ["alpha", "gamma"] }, Cancellation);
        var configuration = LabConfiguration.Write(
            lab, lab.WatchdogPort, cluster => AddClusters(cluster, ((IPEndPoint)silence.LocalEndpoint).Port));
        foreach (var cluster in new[] { LabConfiguration.ClusterName, Second })
        {
            var result = await Product.RunAsync(configuration, ["setup", cluster], Cancellation);
            Assert.True(result.ExitCode == 0, result.ToString());
        }

        await using var service = await Service.StartAsync(configuration, lab.WatchdogPort, ct: Cancellation);
        await UntilBothAsync(service, status => status.FailoverReady, "failover is ready");
        await RunningCluster.HoldsForAsync(TimeSpan.FromSeconds(10), async () =>
        {
            if (await service.StatusAsync(Cancellation) is { } status)
                Assert.False(status.IsStale || status.Of(Second).IsStale, status.Json);
        });
        await Task.WhenAll(lab["alpha"].KillPostgresAsync(Cancellation), lab["gamma"].KillPostgresAsync(Cancellation));
        await UntilBothAsync(service, status => status is { Verdict: "Serving", IntendedPrimary: "beta" or "delta" }, "both have failed over");
        await UntilBothAsync(service, status => status.Streams(status.IntendedPrimary == "beta" ? "alpha" : "gamma"), "both old primaries are standbys");
    }

    private static Task<ServiceStatus> UntilBothAsync(Service service, Func<ServiceStatus, bool> condition, string what) =>
        service.UntilAsync(status => condition(status) && condition(status.Of(Second)), what, RunningCluster.Patience, Cancellation);

    /// <summary>The lab's first two hosts are one cluster, the other two a second one; the rest is silent.</summary>
    private static void AddClusters(JsonObject main, int silentPort)
    {
        main["UnreachableThreshold"] = "00:00:03";
        main["GuardTimeToLive"] = "00:00:00";
        main["Fencing"] = "BestEffort";
        var nodes = main["Nodes"]!.AsArray().Select(node => node!.DeepClone()).ToList();
        var clusters = main.Parent!.AsArray();
        main["Nodes"] = new JsonArray([.. nodes.Take(2)]);
        clusters.Add(Named(Second, [.. nodes.Skip(2)]));
        for (var number = 1; number <= Silent; number++)
            clusters.Add(Named($"silent{number}", [Pretended("one", number, 1), Pretended("two", number, 2)]));

        JsonNode Named(string name, JsonNode[] members)
        {
            var cluster = main.DeepClone();
            (cluster["Name"], cluster["Nodes"]) = (name, new JsonArray(members));
            return cluster;
        }

        JsonNode Pretended(string name, int cluster, int node)
        {
            var pretended = nodes[0].DeepClone();
            (pretended["Name"], pretended["Host"]) = (name, $"127.77.{cluster}.{node}");
            (pretended["Port"], pretended["SshPort"]) = (silentPort, silentPort);
            return pretended;
        }
    }
}
