using Quartz;

namespace PgReplWatchdog.Scheduling;

/// <summary>When no failover may begin: cron expressions, in UTC, each of which is a window for as long as it matches every second.</summary>
public sealed class FreezeWindows(IEnumerable<string> expressions)
{
    public static readonly FreezeWindows None = new([]);

    private readonly ImmutableArray<CronExpression> windows = [.. expressions.Where(text => WhyNot(text) is null).Select(text => new CronExpression(text, TimeZoneInfo.Utc))];

    /// <summary>Whether one of them is open.</summary>
    public bool AreOpenAt(DateTimeOffset time) => windows.Any(window => window.IsSatisfiedBy(time));

    /// <summary>Why a text is no window; null where it is one.</summary>
    public static string? WhyNot(string expression)
    {
        ArgumentNullException.ThrowIfNull(expression);
        if (!CronExpression.TryParse(expression, out _))
            return "is no cron expression of six or seven fields (second minute hour day-of-month month day-of-week), such as * * 2-3 ? * SUN";
        // 0 0 2 ? * SUN would be open for one second a week: a window is meant, an instant was written.
        return expression.TrimStart().StartsWith("* ", StringComparison.Ordinal) ? null : "matches single seconds; begin it with * for every second, such as * * 2-3 ? * SUN";
    }
}
