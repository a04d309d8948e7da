using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>What a person should know and set-up need not wait for.</summary>
internal static class SetupWarnings
{
    public static IEnumerable<string> Of(ClusterSpec spec, ImmutableArray<NodeFacts> facts, NodeFacts primary, ImmutableArray<SetupStep> steps) =>
    [
        .. Old(primary.Version!.Value), .. Unasked(spec, facts, primary.Version!.Value), .. Libraries(facts), .. Blocked(spec, facts, primary), .. Synchronous(spec, facts, primary),
        .. facts.SelectMany(node => Links(node, primary, steps)),
    ];

    /// <summary>What a version cannot do, and what follows from it.</summary>
    private static IEnumerable<string> Old(PostgresVersion version)
    {
        if (!version.HasSlots)
            yield return $"PostgreSQL {version} has no replication slots: the primary keeps {WantedSettings.KeptSegments} segments of WAL (wal_keep_segments), and a standby that is away for longer "
                + "than they last has to be copied anew (--overwrite), or finds the WAL in the archive (Archiving: Ship)";
        if (!version.TellsWalReceiver)
            yield return $"a standby of PostgreSQL {version} does not say whether it hears its primary: a primary whose host does not answer is never replaced automatically, "
                + "one that is down or hangs on a host that answers is";
    }

    /// <summary>
    /// A host that was off when its node was replaced must not serve when it boots. Its guard may not run by then. Whether anything else than a unit asks cannot be seen: that
    /// is said when the guard is installed.
    /// </summary>
    private static IEnumerable<string> Unasked(ClusterSpec spec, ImmutableArray<NodeFacts> facts, PostgresVersion version) =>
        from node in facts
        where node.StartsUnasked && version.HasGuard && spec.Policy.GuardTimeToLive > TimeSpan.Zero && (node.Unit is not null || !node.GuardCurrent)
        select $"no systemd unit asks the guard of {node.Node} before PostgreSQL starts there: a host that boots after a failover may take writes beside the new primary, "
            + "until the watchdog has stopped it; "
            + (node.Unit is null ? $"have what starts PostgreSQL there run `{spec.Node(node.Node).Guard} boot-check 60` first, as PostgreSQL's account, and start it only where that succeeds"
                : $"run what `pgwatchdog config host {spec.Name} {node.Node}` prints on its host, as root");

    /// <summary>The files are copied byte for byte: an index is in the order of the library of the host that it was built on.</summary>
    private static IEnumerable<string> Libraries(ImmutableArray<NodeFacts> facts)
    {
        foreach (var (library, versionOf) in new (string, Func<HostFacts, string?>)[] { ("C library", host => host.CLibrary), ("ICU library", host => host.Icu) })
        {
            var known = facts.Where(node => versionOf(node.Host) is not null).ToList();
            if (known.Select(node => versionOf(node.Host)).Distinct().Count() > 1)
                yield return $"the nodes sort text by different versions of the {library} ({string.Join(", ", known.Select(node => $"{node.Node} {versionOf(node.Host)}"))}): indexes on text "
                    + "other than in collation C may miss rows after a failover; use the same release of the operating system, or REINDEX then";
        }
    }

    /// <summary>Roles change: what does not matter now does after a failover.</summary>
    private static IEnumerable<string> Blocked(ClusterSpec spec, ImmutableArray<NodeFacts> facts, NodeFacts primary) =>
        from to in facts
        where to.Node != primary.Node
        from @from in facts
        where @from.Node != to.Node
        let why = SetupRefusals.Blocked(spec, @from, to)
        where why is not null
        select $"{why}; once {to.Node} is primary, {@from.Node} could not follow it";

    /// <summary>
    /// synchronous_standby_names names nodes and does not follow their roles: after a failover commits may wait for ever, or nobody confirms them any more.
    /// A copy takes the setting along, unless it is in a file below /etc.
    /// </summary>
    private static IEnumerable<string> Synchronous(ClusterSpec spec, ImmutableArray<NodeFacts> facts, NodeFacts primary)
    {
        const string name = "synchronous_standby_names";
        var onPrimary = primary.Settings.GetValueOrDefault(name);
        var asked = onPrimary?.Value.Trim() ?? "";
        var standbys = facts.Where(node => node.Node != primary.Node).Select(node => node.Node).ToList();
        if (SynchronousStandbys.Lack(primary.Node, asked, standbys) is { } missing)
            yield return $"commits on {primary.Node} wait: {missing}";
        foreach (var node in facts.Where(node => node.Node != primary.Node && spec.Node(node.Node).Priority > 0))
        {
            var isCopied = onPrimary?.SourceFile?.StartsWith(spec.Node(primary.Node).DataDirectory + "/", StringComparison.Ordinal) == true;
            if ((node.Settings.GetValueOrDefault(name)?.Value.Trim() ?? (isCopied ? asked : null)) is not { } own)
                continue;
            var others = standbys.Where(other => other != node.Node).ToList();
            if (SynchronousStandbys.Lack(node.Node, own, others) is { } lack)
                yield return $"after a failover to {node.Node} commits would wait there: {lack}";
            else if (own.Length == 0 && asked.Length > 0)
                yield return $"after a failover to {node.Node} replication would be asynchronous: {name} is {asked} on {primary.Node} and empty on {node.Node}";
        }
    }

    /// <summary>pg_basebackup follows a link pg_wal and copies no other; what is moved aside takes its links with it.</summary>
    private static IEnumerable<string> Links(NodeFacts node, NodeFacts primary, ImmutableArray<SetupStep> steps)
    {
        if (steps.OfType<SetupStep.InstallCopy>().FirstOrDefault(step => step.Node == node.Node) is not { } install)
            yield break;
        if (primary.Host.WalLink is { } source)
            yield return $"pg_wal of {primary.Node} is a link to {source}: the copy on {node.Node} has it as a directory; "
                + $"to have it elsewhere, stop {node.Node} after set-up, move it and put a link there";
        if (node.Host.WalLink is { } target)
            yield return $"pg_wal of {node.Node} is a link to {target}: it is moved aside with the data directory, and what it leads to stays; the copy has pg_wal as a directory";
        foreach (var (path, end) in node.Host.Links.OrderBy(link => link.Key, StringComparer.Ordinal))
        {
            if (path.StartsWith(install.DataDirectory + "/", StringComparison.Ordinal))
                yield return $"{path} of {node.Node} is a link to {end}: it is moved aside with the data directory, and the copy has a file with its text";
        }
    }
}
