using System.Net;
using System.Net.Sockets;
using System.Text;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Page;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>Clients that connect and say nothing, that read slowly, and that look at pages, all at once: health checks are answered.</summary>
public sealed class HttpLoadTests
{
    private const int Idle = 2_000;
    private const int Slow = 10;
    private const int Streams = 500;
    private const int Events = 1_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Health_checks_are_answered_whatever_readers_do()
    {
        await using var host = await PageHost.StartAsync(health: true, remember: journal => Fill(journal));
        using var checks = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero }) { BaseAddress = host.Health, Timeout = RunningCluster.Patience };
        var clients = new List<Socket>();
        try
        {
            for (var client = 0; client < Slow; client++)
                clients.Add(await AskAsync(host.Http.BaseAddress!, "/api/v1/events?limit=1000"));
            for (var client = 0; client < Streams; client++)
                clients.Add(await AskAsync(host.Http.BaseAddress!, "/stream"));
            for (var client = 0; client < Idle; client++)
                clients.Add(await ConnectAsync(host.Http.BaseAddress!));
            var longest = TimeSpan.Zero;
            foreach (var path in new[] { "/healthz", "/metrics", "/clusters/main/primary", "/nodes/alpha/primary" })
            {
                for (var time = 0; time < 20; time++)
                {
                    var asked = TimeProvider.System.GetTimestamp();
                    Assert.Equal(HttpStatusCode.OK, (await checks.GetAsync(path, Cancellation)).StatusCode);
                    longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, TimeProvider.System.GetElapsedTime(asked).Ticks));
                }
            }
            TestContext.Current.TestOutputHelper?.WriteLine($"a health check took {longest.TotalMilliseconds:0.0} ms at most");
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
        await host.ShowsAsync("/", "All clusters", "readers are answered again");
    }

    [Fact]
    public async Task Answers_that_are_read_slowly_keep_nobody_waiting()
    {
        await using var host = await PageHost.StartAsync(remember: journal => Fill(journal));
        var clients = new List<Socket>();
        try
        {
            for (var client = 0; client < 4 * Slow; client++)
                clients.Add(await AskAsync(host.Http.BaseAddress!, "/api/v1/events?limit=1000"));
            for (var time = 0; time < 20; time++)
                Assert.Contains("main", await host.GetAsync("/api/v1/status"), StringComparison.Ordinal);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task Client_that_says_nothing_is_sent_away_and_one_cannot_have_all_connections()
    {
        await using var host = await PageHost.StartAsync(health: true);
        var clients = new List<Socket>();
        try
        {
            for (var client = 0; client < 300; client++)
                clients.Add(await ConnectAsync(host.Health!));
            await SetUpTests.EventuallyAsync(() => Task.FromResult(clients.Skip(250).All(HasEnded)), "those beyond the limit are sent away");
            await SetUpTests.EventuallyAsync(() => Task.FromResult(clients.All(HasEnded)), "all are sent away");
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task Nothing_but_health_is_answered_at_its_address()
    {
        await using var host = await PageHost.StartAsync(health: true);
        using var client = new HttpClient { BaseAddress = host.Health };
        foreach (var path in new[] { "/healthz", "/metrics", "/clusters/main/primary" })
        {
            using var question = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = "balancer.example" } };
            Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(question, Cancellation)).StatusCode);
        }
        foreach (var path in new[] { "/", "/api/v1/status", "/clusters/main", "/stream", "/api/v1/events", "/assets/page.js" })
            Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync(path, Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await client.PostAsync("/api/v1/clusters/main/pause", null, Cancellation)).StatusCode);
    }

    private static void Fill(IJournal journal) => journal.Append("main", ClusterMemory.Empty,
        [.. Enumerable.Range(0, Events).Select(number => new JournalEntry(DateTimeOffset.UnixEpoch, EventKind.VerdictChanged, new string('x', 400)))]);

    private static bool HasEnded(Socket client) => !client.Connected || client.Poll(0, SelectMode.SelectRead);

    /// <summary>Asks, and takes nothing of the answer.</summary>
    private static async Task<Socket> AskAsync(Uri address, string path)
    {
        var client = await ConnectAsync(address);
        await client.SendAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: {address.Authority}\r\n\r\n"), Cancellation);
        return client;
    }

    private static async Task<Socket> ConnectAsync(Uri address)
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        try
        {
            await client.ConnectAsync(address.Host, address.Port, Cancellation);
        }
        catch (SocketException sentAway) when (sentAway.SocketErrorCode == SocketError.ConnectionReset)
        {
            // One connection too many.
        }
        return client;
    }
}
