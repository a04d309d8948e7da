using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;

namespace PgReplWatchdog.Operating;

/// <summary>One look before the service starts: does another watchdog watch one of its clusters?</summary>
public static class OtherWatchdogs
{
    /// <summary>A sentence for each cluster that has another live watchdog. Nodes that do not answer do not hinder a start.</summary>
    public static async Task<ImmutableArray<string>> FindAsync(Installation installation, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(installation);
        var found = await Task.WhenAll(installation.Clusters.Select(cluster => FindAsync(cluster, cancellation)));
        return [.. found.OfType<string>()];
    }

    private static async Task<string?> FindAsync(ClusterAccess cluster, CancellationToken cancellation)
    {
        var unnamed = cluster with { Spec = cluster.Spec with { Owner = "" } }; // a look is no watchdog, and renews nothing
        using var hosts = new SshHosts(unnamed);
        await using var prober = new PostgresProber(unnamed, hosts, TimeProvider.System);
        var inquiry = new Inquiry(null, false, []);
        var look = await prober.ObserveAsync(inquiry, cancellation);
        // A process that has just started is slow: who missed the first look gets another.
        if (look.Nodes.Any(node => node.Reach == Reach.Unreachable))
            look = await prober.ObserveAsync(inquiry, cancellation);
        return Ownership.Alive(cluster.Spec, look) is { } other
            ? $"{cluster.Spec.Name}: {other.Described} watches this cluster already: stop that one first. A cluster has one watchdog" : null;
    }
}
