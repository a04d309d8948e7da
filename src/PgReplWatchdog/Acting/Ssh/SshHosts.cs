using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>The hosts of one cluster over SSH, a kept connection each: what is asked of them in quiet times keeps it open for when it counts.</summary>
public sealed class SshHosts(ClusterAccess cluster) : IDisposable
{
    private readonly Dictionary<string, SshHost> hosts = cluster.Hosts.ToDictionary(
        host => host.Key, host => new SshHost(cluster, host.Value, cluster.SshKeyFile));

    public SshHost this[string node] => hosts[node];

    /// <summary>A host where something is to be done, by the record of that epoch.</summary>
    public HostAccess At(string node, long epoch) => hosts[node].Host with { Epoch = epoch };

    public void Dispose()
    {
        foreach (var host in hosts.Values)
            host.Dispose();
    }
}
