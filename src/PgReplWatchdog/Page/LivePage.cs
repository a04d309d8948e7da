using System.Net.ServerSentEvents;

namespace PgReplWatchdog.Page;

/// <summary>
/// A page that changes, for any number of readers: the newest one is written once and each reader takes it when he is ready. A slow one misses some, and nobody waits for him.
/// </summary>
public sealed class LivePage
{
    /// <summary>Something is sent at least so often, for proxies in between, and for a reader who has to know that he still hears the service.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);
    private static readonly byte[] KeepAlive = "event: quiet\ndata: -\n\n"u8.ToArray();

    private readonly Lock joining = new();
    private volatile Frame newest = new("", []);
    private volatile int readers;

    public bool HasReaders => readers > 0;

    /// <summary>What the newest one was written from.</summary>
    public string Version => newest.Version;

    public async Task PublishAsync(string version, string html)
    {
        using var text = new MemoryStream();
        await SseFormatter.WriteAsync(Once(html), text);
        Frame before;
        lock (joining)
            (before, newest) = (newest, new Frame(version, text.ToArray()));
        before.IsReplaced();

        static async IAsyncEnumerable<SseItem<string>> Once(string html)
        {
            await Task.CompletedTask;
            yield return new SseItem<string>(html, "page");
        }
    }

    /// <summary>Sends the page whenever it changes, until the reader goes or the service stops.</summary>
    public async Task StreamAsync(HttpContext context, CancellationToken stopping)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        context.Response.ContentType = "text/event-stream";
        lock (joining)
        {
            if (readers++ == 0)
                newest = new Frame("", []); // written for those who have gone: it says what was true then
        }
        try
        {
            while (true)
            {
                var frame = newest;
                await context.Response.Body.WriteAsync(frame.Text, end.Token);
                await context.Response.Body.FlushAsync(end.Token);
                while (!await frame.IsReplacedWithinAsync(Quiet, end.Token))
                {
                    await context.Response.Body.WriteAsync(KeepAlive, end.Token);
                    await context.Response.Body.FlushAsync(end.Token);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // He has gone, or the service stops.
        }
        finally
        {
            lock (joining)
                readers--;
        }
    }

    private sealed record Frame(string Version, byte[] Text)
    {
        private readonly TaskCompletionSource replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<bool> IsReplacedWithinAsync(TimeSpan time, CancellationToken cancellation)
        {
            try
            {
                await replaced.Task.WaitAsync(time, cancellation);
                return true;
            }
            catch (TimeoutException)
            {
                return false;
            }
        }

        public void IsReplaced() => replaced.SetResult();
    }
}
