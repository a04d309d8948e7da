using PgReplWatchdog.Metrics;
using Prometheus;

namespace PgReplWatchdog.Notifying;

/// <summary>pgwatchdog_notifications_total; all of its series are there at 0 before anything is sent.</summary>
public sealed class NotificationCounter
{
    public const string Alertmanager = "alertmanager";
    public const string Webhook = "webhook";
    public const string Heartbeat = "heartbeat";

    public const string Succeeded = "succeeded";

    /// <summary>Given up: the time for trying was over, or the other side will not have it.</summary>
    public const string Failed = "failed";

    /// <summary>Pushed out of the queue by newer ones.</summary>
    public const string Dropped = "dropped";

    private readonly Counter counter;

    public NotificationCounter(WatchdogMetrics metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        counter = Prometheus.Metrics.WithCustomRegistry(metrics.Registry).CreateCounter(WatchdogMetrics.Prefix + "notifications_total",
            "Messages to people and to dead-man services: taken by the other side, given up, or dropped from a full queue.", "channel", "result");
        foreach (var channel in new[] { Alertmanager, Webhook, Heartbeat })
        {
            foreach (var result in new[] { Succeeded, Failed, Dropped })
                counter.WithLabels(channel, result).Inc(0);
        }
    }

    public void Count(string channel, string result) => counter.WithLabels(channel, result).Inc();
}
