using System.Net;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>The role endpoints of the real service, as load balancers ask them, and a real HAProxy that does.</summary>
public sealed class RoleEndpointTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Load_balancers_are_told_who_is_what_and_an_operator_is_heard()
    {
        await using var cluster = await WatchedAsync();
        foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Head, HttpMethod.Options])
        {
            await AnswersAsync(cluster, method, HttpStatusCode.OK, "/clusters/main/primary", "/nodes/alpha/primary", "/clusters/main/nodes/alpha/primary", "/nodes/beta/replica",
                "/clusters/main/nodes/beta/replica", "/nodes/beta/replica?lag=1048576");
            await AnswersAsync(cluster, method, HttpStatusCode.ServiceUnavailable, "/nodes/beta/primary", "/nodes/alpha/replica", "/clusters/main/nodes/beta/primary");
            await AnswersAsync(cluster, method, HttpStatusCode.NotFound, "/clusters/mian/primary", "/nodes/gamma/primary", "/clusters/main/nodes/gamma/replica");
            await AnswersAsync(cluster, method, HttpStatusCode.BadRequest, "/nodes/beta/replica?lag=1MB", "/nodes/beta/replica?lag=-1", "/nodes/beta/replica?lag=");
        }
        Assert.Equal("the primary is alpha\n", await BodyAsync(cluster, "/nodes/beta/primary"));
        Assert.Contains("there are alpha, beta", await BodyAsync(cluster, "/clusters/main/nodes/gamma/primary"), StringComparison.Ordinal);

        await cluster.RequireAsync("pause", "main");
        await cluster.UntilAsync(status => status.Gates.Contains("Paused"), "the pause is heard");
        await cluster.RequireAsync("resume", "main");
        await cluster.UntilAsync(status => !status.Gates.Contains("Paused"), "the pause is over");
        Assert.Contains("were the primary to fail now", (await cluster.RequireAsync("explain", "main")).Output, StringComparison.Ordinal);
        var events = (await cluster.RequireAsync("events", "main")).Output;
        Assert.Contains("failover is paused by", events, StringComparison.Ordinal);

        await cluster.Alpha.FreezePostgresAsync(Cancellation); // it answers nobody: that is no statement against it
        await cluster.UntilAsync(status => status.Verdict != "Serving", "the watchdog does not see alpha serve");
        await AnswersAsync(cluster, HttpMethod.Get, HttpStatusCode.OK, "/nodes/alpha/primary", "/clusters/main/primary");
        await cluster.Alpha.ThawPostgresAsync();
        await cluster.UntilAsync(status => status.Verdict == "Serving", "alpha serves again");

        await cluster.Service.DisposeAsync();
        await cluster.StartServiceAsync(); // it has not looked yet, or has: the record says the same
        await AnswersAsync(cluster, HttpMethod.Get, HttpStatusCode.OK, "/nodes/alpha/primary", "/clusters/main/primary");
        await AnswersAsync(cluster, HttpMethod.Get, HttpStatusCode.ServiceUnavailable, "/nodes/beta/primary");

        // Each look while it did not answer is there, with the one before: a shorter threshold can be tried on them.
        Assert.Contains("the primary was found failed", (await cluster.RequireAsync("replay", "main", "--threshold", "2s")).Output, StringComparison.Ordinal);
    }

    /// <summary>Two clusters, as they are configured; nobody answers in either.</summary>
    [Fact]
    public async Task A_node_name_that_two_clusters_have_is_asked_for_with_its_cluster()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, change: section =>
        {
            var other = section.DeepClone().AsObject();
            other["Name"] = "spare";
            foreach (var node in other["Nodes"]!.AsArray())
            {
                node!["Port"] = node["Port"]!.GetValue<int>() + 20;
                node["DataDirectory"] = node["DataDirectory"]!.GetValue<string>() + "-spare";
            }
            section.Parent!.AsArray().Add(other);
        }, setUp: ["setup", "main"]);
        await cluster.StartServiceAsync();
        await cluster.UntilAsync(status => status.Verdict == "Serving" && status.Streams("beta"), "main is watched");
        await AnswersAsync(cluster, HttpMethod.Get, HttpStatusCode.Conflict, "/nodes/alpha/primary", "/nodes/beta/replica");
        await AnswersAsync(cluster, HttpMethod.Get, HttpStatusCode.OK, "/clusters/main/nodes/alpha/primary", "/clusters/main/nodes/beta/replica");
        await AnswersAsync(cluster, HttpMethod.Get, HttpStatusCode.ServiceUnavailable, "/clusters/spare/nodes/alpha/primary", "/clusters/spare/primary"); // no primary is known
        Assert.Contains("/clusters/main/nodes/alpha", await BodyAsync(cluster, "/nodes/alpha/primary"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task HAProxy_leads_readers_to_the_standby_and_writers_to_the_primary()
    {
        await using var cluster = await WatchedAsync();
        await using var proxy = await ProxyProcess.StartAsync(cluster.Lab, Cancellation);
        await LeadsToAsync(proxy.PrimaryPort, cluster.Alpha.PostgresPort);
        await LeadsToAsync(proxy.ReplicaPort, cluster.Beta.PostgresPort);
    }

    [Fact]
    public async Task A_client_behind_HAProxy_writes_before_and_after_a_failover_and_never_to_the_old_primary()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await using var proxy = await ProxyProcess.StartAsync(cluster.Lab, Cancellation);
        await LeadsToAsync(proxy.PrimaryPort, cluster.Alpha.PostgresPort);
        await WritesAsync(1, cluster.Alpha.PostgresPort);

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await LeadsToAsync(proxy.PrimaryPort, cluster.Beta.PostgresPort);
        await WritesAsync(2, cluster.Beta.PostgresPort);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(cluster, HttpMethod.Get, "/nodes/alpha/primary"));

        async Task WritesAsync(int row, int port) => Assert.Equal(port, await ProxyProcess.AskAsync(proxy.PrimaryPort,
            $"INSERT INTO deed (id) VALUES ({row}) RETURNING current_setting('port')::int", Cancellation));
    }

    /// <summary>Who is what does not hang on whether a failover would work.</summary>
    private static async Task<RunningCluster> WatchedAsync()
    {
        var cluster = await RunningCluster.StartAsync(service: false);
        await cluster.StartServiceAsync();
        await cluster.UntilAsync(status => status.Verdict == "Serving" && status.Streams("beta"), "the primary serves and beta streams");
        return cluster;
    }

    /// <summary>More than once: it takes its servers by turns.</summary>
    private static Task LeadsToAsync(int port, int server) => SetUpTests.EventuallyAsync(async () =>
    {
        for (var ask = 1; ask <= 4; ask++)
        {
            if (await ProxyProcess.AskAsync(port, ct: Cancellation) != server)
                return false;
        }
        return true;
    }, $"HAProxy leads to {server}");

    private static async Task AnswersAsync(RunningCluster cluster, HttpMethod method, HttpStatusCode code, params string[] paths)
    {
        foreach (var path in paths)
        {
            var answer = await StatusAsync(cluster, method, path);
            Assert.True(answer == code, answer == code ? "" : $"{method} {path}: {answer}, {await BodyAsync(cluster, path)}");
        }
    }

    private static async Task<HttpStatusCode> StatusAsync(RunningCluster cluster, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        using var answer = await cluster.Service.Http.SendAsync(request, Cancellation);
        return answer.StatusCode;
    }

    private static async Task<string> BodyAsync(RunningCluster cluster, string path)
    {
        using var answer = await cluster.Service.Http.GetAsync(path, Cancellation);
        return await answer.Content.ReadAsStringAsync(Cancellation);
    }
}
