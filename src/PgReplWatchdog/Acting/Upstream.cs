using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Acting;

/// <summary>Where a node streams from: nowhere (freeze), another primary (repoint), another primary after a rewind or a fresh copy (rejoin); and what is kept for it till then (reserve).</summary>
public sealed class Upstream(ClusterAccess cluster, SshHosts hosts, long epoch, TimeProvider clock)
{
    private static readonly TimeSpan FreezeLimit = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan RepointLimit = TimeSpan.FromSeconds(5);

    /// <summary>Below ActionRunner's own limit.</summary>
    private static readonly TimeSpan RestartLimit = TimeSpan.FromSeconds(14);

    private static readonly TimeSpan SqlLimit = TimeSpan.FromSeconds(5);

    /// <summary>What a standby follows while another one is elected.</summary>
    public static ImmutableArray<(string Name, string Value)> Nowhere { get; } = [("primary_conninfo", "")];

    public async Task<string> FreezeAsync(WatchdogAction.Freeze freeze, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(freeze);
        await Task.WhenAll(freeze.Nodes.Select(node => hosts[node].RequireAsync(
            HostCommands.SetManaged(hosts.At(node, epoch), Nowhere, untilNoWalReceiver: true),
            freeze.Restarts ? RestartLimit : FreezeLimit, cancellation)));
        return $"{freeze.Node}: no walreceiver runs, primary_conninfo is empty";
    }

    public async Task<string> ReserveAsync(WatchdogAction.Reserve reserve, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(reserve);
        var node = cluster.Spec.Node(reserve.For);
        await CreateSlotAsync(cluster.Spec.Node(reserve.Node), node, reserve.Version, cancellation);
        return $"{reserve.Node} keeps WAL for {reserve.For}, slot {node.SlotName}";
    }

    public async Task<string> RepointAsync(WatchdogAction.Repoint repoint, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(repoint);
        var (node, primary) = (cluster.Spec.Node(repoint.Node), cluster.Spec.Node(repoint.Primary));
        await CreateSlotAsync(primary, node, repoint.Version, cancellation);
        await hosts[node.Name].RequireAsync(
            HostCommands.SetManaged(hosts.At(node.Name, epoch), WantedSettings.Upstream(cluster.Spec, node, primary, repoint.Version), untilNoWalReceiver: false),
            repoint.Version.ReloadsUpstream ? RepointLimit : RestartLimit, cancellation);
        return $"{node.Name} is pointed at {primary.Name}{(repoint.Version.HasSlots ? $", slot {node.SlotName}" : "")}";
    }

    /// <summary>
    /// The work itself runs on the node's host in a session of its own, so that neither a lost connection nor a restart of the watchdog cuts it in half.
    /// </summary>
    public async Task<string> RejoinAsync(WatchdogAction.Rejoin rejoin, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(rejoin);
        var (node, primary, host) = (cluster.Spec.Node(rejoin.Node), cluster.Spec.Node(rejoin.Primary), hosts[rejoin.Node]);
        await CreateSlotAsync(primary, node, rejoin.Version, cancellation);
        var stamp = clock.GetUtcNow().ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture);
        await host.RequireAsync(HostCommands.Rejoin(hosts.At(node.Name, epoch), cluster.Spec, primary, rejoin, stamp), RestartLimit, cancellation);
        return $"{node.Name}: {(rejoin.FreshCopy ? "a fresh copy" : "pg_rewind")} from {primary.Name} was started on its host";
    }

    private async Task CreateSlotAsync(NodeSpec primary, NodeSpec node, PostgresVersion version, CancellationToken cancellation)
    {
        if (version.HasSlots)
            await hosts[primary.Name].RequireAsync(HostCommands.CreateSlot(hosts[primary.Name].Host, node.SlotName, version), SqlLimit, cancellation);
    }
}
