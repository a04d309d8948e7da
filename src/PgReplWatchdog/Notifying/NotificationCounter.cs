namespace PgReplWatchdog.Notifying;

/// <summary>The labels of pgwatchdog_notifications_total.</summary>
public static class NotificationCounter
{
    public const string Alertmanager = "alertmanager";
    public const string Webhook = "webhook";
    public const string Heartbeat = "heartbeat";

    public const string Succeeded = "succeeded";

    /// <summary>Given up: the time for trying was over, or the other side will not have it.</summary>
    public const string Failed = "failed";

    /// <summary>Pushed out of the queue by newer ones.</summary>
    public const string Dropped = "dropped";

    public static ImmutableArray<string> Channels { get; } = [Alertmanager, Webhook, Heartbeat];
    public static ImmutableArray<string> Results { get; } = [Succeeded, Failed, Dropped];
}
