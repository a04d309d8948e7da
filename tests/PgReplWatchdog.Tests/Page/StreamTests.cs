using System.Net;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using PgReplWatchdog.Page;
using PgReplWatchdog.Tests.Operating;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Page;

/// <summary>Readers of the event stream, fast, slow and many, and a check that hangs: neither waits for the other.</summary>
public sealed class StreamTests
{
    private const int Readers = 200;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_reader_gets_each_change()
    {
        await using var host = await PageHost.StartAsync();
        await using var stream = await host.Http.GetStreamAsync("/clusters/main/stream", Cancellation);
        var pages = SseParser.Create(stream).EnumerateAsync(Cancellation).GetAsyncEnumerator(Cancellation);
        await UntilAsync(pages, "Yes, all nodes are well");
        host.World.See = () => [Looks.Primary(), Looks.Standby(streams: false)];
        await UntilAsync(pages, "beta does not stream");
    }

    [Fact]
    public async Task Who_comes_when_all_others_have_gone_is_not_told_what_was_true_for_them()
    {
        await using var host = await PageHost.StartAsync();
        await using (var first = await host.Http.GetStreamAsync("/clusters/main/stream", Cancellation))
            await UntilAsync(SseParser.Create(first).EnumerateAsync(Cancellation).GetAsyncEnumerator(Cancellation), "Yes, all nodes are well");
        await SetUpTests.EventuallyAsync(() => Task.FromResult(!host.Views.PageOf("main")!.HasReaders), "he has gone");
        host.World.See = () => [Looks.Primary(), Looks.Standby(streams: false)];
        await host.ShowsAsync("/clusters/main", "beta does not stream", "it is another page now");
        await using var second = await host.Http.GetStreamAsync("/clusters/main/stream", Cancellation);
        await foreach (var page in SseParser.Create(second).EnumerateAsync(Cancellation))
        {
            Assert.Contains("beta does not stream", page.Data, StringComparison.Ordinal);
            break;
        }
    }

    [Fact]
    public async Task Many_readers_and_some_that_never_read_keep_no_check_from_coming()
    {
        var world = new PretendedWorld();
        world.See = () => world.Writing(("beta", 0));
        await using var host = await PageHost.StartAsync(world);
        List<Socket> deaf = [];
        try
        {
            for (var index = 0; index < 20; index++)
                deaf.Add(await DeafAsync(host));
            var heard = new int[Readers];
            using var end = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var readers = Enumerable.Range(0, Readers).Select(index => ReadAsync(host, index, heard, end.Token)).ToList();
            await SetUpTests.EventuallyAsync(() => Task.FromResult(heard.All(pages => pages > 0)), "everybody has had a page");
            var before = heard.Sum();
            await host.UntilLooksAsync(30, "checks go on");
            await SetUpTests.EventuallyAsync(() => Task.FromResult(heard.Sum() > before + Readers), "and are seen");
            await end.CancelAsync();
            await Task.WhenAll(readers);
        }
        finally
        {
            deaf.ForEach(socket => socket.Dispose());
        }
    }

    [Fact]
    public async Task There_is_a_limit_to_readers()
    {
        await using var host = await PageHost.StartAsync();
        List<HttpResponseMessage> streams = [];
        try
        {
            while (streams is [] || streams[^1].StatusCode == HttpStatusCode.OK)
            {
                Assert.True(streams.Count <= PgReplWatchdog.Operating.HttpRules.Streams, "there is none");
                streams.Add(await host.Http.GetAsync("/stream", HttpCompletionOption.ResponseHeadersRead, Cancellation));
            }
            Assert.Equal(HttpStatusCode.TooManyRequests, streams[^1].StatusCode);
            Assert.Contains("All clusters", await host.GetAsync("/"), StringComparison.Ordinal);
        }
        finally
        {
            streams.ForEach(stream => stream.Dispose());
        }
    }

    [Fact]
    public async Task While_a_check_hangs_everything_answers_and_the_page_says_how_old_it_is()
    {
        await using var host = await PageHost.StartAsync();
        host.World.Hang();
        await using var stream = await host.Http.GetStreamAsync("/clusters/main/stream", Cancellation);
        await UntilAsync(SseParser.Create(stream).EnumerateAsync(Cancellation).GetAsyncEnumerator(Cancellation), "the last check ended");
        var page = await host.ShowsAsync("/clusters/main", "Not known", "the page is grey");
        Assert.Contains("class=\"stale\"", page, StringComparison.Ordinal);
        Assert.Contains("pgwatchdog_cluster_nodes", await host.GetAsync("/metrics"), StringComparison.Ordinal);
        var status = JsonNode.Parse(await host.GetAsync("/api/v1/status"))!["clusters"]![0]!;
        Assert.Equal((true, false, "Serving"), ((bool)status["stale"]!, (bool)status["failoverReady"]!, (string)status["verdict"]!));
        var ready = JsonNode.Parse(await host.GetAsync("/api/v1/clusters/main/readiness"))!;
        Assert.False((bool)ready["ready"]!);
        Assert.StartsWith("nothing can be said: the last check ended", (string)ready["sentences"]![0]!, StringComparison.Ordinal);
        foreach (var (path, code) in new[] { ("/clusters/main/primary", HttpStatusCode.OK), ("/nodes/beta/replica", HttpStatusCode.ServiceUnavailable) })
        {
            using var role = await host.Http.GetAsync(path, Cancellation); // the record holds; how far a standby is behind is not known any more
            Assert.Equal((path, code), (path, role.StatusCode));
        }
        host.World.GoOn();
        await host.ShowsAsync("/clusters/main", "Yes, all nodes are well", "it is not any more");
    }

    [Fact]
    public async Task A_thousand_scrapes_at_once_are_served_or_refused_and_no_check_waits()
    {
        await using var host = await PageHost.StartAsync();
        var before = host.World.Looks;
        var answers = await Task.WhenAll(Enumerable.Range(0, 1000).Select(async _ =>
        {
            using var answer = await host.Http.GetAsync("/metrics", Cancellation);
            return answer.StatusCode;
        }));
        Assert.Contains(HttpStatusCode.OK, answers);
        Assert.All(answers, answer => Assert.Contains(answer, new[] { HttpStatusCode.OK, HttpStatusCode.TooManyRequests }));
        await SetUpTests.EventuallyAsync(() => Task.FromResult(host.World.Looks > before + 3), "checks go on");
        Assert.Contains("pgwatchdog_cluster_nodes", await host.GetAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_an_action_takes_its_time_what_was_seen_before_it_still_counts()
    {
        var world = new PretendedWorld { See = () => [Looks.Primary(), Looks.Primary("beta")] };
        world.HangAtWork();
        await using var host = await PageHost.StartAsync(world, journal => journal.Append("main", Looks.Known with { NewestTimeline = 2, Replaced = ["beta"] }, []));
        await SetUpTests.EventuallyAsync(() => Task.FromResult(world.AtWork == "Fence"), "the replaced node is being fenced");
        await SetUpTests.EventuallyAsync(async () => (double)JsonNode.Parse(await host.GetAsync("/api/v1/clusters/main"))!["ageSeconds"]! > 3 * PageHost.Policy.LateAfter.TotalSeconds,
            "the last look is long ago");
        Assert.Equal("ok\n", await host.GetAsync("/healthz"));
        Assert.Equal("alpha is the primary\n", await host.GetAsync("/clusters/main/nodes/alpha/primary"));
        Assert.DoesNotContain("class=\"stale\"", await host.GetAsync("/clusters/main"), StringComparison.Ordinal);
        world.GoOn();
        world.Hang();
        await host.ShowsAsync("/clusters/main", "class=\"stale\"", "a look that does not end is told");
    }

    [Fact]
    public void The_last_hour_is_bounded_and_has_the_worst_of_each_step()
    {
        var history = LagHistory.Of(Looks.Spec);
        for (var second = 0; second < 2 * 3600; second++)
            history = history.Add(Looks.Start.AddSeconds(second), Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby(behind: second == 7000 ? 500 : 1)).Decision);
        Assert.Equal((int)(LagHistory.Span / LagHistory.Step), history.Samples.Length);
        Assert.Equal(((long, DateTimeOffset)?)(500L, Looks.Start.AddSeconds(7000)), history.Worst("beta"));
        Assert.Null(history.Worst("alpha"));
        var gap = history.Add(Looks.Start.AddSeconds(7205), Looks.Check(Looks.Known, Looks.Gone(), Looks.Standby()).Decision);
        Assert.Equal([null, null], gap.Samples[^1].ReplayBytes);
    }

    private static async Task ReadAsync(PageHost host, int index, int[] heard, CancellationToken end)
    {
        try
        {
            await using var stream = await host.Http.GetStreamAsync("/clusters/main/stream", end);
            await foreach (var page in SseParser.Create(stream).EnumerateAsync(end))
                heard[index] += page.EventType == "page" && page.Data.Length > 0 ? 1 : 0;
        }
        catch (OperationCanceledException)
        {
            // The test has seen enough.
        }
    }

    /// <summary>Asks, and never takes a byte of the answer; its window is small, so that the service soon has to wait for it.</summary>
    private static async Task<Socket> DeafAsync(PageHost host)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 1024 };
        await socket.ConnectAsync(host.Address.Host, host.Address.Port, Cancellation);
        await socket.SendAsync(Encoding.ASCII.GetBytes("GET /clusters/main/stream HTTP/1.1\r\nHost: x\r\n\r\n"), Cancellation);
        return socket;
    }

    private static async Task UntilAsync(IAsyncEnumerator<SseItem<string>> pages, string text)
    {
        using var deadline = new CancellationTokenSource(RunningCluster.Patience);
        while (await pages.MoveNextAsync().AsTask().WaitAsync(deadline.Token))
        {
            if (pages.Current.Data.Contains(text, StringComparison.Ordinal))
                return;
        }
        Assert.Fail($"the stream ended before it said: {text}");
    }
}
