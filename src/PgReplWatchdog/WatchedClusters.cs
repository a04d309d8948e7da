namespace PgReplWatchdog;

/// <summary>The watchdogs of this process, by cluster name.</summary>
public sealed class WatchedClusters(IEnumerable<Watchdog> watchdogs)
{
    private readonly Dictionary<string, Watchdog> byName = watchdogs.ToDictionary(watchdog => watchdog.Spec.Name);

    public Watchdog this[string cluster] => byName[cluster];

    public Watchdog? Find(string cluster) => byName.GetValueOrDefault(cluster);

    /// <summary>For whoever asked for a cluster that is not there.</summary>
    public string WhyNot(string cluster) => $"there is no cluster {cluster}; there are {string.Join(", ", byName.Keys)}";

    public IEnumerable<Watchdog> All => byName.Values;
}
