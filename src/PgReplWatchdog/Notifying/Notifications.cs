using System.Threading.Channels;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Metrics;

namespace PgReplWatchdog.Notifying;

/// <summary>
/// Finds out what there is to tell of what the checks have left with the <see cref="Notifier"/>, and sends it: a loop an address, so that one which does not answer holds up no
/// other.
/// </summary>
public sealed class Notifications : BackgroundService
{
    /// <summary>Messages that wait for a webhook: those of some hundred failovers.</summary>
    public const int QueueLimit = 512;

    /// <summary>Where a loop ended by a bug: there is no hurry to run into it again.</summary>
    private static readonly TimeSpan PauseAfterBug = TimeSpan.FromMinutes(1);

    private readonly Destinations destinations;
    private readonly WatchedClusters clusters;
    private readonly NotificationOptions options;
    private readonly ILogger logger;
    private readonly List<Func<CancellationToken, Task>> loops = [];

    /// <summary>One place each: it says that something is new, not what.</summary>
    private readonly List<Channel<bool>> changes = [];
    private readonly Channel<Notice>? news;
    private volatile ImmutableDictionary<string, ClusterNotices> notices = ImmutableDictionary<string, ClusterNotices>.Empty;

    public Notifications(Installation installation, Notifier notifier, WatchedClusters clusters, WatchdogMetrics metrics, ILogger<Notifications> logger)
        : this(installation, notifier, clusters, metrics, logger, Destinations.UsualRefresh)
    {
    }

    internal Notifications(Installation installation, Notifier notifier, WatchedClusters clusters, WatchdogMetrics metrics, ILogger logger, TimeSpan alertRefresh)
    {
        destinations = new Destinations(installation.Notifications, metrics, logger) { AlertRefresh = alertRefresh };
        (this.clusters, options, this.logger) = (clusters, installation.Notifications.Options, logger);
        foreach (var url in options.AlertmanagerUrls)
        {
            var change = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
            changes.Add(change);
            loops.Add(stopping => AlertmanagerAsync(url, change.Reader, stopping));
        }
        if (options.WebhookUrl.Length > 0)
        {
            news = Channel.CreateBounded<Notice>(new BoundedChannelOptions(QueueLimit) { FullMode = BoundedChannelFullMode.DropOldest },
                _ => metrics.PublishNotification(NotificationCounter.Webhook, NotificationCounter.Dropped));
            loops.Add(stopping => WebhookAsync(news.Reader, stopping));
        }
        if (loops.Count > 0)
        {
            // Here and not when it starts: the first check may be over by then.
            var found = notifier.Listen(() => metrics.PublishNotification(news is null ? NotificationCounter.Alertmanager : NotificationCounter.Webhook, NotificationCounter.Dropped));
            loops.Add(stopping => ListenAsync(found, stopping));
        }
        if (options.HeartbeatUrl.Length > 0)
            loops.Add(HeartbeatAsync);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(loops.Select(loop => KeepAsync(loop, stoppingToken)));

    private async Task ListenAsync(ChannelReader<Found> found, CancellationToken stopping)
    {
        await foreach (var (spec, look, events) in found.ReadAllAsync(stopping))
        {
            var (next, told) = notices.GetValueOrDefault(spec.Name, ClusterNotices.None).Looked(spec, look, events, options.NotReadyAfter);
            notices = notices.SetItem(spec.Name, next);
            foreach (var notice in told)
                news?.Writer.TryWrite(notice);
            if (told.IsEmpty)
                continue;
            foreach (var change in changes)
                change.Writer.TryWrite(true);
        }
    }

    /// <summary>Level-triggered: all that holds, and what held in the last message that was taken and does not any more. Nothing piles up while Alertmanager is away.</summary>
    private async Task AlertmanagerAsync(string url, ChannelReader<bool> change, CancellationToken stopping)
    {
        using var alertmanager = destinations.Alertmanager(url);
        ImmutableArray<Notice> taken = [];
        while (true)
        {
            var (holding, ended) = Now();
            if (holding.Length + ended.Length > 0 && await alertmanager.SendAsync(Message, stopping))
                taken = holding;
            using var refresh = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            refresh.CancelAfter(destinations.AlertRefresh);
            try
            {
                await change.ReadAsync(refresh.Token);
            }
            catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
            {
                // Nothing is new: what holds is said again.
            }

            // Made anew for each attempt: what is sent late is what holds then.
            HttpRequestMessage Message()
            {
                (holding, ended) = Now();
                return destinations.Alerts(holding, ended);
            }
        }

        (ImmutableArray<Notice> Holding, ImmutableArray<Notice> Ended) Now()
        {
            var now = TimeProvider.System.GetUtcNow();
            ImmutableArray<Notice> due = [.. notices.Values.SelectMany(cluster => cluster.Alerts(now))];
            return (due, [.. taken.Where(before => due.All(other => (other.Cluster, other.Topic) != (before.Cluster, before.Topic)))]);
        }
    }

    private async Task WebhookAsync(ChannelReader<Notice> waiting, CancellationToken stopping)
    {
        using var webhook = destinations.Webhook();
        await foreach (var notice in waiting.ReadAllAsync(stopping))
            await webhook.SendAsync(() => destinations.News(notice), stopping);
    }

    /// <summary>Only while the checks of every cluster come to their ends: whoever listens complains when it does not come.</summary>
    private async Task HeartbeatAsync(CancellationToken stopping)
    {
        using var heartbeat = destinations.Heartbeat();
        using var timer = new PeriodicTimer(options.HeartbeatInterval);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            if (clusters.All.All(watchdog => watchdog.ChecksEnd))
                await heartbeat.SendAsync(destinations.Beat, stopping);
        }
    }

    /// <summary>A bug in the telling must not end the watching.</summary>
    private async Task KeepAsync(Func<CancellationToken, Task> loop, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                await loop(stopping);
            }
            catch (Exception failure) when (!stopping.IsCancellationRequested)
            {
                Log.NotificationsBroke(logger, failure);
                await Task.Delay(PauseAfterBug, stopping);
            }
        }
    }
}
