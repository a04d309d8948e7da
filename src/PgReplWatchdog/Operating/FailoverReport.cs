using System.Globalization;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Operating;

/// <summary>One failover as API and page tell it: what is on record, and where it was asked for the events around it.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Id">When it was decided; its address.</param>
/// <param name="Failover">The record.</param>
/// <param name="Events">What was told from before the last sign of life until some minutes after the end, oldest first.</param>
public sealed record FailoverReport(string Cluster, string Id, FinishedFailover Failover, ImmutableArray<JournalEntry> Events)
{
    private const int EventsShown = 300;
    private static readonly TimeSpan Before = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan After = TimeSpan.FromMinutes(10);

    public static FailoverReport Of(string cluster, FinishedFailover failover) => new(cluster, IdOf(failover), failover, []);

    /// <summary>With the events around it; null where there is no such failover.</summary>
    public static FailoverReport? Find(IJournal journal, string cluster, string id)
    {
        ArgumentNullException.ThrowIfNull(journal);
        return journal.Failovers(cluster).FirstOrDefault(other => IdOf(other) == id) is not { } failover ? null
            : new FailoverReport(cluster, id, failover, [.. journal.Between(cluster, failover.Procedure.SilentSince - Before, failover.FinishedAt + After, EventsShown)]);
    }

    /// <summary>From the last sign of life of the old primary until the new one was seen writable.</summary>
    public TimeSpan WithoutPrimary => Failover.FinishedAt - Failover.Procedure.SilentSince;

    public static string IdOf(FinishedFailover failover)
    {
        ArgumentNullException.ThrowIfNull(failover);
        return failover.Procedure.DecidedAt.UtcDateTime.ToString("yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture);
    }
}

/// <summary>What GET /api/v1/failovers answers: newest first.</summary>
public sealed record FailoversDocument(ImmutableArray<FailoverReport> Failovers);
