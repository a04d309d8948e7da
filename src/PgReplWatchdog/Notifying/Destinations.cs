using System.Text;
using System.Text.Json;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Metrics;

namespace PgReplWatchdog.Notifying;

/// <summary>The configured addresses and the documents that each of them gets.</summary>
internal sealed class Destinations(NotificationAccess access, WatchdogMetrics metrics, ILogger logger)
{
    /// <summary>Before every alert's name in Alertmanager: another one than those of the rules for Prometheus, which may be there as well.</summary>
    private const string AlertPrefix = "PgWatchdogSays";

    /// <summary>Alerts that hold are sent again this often, unless a test is in a hurry.</summary>
    public static readonly TimeSpan UsualRefresh = TimeSpan.FromSeconds(30);

    public TimeSpan AlertRefresh { get; init; } = UsualRefresh;

    /// <summary>
    /// An alert that holds ends by itself after so long unless it is sent again, as those of Prometheus do: one that nobody can end any more, because the watchdog is gone, is
    /// not shown for ever.
    /// </summary>
    private TimeSpan AlertLife => 4 * AlertRefresh;

    private readonly NotificationOptions options = access.Options;
    private readonly TimeProvider clock = TimeProvider.System;

    public Destination Alertmanager(string url) => new(NotificationCounter.Alertmanager, new Uri(url.TrimEnd('/') + "/api/v2/alerts"), options.Timeout, options.RetryFor, null, metrics, clock, logger);

    public Destination Webhook() => new(NotificationCounter.Webhook, new Uri(options.WebhookUrl), options.Timeout, options.RetryFor, access.WebhookToken, metrics, clock, logger);

    /// <summary>The next beat says the same: one is not tried for longer than until then.</summary>
    public Destination Heartbeat() => new(NotificationCounter.Heartbeat, new Uri(options.HeartbeatUrl), options.Timeout,
        options.RetryFor < options.HeartbeatInterval ? options.RetryFor : options.HeartbeatInterval, null, metrics, clock, logger);

    public HttpRequestMessage Alerts(IEnumerable<Notice> holding, IEnumerable<Notice> ended)
    {
        var now = clock.GetUtcNow();
        return Post(holding.Select(notice => Alert(notice, now + AlertLife)).Concat(ended.Select(notice => Alert(notice, now))));
    }

    public HttpRequestMessage News(Notice notice) => Post(new WebhookMessage(
        notice.Id, notice.Topic, notice.State, Label(notice.Topic), notice.Cluster, notice.Time, notice.Epoch, Summary(notice), notice.Sentence, notice.Evidence, Runbook(notice)));

    public HttpRequestMessage Beat() => new() { Method = options.HeartbeatMethod == HeartbeatMethod.Post ? HttpMethod.Post : HttpMethod.Get };

    /// <summary>Every address with a message for a test.</summary>
    public IEnumerable<(Destination Destination, Func<HttpRequestMessage> Message)> Test()
    {
        var notice = new Notice("test", Topic.Test, NoticeState.Happened, clock.GetUtcNow(), $"sent by pgwatchdog notify --test on {Environment.MachineName}", 0, []);
        foreach (var url in options.AlertmanagerUrls)
            yield return (Alertmanager(url), () => Alerts([notice], []));
        if (options.WebhookUrl.Length > 0)
            yield return (Webhook(), () => News(notice));
        if (options.HeartbeatUrl.Length > 0)
            yield return (Heartbeat(), Beat);
    }

    private Alert Alert(Notice notice, DateTimeOffset endsAt) => new(
        new AlertLabels(AlertPrefix + notice.Topic, notice.Cluster, Label(notice.Topic)),
        new Dictionary<string, string> { ["summary"] = Summary(notice), ["description"] = Description(notice), ["runbook_url"] = Runbook(notice) },
        notice.Time, endsAt);

    private static string Summary(Notice notice) => $"{notice.Cluster}: {Topics.Summary(notice.Topic)}";

    private static string Description(Notice notice) =>
        string.Join('\n', notice.Evidence.Where(witness => !notice.Sentence.Contains(witness, StringComparison.Ordinal)).Prepend(notice.Sentence));

    private static string Label(Topic topic) => Topics.SeverityOf(topic).ToString().ToLowerInvariant();

    private string Runbook(Notice notice) => $"{options.RunbookUrl}#{Topics.RunbookAnchor(notice.Topic)}";

    private static HttpRequestMessage Post<T>(T document) => new(HttpMethod.Post, (Uri?)null)
    {
        Content = new StringContent(JsonSerializer.Serialize(document, Json.Options), Encoding.UTF8, "application/json"),
    };
}
