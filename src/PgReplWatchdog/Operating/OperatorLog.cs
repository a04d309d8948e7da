using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating;

/// <summary>What people change is put into the journal by commands and over HTTP. This says it in the service's log as well, with who did it.</summary>
public sealed class OperatorLog(WatchedClusters clusters, IJournal journal, ILogger<OperatorLog> logger) : BackgroundService
{
    private const int AtOnce = 100;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private static readonly ImmutableArray<EventKind> Kinds =
    [
        EventKind.Paused, EventKind.Resumed, EventKind.Acknowledged, EventKind.AdoptionAsked, EventKind.TakeoverAsked,
        EventKind.SetUpBegun, EventKind.SetUpEnded, EventKind.TokenRefused,
    ];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var last = clusters.All.ToDictionary(watchdog => watchdog.Spec.Name, watchdog => Newest(watchdog.Spec.Name));
        using var timer = new PeriodicTimer(Interval);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            foreach (var cluster in last.Keys.ToList())
            {
                foreach (var told in Recent(cluster, last[cluster] ?? 0).Reverse())
                {
                    if (last[cluster] is not null)
                        Log.Event(logger, cluster, new WatchdogEvent(told.Kind, told.Sentence));
                    last[cluster] = told.Id;
                }
            }
        }
    }

    /// <summary>Null while the journal cannot be read: what is in it already is old.</summary>
    private long? Newest(string cluster)
    {
        try
        {
            return journal.Recent(cluster, 1, kinds: Kinds.AsSpan()) is [{ Id: var id }, ..] ? id : 0;
        }
        catch (Microsoft.Data.Sqlite.SqliteException)
        {
            return null;
        }
    }

    private IReadOnlyList<JournalEntry> Recent(string cluster, long after)
    {
        try
        {
            return journal.Recent(cluster, AtOnce, after, kinds: Kinds.AsSpan());
        }
        catch (Microsoft.Data.Sqlite.SqliteException)
        {
            return []; // the journal's own trouble is told by the check that writes it
        }
    }
}
