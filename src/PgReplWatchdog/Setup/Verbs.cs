using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>
/// What a host lets the watchdog's own key do: all that a service does there, by name, with the words that the configuration gives it for this node (docs/decisions/0019).
/// A word that is not known beforehand, such as a position, is of a pattern.
/// </summary>
public static class Verbs
{
    /// <summary>Where they are on a host: a directory for each server, by its port, and the forced command. It belongs to root.</summary>
    public const string Directory = "/usr/local/lib/pgwatchdog";

    /// <summary>The forced command's name in it.</summary>
    public const string Program = "run";

    /// <summary>What a server follows is said in the words of its version.</summary>
    private static readonly ImmutableArray<PostgresVersion> Versions =
        [.. new[] { 90300, 90400, 90500, 90600 }.Concat(Enumerable.Range(10, 9).Select(major => major * 10000)).Select(number => new PostgresVersion(number))];

    /// <summary>The files of one server's verbs, by their name in its directory.</summary>
    public static ImmutableArray<(string Name, string Text)> Files(ClusterAccess cluster, string node)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        var scripts = Scripts(cluster, cluster.Hosts[node]).ToImmutableArray();
        var verbs = scripts.DistinctBy(script => script.Verb).ToImmutableArray();
        return
        [
            ("account", cluster.ServerAccount + "\n"),
            ("allowed", string.Concat(scripts.Select(script => script.Rule + "\n").Distinct())),
            .. HostScript.Libraries.Select(library => ($"{library.Name}.sh", library.Text.TrimEnd('\n') + "\n")),
            .. verbs.Select(verb => (verb.Verb!, string.Concat(verb.Uses.Select(name => $". \"$verbs/{name}.sh\"\n")) + verb.Body.TrimEnd('\n') + "\n")),
            .. verbs.Where(verb => verb.Input is not null).Select(verb => ($"{verb.Verb}.input", verb.Input!)),
        ];
    }

    /// <summary>The line of authorized_keys (sshd(8)) for a key that is bound to the verbs, or is not.</summary>
    /// <param name="key">Its public half.</param>
    /// <param name="from">The addresses from which it is let in; empty: from all.</param>
    /// <param name="directory">Where the forced command is; null: the key may do anything.</param>
    public static string KeyLine(string key, IReadOnlyCollection<string> from, string? directory) =>
        "restrict" + (from.Count == 0 ? "" : $",from=\"{string.Join(',', from)}\"")
        + (directory is null ? "" : $",command=\"{directory}/{Program} \\\"$SSH_ORIGINAL_COMMAND\\\" \\\"${{SSH_CONNECTION%% *}}\\\"\"") + $" {key}";

    /// <summary>Each of a service's scripts for this host, with each set of words.</summary>
    private static IEnumerable<HostScript> Scripts(ClusterAccess cluster, HostAccess host)
    {
        const string timeout = "0.40";
        var (spec, node, others) = (cluster.Spec, host.Node, cluster.Spec.Nodes.Where(other => other.Name != host.Node.Name).ToImmutableArray());
        yield return HostScripts.Evidence(host, timeout);
        yield return GuardMessages.Script(host, new GuardQuestion(node.Name, 1, default), spec.Roles.Watchdog, timeout);
        yield return HostCommands.CreateTriggerFile(host, node.TriggerFile, 0, null);
        yield return HostCommands.RemoveTriggerFile(host);
        yield return HostCommands.Checkpoint(host);
        yield return HostCommands.PgCtlPromote(host, null);
        yield return HostCommands.EndHeldReplay(host, null);
        yield return HostCommands.Fence(host, "", 0);
        yield return HostCommands.Fence(host, "", 0, onlyStandby: true);
        yield return HostCommands.SetManaged(host, Upstream.Nowhere, untilNoWalReceiver: true);
        yield return HostCommands.FindEndOfWal(host, default, default, 0);
        yield return HostCommands.ReadWal(host, "", 0, 0);
        yield return HostCommands.WriteWal(host, "", 0, 0);
        yield return HostCommands.WakeStartup(host, 0);
        yield return HostCommands.ArmGuard(host, "");
        yield return HostCommands.DisarmGuard(host);
        foreach (var primary in spec.Nodes)
            yield return HostCommands.RecordEpoch(host, 0, primary.Name);
        foreach (var other in others)
        {
            yield return HostScripts.PortView(host, other, timeout);
            foreach (var version in Versions)
            {
                yield return HostCommands.CreateSlot(host, other.SlotName, version);
                yield return HostCommands.SetManaged(host, WantedSettings.Upstream(spec, node, other, version), untilNoWalReceiver: false);
                foreach (var copies in new[] { false, true })
                    yield return HostCommands.Rejoin(host, spec, other, new WatchdogAction.Rejoin(node.Name, other.Name, version, 0, copies), "");
            }
        }
    }
}
