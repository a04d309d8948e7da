namespace PgReplWatchdog;

/// <summary>The watchdogs of this process, by cluster name.</summary>
public sealed class WatchedClusters(IEnumerable<Watchdog> watchdogs)
{
    private readonly Dictionary<string, Watchdog> byName = watchdogs.ToDictionary(watchdog => watchdog.Spec.Name);

    public Watchdog this[string cluster] => byName[cluster];

    public IEnumerable<Watchdog> All => byName.Values;
}
