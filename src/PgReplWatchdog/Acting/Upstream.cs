using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Setup;
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

    public async Task<string> FreezeAsync(WatchdogAction.Freeze freeze, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(freeze);
        await Task.WhenAll(freeze.Nodes.Select(node => hosts[node].RequireAsync(
            HostCommands.SetManaged(hosts.At(node, epoch), [("primary_conninfo", "")], untilNoWalReceiver: true),
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
        var lines = string.Concat(WantedSettings.Upstream(cluster.Spec, node, primary, rejoin.Version).Select(setting => ConfigurationText.Line(setting.Name, setting.Value) + "\n"));
        var stamp = clock.GetUtcNow().ToString("yyyyMMdd'T'HHmmss", CultureInfo.InvariantCulture);
        string[] arguments =
        [
            primary.Host, primary.Port.ToString(CultureInfo.InvariantCulture), cluster.Spec.Roles.Replication,
            cluster.Spec.Roles.Database, node.Name, lines, ConfigurationText.ManagedFileName, rejoin.FreshCopy ? "copy" : "rewind", stamp, rejoin.Epoch.ToString(CultureInfo.InvariantCulture),
            string.Concat(OptionalSettings.Restore(cluster.Spec, node).Select(setting => ConfigurationText.Line(setting.Name, setting.Value) + "\n")),
            cluster.Spec.Replication.Tls == Tls.Required ? "require" : "prefer",
            .. TablespaceMove.Between(primary, node).SelectMany(move => new[] { "-T", $"{move.From}={move.To}" }),
        ];
        var work = $"{Shell.Living}\n{Shell.EndCopy}\n" + Shell.OnServer(hosts.At(node.Name, epoch), SqlText.Of("Acting.rejoin.sh"));
        await host.RequireAsync(Start(node, rejoin.Epoch, arguments), RestartLimit, cancellation, work);
        return $"{node.Name}: {(rejoin.FreshCopy ? "a fresh copy" : "pg_rewind")} from {primary.Name} was started on its host";
    }

    private static string Start(NodeSpec node, long epoch, IEnumerable<string> arguments)
    {
        return Shell.Script($$"""
            cd {0} || exit 1
            if [ -r job ] && read -r epoch pid < job && grep -q rejoin "/proc/$pid/cmdline" 2>/dev/null; then
              [ "$epoch" != {{epoch}} ] || { cat > /dev/null; exit 0; }
              # Of an epoch that is over: it follows the wrong primary. Its session ends whole; what it leaves cannot be started, and is not rewound.
              at_work() {
                for process in /proc/[0-9]*; do
                  { read -r _ _ is _ group _ < "$process/stat"; } 2> /dev/null && [ "$group" = "$1" ] && [ "$is" != Z ] && return 0
                done
                return 1
              }
              round=0
              while at_work "$pid"; do
                kill -KILL "-$pid" 2> /dev/null
                [ $round -lt 60 ] || { echo "the work of epoch $epoch does not end" >&2; exit 1; }
                round=$((round + 1))
                sleep 0.05
              done
            fi
            cat > rejoin.sh.new && mv -f rejoin.sh.new rejoin.sh && rm -f job job.status || exit 1
            # It puts itself on record before it does anything: where a full disk does not let it, it has not begun.
            setsid /bin/sh -c 'echo "{{epoch}} $$" > job || exit 1; /bin/sh ./rejoin.sh "$@"; echo $? > job.status' \
              rejoin {1} > job.log 2>&1 < /dev/null &
            round=0
            until [ -s job ]; do
              [ $round -lt 40 ] || { echo "the work could not be put on record in" {0} >&2; exit 1; }
              round=$((round + 1))
              sleep 0.05
            done
            """, node.StateDirectory, ShellWord.List(arguments));
    }

    private async Task CreateSlotAsync(NodeSpec primary, NodeSpec node, PostgresVersion version, CancellationToken cancellation)
    {
        if (version.HasSlots)
            await hosts[primary.Name].RequireAsync(SetupScripts.Psql(hosts[primary.Name].Host, readOnly: false), SqlLimit, cancellation, SetupScripts.CreateSlotSql(node.SlotName, version));
    }
}
