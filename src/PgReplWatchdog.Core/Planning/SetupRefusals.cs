using System.Globalization;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>What of the hosts themselves set-up would fail by half-way: found before anything is changed, each with what to do.</summary>
internal static class SetupRefusals
{
    private const long MiB = 1024 * 1024;

    /// <summary>WAL that comes while the copy is made: two segments of the usual size at least.</summary>
    private const long LeastWalBytes = 2 * 16 * MiB;

    /// <summary>Whichever node is to be primary.</summary>
    public static IEnumerable<string> OfTheHosts(ClusterSpec spec, ImmutableArray<NodeFacts> facts)
    {
        if (facts.Select(node => node.Host.Architecture).OfType<string>().Distinct().Count() > 1)
            yield return $"the nodes have different architectures ({string.Join(", ", facts.Select(node => $"{node.Node} {node.Host.Architecture}"))}): a standby has that of its primary, "
                + "since it gets its files byte for byte";
        foreach (var node in facts.Where(node => node.Host.DeniedVerbs.Length > 0))
            yield return $"{node.Node}: PostgreSQL's account may not run systemctl {string.Join("|", node.Host.DeniedVerbs)} {node.Unit} by sudo: "
                + $"run there as root what pgwatchdog config host {spec.Name} {node.Node} prints";
    }

    /// <summary>Every other host must get through to the primary.</summary>
    public static IEnumerable<string> Unreachable(ClusterSpec spec, ImmutableArray<NodeFacts> facts, NodeFacts primary) =>
        facts.Where(node => node.Node != primary.Node).Select(node => Blocked(spec, node, primary)).OfType<string>();

    /// <summary>
    /// What keeps one host from another's port; null where nothing shows. A refusal says something only where PostgreSQL listens on that address: before its first set-up it does not,
    /// and a firewall that refuses then is found by the next run.
    /// </summary>
    public static string? Blocked(ClusterSpec spec, NodeFacts from, NodeFacts to)
    {
        var node = spec.Node(to.Node);
        var port = $"{node.Host}:{node.Port.ToString(CultureInfo.InvariantCulture)}";
        return from.Host.Reaches.GetValueOrDefault(to.Node) switch
        {
            PortReach.Silent => $"{from.Node}'s host gets no answer from {to.Node}'s {port}, not even a refusal: let a firewall between them pass connections to this port, in both directions",
            PortReach.UnknownName => $"{from.Node}'s host does not know the name {node.Host} of {to.Node}: add it to the name service or to /etc/hosts there, or give an address as Host",
            PortReach.Refuses when ListensThere(node, to) =>
                $"{from.Node}'s host is refused by {to.Node}'s {port}, where PostgreSQL listens: let a firewall between them pass connections to this port, or correct Host",
            _ => null,
        };
    }

    private static bool ListensThere(NodeSpec node, NodeFacts facts) => facts.Running
        && facts.Settings.TryGetValue("listen_addresses", out var addresses) && WantedSettings.Listens(node, addresses.Value)
        && facts.Settings.TryGetValue("port", out var port) && port.Value == node.Port.ToString(CultureInfo.InvariantCulture);

    /// <summary>The copy is made beside what is there, which is moved aside and still takes its room.</summary>
    public static IEnumerable<string> NoSpace(NodeSpec node, NodeFacts facts, NodeFacts primary)
    {
        if (facts.Host.FreeBytes is not { } free || primary.DirectoryBytes is not { } data)
            yield break;
        var most = primary.Settings.TryGetValue("max_wal_size", out var size) && long.TryParse(size.Value, CultureInfo.InvariantCulture, out var megabytes) ? megabytes * MiB : long.MaxValue;
        var wal = Math.Max(LeastWalBytes, Math.Min(primary.WalBytes ?? 0, most));
        if (free < data + wal)
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{node.Name}: the copy needs about {Mebibytes(data + wal)} MiB where {node.StateDirectory} is ({Mebibytes(data)} of data, {Mebibytes(wal)} for WAL), ")
                + string.Create(CultureInfo.InvariantCulture, $"and {free / MiB} MiB are free there: make room");
    }

    /// <summary>A guard that is started anew goes by its order and has heard of nobody yet: what else set-up changes could make it stop the primary before it does.</summary>
    public static IEnumerable<string> ArmedGuard(ClusterSpec spec, NodeFacts primary, ImmutableArray<SetupStep> steps)
    {
        var order = spec.Node(primary.Node).GuardOrderFile;
        if (primary.StateFiles.Contains(order[(order.LastIndexOf('/') + 1)..]) && steps.Any(step => step is SetupStep.InstallGuard && step.Node == primary.Node))
            yield return $"{primary.Node}: its guard has to be replaced, and is armed: stop the service in order, which disarms it (systemctl stop pgwatchdog), and run setup again";
    }

    private static long Mebibytes(long bytes) => (bytes + MiB - 1) / MiB;

    /// <summary>What the plan writes and PostgreSQL's account may not.</summary>
    public static IEnumerable<string> NotWritable(ImmutableArray<NodeFacts> facts, ImmutableArray<SetupStep> steps) =>
        from node in facts
        let paths = steps.Where(step => step.Node == node.Node).Select(Written).OfType<string>().Where(node.Host.Unwritable.Contains).ToList()
        where paths.Count > 0
        select $"{node.Node}: PostgreSQL's account cannot write {string.Join(" and ", paths)}: give it the directory, or, where that is on a read-only filesystem, mount it for writing";

    private static string? Written(SetupStep step) => step switch
    {
        SetupStep.WriteFile { InCopy: false } file => file.Path,
        SetupStep.WritePassFile file => file.Path,
        SetupStep.PrepareDirectory directory => directory.Path,
        SetupStep.InstallCopy install => install.DataDirectory,
        _ => null,
    };
}
