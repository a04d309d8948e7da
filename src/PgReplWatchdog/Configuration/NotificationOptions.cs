using System.ComponentModel.DataAnnotations;

namespace PgReplWatchdog.Configuration;

/// <summary>Whom the service tells what happens, for the whole installation.</summary>
public sealed class NotificationOptions
{
    /// <summary>
    /// The addresses of Alertmanagers, such as http://127.0.0.1:9093, without /api; of a cluster of them give all: each gets every alert. Alerts have the labels alertname,
    /// cluster and severity (critical, warning, info).
    /// </summary>
    public List<string> AlertmanagerUrls { get; set; } = [];

    /// <summary>
    /// An address that each message is posted to as JSON. It may hold a secret: it is never logged, and can be given as the environment variable
    /// PgReplWatchdog__Notifications__WebhookUrl.
    /// </summary>
    public string WebhookUrl { get; set; } = "";

    /// <summary>A file that holds a token and nothing else, which goes with each message to WebhookUrl as Authorization: Bearer.</summary>
    public string WebhookTokenFile { get; set; } = "";

    /// <summary>
    /// An address of a dead-man service, which complains when it is not asked for any more. It is asked for as long as the checks of every cluster come to their ends, whatever
    /// they find. Never logged.
    /// </summary>
    public string HeartbeatUrl { get; set; } = "";

    /// <summary>How it is asked for.</summary>
    public HeartbeatMethod HeartbeatMethod { get; set; } = HeartbeatMethod.Get;

    /// <summary>How often.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A failover that would not work, or a primary that does not serve, is told as NotReady when it has been so for this long.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan NotReadyAfter { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The longest that one attempt to send may take.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// For how long a message is tried again that could not be delivered, or was answered with a passing failure (5xx, 408, 429), with pauses from a second to half a minute;
    /// 00:00:00: not at all. Any other answer is final, and a redirect is not followed.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan RetryFor { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The address of docs/runbook.md as you publish it, or the service's own, http://HOST:PORT/runbook, where those who are told can reach it: runbook_url of every alert leads to
    /// a heading there.
    /// </summary>
    [Required]
    public string RunbookUrl { get; set; } = "file:///usr/share/doc/pgwatchdog/runbook.md";
}

/// <summary>How a dead-man service is asked.</summary>
public enum HeartbeatMethod
{
    Unknown,
    Get,
    Post,
}
