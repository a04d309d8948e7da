using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>Settings that an administrator chooses by the cluster's options (docs/decisions/0009).</summary>
public static class OptionalSettings
{
    /// <summary>A command that is there and does nothing, as many guides have it.</summary>
    private const string Nothing = "cd .";

    private static readonly ImmutableArray<string> DoNothing = [Nothing, "true", "/bin/true", "/usr/bin/true", ":", "exit 0"];

    /// <summary>What set-up writes for an archive, and takes back when it is to be none any more.</summary>
    private static readonly ImmutableArray<string> OfAnArchive = ["archive_mode", "archive_command", "restore_command", "archive_cleanup_command"];

    /// <summary>On a small disk a quarter would not carry a standby over a restart.</summary>
    private const int LeastSlotMegabytes = 1024;

    /// <summary>For whichever role the node has: the one that becomes primary archives at once, and the one that becomes standby restores.</summary>
    public static IEnumerable<WantedSetting> ForEveryNode(ClusterSpec spec, NodeSpec node, NodeFacts facts, PostgresVersion version)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(facts);
        var archiving = spec.Replication.Archiving;
        foreach (var name in OfAnArchive.Where(name => Takes(archiving, name) && facts.Settings.TryGetValue(name, out var setting) && setting.IsFromManagedFile))
            yield return new WantedSetting(name, null, _ => false);
        if (archiving is Archiving.Noop or Archiving.Ship)
            yield return new WantedSetting("archive_mode", "on", value => value is "on" or "always");
        if (archiving is Archiving.Noop)
            yield return new WantedSetting("archive_command", Nothing, DoNothing.Contains);
        if (archiving is Archiving.Ship)
            yield return WantedSettings.Exactly("archive_command", $"{Run(node)} push \"%p\" %f");
        if (!version.HasRecoveryFile)
        {
            foreach (var (name, value) in Restore(spec, node))
                yield return WantedSettings.Exactly(name, value);
        }
        if (version.LimitsSlots && SlotMegabytes(spec.Replication, facts) is { } limit)
        {
            yield return new WantedSetting("max_slot_wal_keep_size", limit + "MB", value => WantedSettings.Number(value) is var now && now >= 0
                && (spec.Replication.MaxSlotWalKeepMegabytes == ReplicationSettings.ByDefault || now >= limit));
        }
    }

    private static bool Takes(Archiving archiving, string name) =>
        archiving == Archiving.Off || (archiving == Archiving.Noop && name is "restore_command" or "archive_cleanup_command");

    /// <summary>How a standby gets what its primary does not have any more; until PostgreSQL 11 lines of recovery.conf.</summary>
    public static ImmutableArray<(string Name, string Value)> Restore(ClusterSpec spec, NodeSpec node)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Replication.Archiving == Archiving.Ship ? FromTheArchive(node) : [];
    }

    /// <summary>Those of these lines that recovery.conf has and is not to have any more.</summary>
    public static IEnumerable<string> NotRestored(ClusterSpec spec, NodeSpec node, IReadOnlyCollection<string> lines)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Replication.Archiving == Archiving.Ship ? [] : FromTheArchive(node).Where(line => lines.Contains(ConfigurationText.Line(line.Name, line.Value))).Select(line => line.Name);
    }

    private static ImmutableArray<(string Name, string Value)> FromTheArchive(NodeSpec node) =>
        [("restore_command", $"{Run(node)} restore %f \"%p\""), ("archive_cleanup_command", $"{Run(node)} cleanup %r")];

    /// <summary>A standby that is away must not fill its primary's disk; how much it may hold is a matter of how large that is.</summary>
    private static long? SlotMegabytes(ReplicationSettings settings, NodeFacts facts) => settings.MaxSlotWalKeepMegabytes switch
    {
        ReplicationSettings.NoLimit => null,
        ReplicationSettings.ByDefault => facts.DiskMegabytes is { } disk ? Math.Max(LeastSlotMegabytes, disk / 4) : null,
        var megabytes => megabytes,
    };

    /// <summary>The server expands % itself.</summary>
    private static string Run(NodeSpec node) => $"/bin/sh {ConfigurationText.ShellQuote(node.Archive).Replace("%", "%%", StringComparison.Ordinal)}";

    /// <summary>What the options ask for and a node cannot give, each with what to do about it.</summary>
    public static IEnumerable<string> Refusals(ClusterSpec spec, ImmutableArray<NodeFacts> facts)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var settings = spec.Replication;
        foreach (var node in facts)
        {
            if (settings.Tls == Tls.Required && node.Settings.TryGetValue("ssl", out var ssl) && ssl.Value == "off")
            {
                yield return $"{node.Node}: Tls is Required and the server has ssl = off: give it a certificate (ssl_cert_file, ssl_key_file), set ssl = on in its configuration, reload it, "
                    + "and run setup again; or set Tls to Off";
            }
            if (settings.Archiving == Archiving.Ship && !node.ArchiveLacks.IsEmpty)
            {
                yield return $"{node.Node}: Archiving is Ship, which needs {string.Join(", ", node.ArchiveLacks)}: "
                    + $"install {(node.ArchiveLacks.Length == 1 ? "it" : "them")} on that host, or choose another Archiving";
            }
            if (settings.Archiving is Archiving.Ship or Archiving.Noop && Foreign(node) is { } foreign)
            {
                yield return $"{node.Node}: {foreign} is set already and Archiving {settings.Archiving} would replace it: leave Archiving Off to keep it, or take it out of the server's configuration";
            }
        }
    }

    /// <summary>An archive that somebody else has set up: set-up does not switch it off. One that is disabled by archive_mode does not show its text.</summary>
    private static string? Foreign(NodeFacts node)
    {
        if (node.Settings.TryGetValue("archive_library", out var library) && library.Value.Length > 0)
            return $"archive_library '{library.Value}'";
        return node.Settings.TryGetValue("archive_command", out var command) && command is { SourceFile: not null, IsFromManagedFile: false } && command.Value.Length > 0
            && !DoNothing.Contains(command.Value) ? $"archive_command '{command.Value}'" : null;
    }
}
