namespace PgReplWatchdog.Notifying;

/// <summary>What a webhook gets; docs/runbook.md has it. Members are added, not changed, while the version stays.</summary>
public sealed record WebhookMessage(
    Guid Id, Topic Event, NoticeState State, string Severity, string Cluster, DateTimeOffset Time, long Epoch, string Summary, string Sentence, ImmutableArray<string> Evidence,
    string RunbookUrl)
{
    public int Version { get; init; } = 1;
}

/// <summary>An alert as Alertmanager's POST /api/v2/alerts takes it.</summary>
public sealed record Alert(AlertLabels Labels, Dictionary<string, string> Annotations, DateTimeOffset StartsAt, DateTimeOffset EndsAt);

/// <summary>What one alert is told from another by: nothing in it changes while an alert holds, and nothing that a database says is in it.</summary>
public sealed record AlertLabels(string Alertname, string Cluster, string Severity);
