using System.Net;
using System.Net.Sockets;
using System.Text;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>A real HAProxy with the shipped configuration: the watchdog goes and comes, is blind, and is asked nonsense.</summary>
public sealed class ProxyTests
{
    private static readonly TimeSpan LongerThanAllItsChecks = TimeSpan.FromSeconds(5);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_watchdog_that_is_away_takes_nothing_from_clients()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await using var proxy = await ProxyProcess.StartAsync(cluster.Lab, Cancellation);
        await proxy.LeadsToAsync("alpha", Cancellation);
        await SetUpTests.EventuallyAsync(async () => await proxy.UpAsync("replicas", Cancellation) == "beta", "HAProxy has beta up for reads");
        await using var session = await ProxiedSession.OpenAsync(proxy, Cancellation);

        await cluster.Service.KillAsync();
        await HoldsAsync();
        Assert.Equal(cluster.Alpha.PostgresPort, await ProxyProcess.AskAsync(proxy.PrimaryPort, ct: Cancellation));
        Assert.Equal(cluster.Beta.PostgresPort, await ProxyProcess.AskAsync(proxy.ReplicaPort, ct: Cancellation));
        await cluster.StartServiceAsync();
        await HoldsAsync();

        await cluster.Service.DisposeAsync();
        await proxy.RestartAsync(); // it remembers nothing, and nobody says anything: no server is up
        await SetUpTests.EventuallyAsync(async () => await proxy.UpAsync("primary", Cancellation) is "", "HAProxy has no server up");
        await cluster.StartServiceAsync();
        await proxy.LeadsToAsync("alpha", Cancellation);
        Assert.Empty(proxy.TwoUp);

        Task HoldsAsync() => RunningCluster.HoldsForAsync(LongerThanAllItsChecks, StaysAsync);

        async Task StaysAsync()
        {
            await session.WritesAsync();
            Assert.Equal("alpha", await proxy.UpAsync("primary", Cancellation));
        }
    }

    /// <summary>Nonsense gets a comment; a line without end gets nothing.</summary>
    [Fact]
    public async Task Agents_are_answered_in_one_line_whatever_they_ask()
    {
        await using var cluster = await RunningCluster.StartAsync();
        Assert.Equal("down #the primary is alpha\n", await AskAsync("main beta primary\r\n"));
        Assert.Equal("ready up #alpha is the primary\n", await AskAsync("main alpha primary\n"));
        Assert.StartsWith("ready up #beta is a standby", await AskAsync("main beta replica 16777216\n"), StringComparison.Ordinal);
        Assert.StartsWith("ready up #beta is a standby", await AskAsync("main beta replica\n"), StringComparison.Ordinal);
        Assert.Equal("down #alpha does not serve as standby\n", await AskAsync("main alpha replica\n"));
        foreach (var nonsense in (string[])["\n", "GET /\r\n", "main alpha\n", "main alpha primary a b\n", "main beta replica 1MB\n", "main beta replica -1\n", "main alpha boss\n"])
            Assert.StartsWith("#agent-send has to be CLUSTER NODE primary", await AskAsync(nonsense), StringComparison.Ordinal);
        foreach (var stranger in (string[])["GET / HTTP/1.1\r\n", "mian alpha primary\n", "main gamma replica\n", "main \u001b[2Jalpha primary\n"])
            Assert.Equal("#there is no such node in the configuration of pgwatchdog\n", await AskAsync(stranger));
        Assert.Equal("", await AskAsync(new string('x', 2000) + "\n"));
        Assert.Equal("", await AskAsync("main alpha primary")); // no end of the line: it is given up

        async Task<string> AskAsync(string question)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Parse(cluster.Lab.WatchdogAddress), cluster.Lab.AgentPort, Cancellation);
            await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(question), Cancellation);
            using var answer = new StreamReader(client.GetStream());
            try
            {
                return await answer.ReadToEndAsync(Cancellation);
            }
            catch (IOException)
            {
                return ""; // a reset: what was not read is lost with it
            }
        }
    }
}
