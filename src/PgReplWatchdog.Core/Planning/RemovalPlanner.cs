using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>
/// From what is there to what was there before set-up, without a restart of the primary. What the standbys stream by is either handed over to the administrator, under words that say
/// so, or goes together with them.
/// </summary>
public static partial class RemovalPlanner
{
    private const string SlotPrefix = "pgwatchdog_";

    /// <param name="spec">The cluster.</param>
    /// <param name="facts">What is there.</param>
    /// <param name="lonePrimary">The standbys are stopped and the primary keeps nothing; otherwise all go on streaming.</param>
    public static SetupPlan Plan(ClusterSpec spec, ImmutableArray<NodeFacts> facts, bool lonePrimary)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var serving = facts.Where(node => node.IsRunningPrimary).ToList();
        if (serving.Count != 1)
        {
            return new SetupPlan(null, [],
                [serving.Count == 0
                    ? $"no node of cluster {spec.Name} runs as a primary: start the one that is, so that roles and slots can be taken away there"
                    : $"{string.Join(" and ", serving.Select(node => node.Node))} both run as primaries: stop the one that is not to stay"]);
        }
        var primary = serving[0];
        var standbys = facts.Where(node => node != primary).ToList();
        ImmutableArray<SetupStep> steps = lonePrimary ? [.. Lone(spec, primary, standbys)] : [.. HandOver(spec, primary, standbys)];
        ImmutableArray<string> refusals = steps.IsEmpty ? [] : [.. Refusals(spec, primary, standbys, lonePrimary)];
        return new SetupPlan(primary.Node, refusals.IsEmpty ? steps : [], refusals);
    }

    private static IEnumerable<string> Refusals(ClusterSpec spec, NodeFacts primary, List<NodeFacts> standbys, bool lonePrimary)
    {
        var watchdogs = standbys.Prepend(primary).SelectMany(node => node.WatchdogSessions).Distinct().ToList();
        if (watchdogs.Count > 0)
        {
            yield return $"a watchdog looks at cluster {spec.Name} from {string.Join(", ", watchdogs)}, and would act on what it sees go away: stop the service (systemctl stop pgwatchdog), "
                + "and keep it from starting with this cluster in its configuration";
        }
        foreach (var role in Roles(spec, primary, lonePrimary).Where(role => primary.Owners.Contains(role)))
            yield return $"role {role} owns something on {primary.Node}: give that to another role (REASSIGN OWNED BY {role} TO ..., in each database), then remove";
        foreach (var node in standbys.Where(node => node.Running && node.SystemIdentifier != primary.SystemIdentifier))
            yield return $"{node.Node} runs a server that is none of this cluster: stop it, or take the node out of the configuration";
        if (!lonePrimary)
        {
            foreach (var node in standbys.Where(node => !primary.StreamingStandbys.Contains(node.Node)))
            {
                yield return $"{node.Node} does not stream from {primary.Node}, and nobody would look after the WAL that is kept for it: see to it (pgwatchdog setup), "
                    + "or leave the primary alone with --lone-primary";
            }
            yield break;
        }
        foreach (var other in primary.StreamingStandbys.Where(name => spec.Has(name) is null))
            yield return $"{other} streams from {primary.Node} and is no node of cluster {spec.Name}: it may use role {spec.Roles.Replication}; stop it, or remove without --lone-primary";
        if (primary.Settings.TryGetValue("archive_mode", out var mode) && mode.IsFromManagedFile && mode.Value != "off")
        {
            yield return $"{primary.Node}: archive_mode = {mode.Value} is in {ConfigurationText.ManagedFileName}, which goes, and stays in force until a restart: "
                + "without an archive_command PostgreSQL would keep all WAL. Set Archiving to Off, run pgwatchdog setup, which restarts PostgreSQL, then remove";
        }
        if (primary.Settings.TryGetValue("port", out var port) && port.IsFromManagedFile && LastPort(primary.ConfigurationText) != port.Value)
            yield return $"{primary.Node}: port = {port.Value} is only in {ConfigurationText.ManagedFileName}, which goes: write it into {primary.ConfigFile} first";
    }

    /// <summary>Everything that a standby streams by stays as it is: not one connection is broken.</summary>
    private static IEnumerable<SetupStep> HandOver(ClusterSpec spec, NodeFacts primary, List<NodeFacts> standbys)
    {
        ImmutableArray<NodeFacts> all = [primary, .. standbys];
        foreach (var step in all.SelectMany(node => Guard(spec, node)))
            yield return step;
        foreach (var facts in all)
        {
            var node = spec.Node(facts.Node);
            var isPrimary = facts == primary;
            var archives = IsReferredTo(facts, node.Archive); // its script reads keys, host keys and the archive itself
            ImmutableArray<string> keep =
            [
                .. facts.StateFiles.Where(name => name == NameIn(node, node.PassFile) || IsReferredTo(facts, node.StateDirectory + "/" + name)
                    || (archives && (name.StartsWith("archive", StringComparison.Ordinal) || node.ArchiveDirectory == node.StateDirectory + "/" + name))),
            ];
            ImmutableArray<string> streaming = isPrimary ? [.. primary.StreamingStandbys.Where(name => spec.Has(name) is not null).Select(name => spec.Node(name).SlotName)] : [];
            ImmutableArray<string> slots = facts.Running ? [.. facts.Slots.Where(slot => slot.StartsWith(SlotPrefix, StringComparison.Ordinal) && !streaming.Contains(slot))] : [];
            ImmutableArray<SetupStep> steps =
            [
                .. isPrimary ? DropRoles(spec, primary, lonePrimary: false) : [],
                .. slots.IsEmpty ? Array.Empty<SetupStep>() : [new SetupStep.DropSlots(node.Name, slots)],
                .. Write(node, facts.HbaFile, facts.HbaText, text => ConfigurationText.HandedOver(text, IsForReplication)),
                .. Write(node, $"{node.DataDirectory}/{ConfigurationText.ManagedFileName}", facts.ManagedText, ConfigurationText.HandedOver),
                .. Write(node, facts.ConfigFile, facts.ConfigurationText, text => ConfigurationText.HandedOver(text, _ => true)),
                .. Kept(facts),
            ];
            foreach (var step in Ended(node, facts, steps, keep))
                yield return step;
        }
    }

    private static IEnumerable<SetupStep> Lone(ClusterSpec spec, NodeFacts primary, List<NodeFacts> standbys)
    {
        foreach (var step in standbys.Prepend(primary).SelectMany(node => Guard(spec, node)))
            yield return step;
        foreach (var facts in standbys.Where(node => node.Running))
            yield return new SetupStep.StopServer(facts.Node);
        foreach (var facts in standbys.Where(node => node.StateDirectoryExists))
            yield return new SetupStep.RemoveState(facts.Node, spec.Node(facts.Node).StateDirectory, []);
        var node = spec.Node(primary.Node);
        var managed = $"{node.DataDirectory}/{ConfigurationText.ManagedFileName}";
        ImmutableArray<string> slots = [.. primary.Slots.Where(slot => slot.StartsWith(SlotPrefix, StringComparison.Ordinal))];
        ImmutableArray<SetupStep> steps =
        [
            .. slots.IsEmpty ? Array.Empty<SetupStep>() : [new SetupStep.DropSlots(node.Name, slots)],
            .. Write(node, primary.HbaFile, primary.HbaText, ConfigurationText.Without),
            .. Write(node, primary.ConfigFile, primary.ConfigurationText, ConfigurationText.Without),
            .. primary.ManagedText is null ? Array.Empty<SetupStep>() : [new SetupStep.RemoveFile(node.Name, managed, Later(primary))],
            .. DropRoles(spec, primary, lonePrimary: true),
            .. Kept(primary),
        ];
        foreach (var step in Ended(node, primary, steps, []))
            yield return step;
    }

    /// <summary>Whatever is still to be done on a node ends with the reload and the state directory: a run that is broken off before is found by that.</summary>
    private static IEnumerable<SetupStep> Ended(NodeSpec node, NodeFacts facts, ImmutableArray<SetupStep> steps, ImmutableArray<string> keep)
    {
        var goes = facts.StateDirectoryExists && (keep.IsEmpty || facts.StateFiles.Any(name => !keep.Contains(name)));
        foreach (var step in steps)
            yield return step;
        if (facts.Running && (goes || steps.Any(step => step is SetupStep.WriteFile or SetupStep.RemoveFile)))
            yield return new SetupStep.Reload(node.Name);
        if (goes)
            yield return new SetupStep.RemoveState(node.Name, node.StateDirectory, keep);
    }

    /// <summary>First of all, and everywhere: an armed guard would stop the primary when what acknowledges it goes away.</summary>
    private static IEnumerable<SetupStep> Guard(ClusterSpec spec, NodeFacts facts)
    {
        var guard = spec.Node(facts.Node).Guard;
        if (facts.StateFiles.Any(name => name.StartsWith(guard[(guard.LastIndexOf('/') + 1)..], StringComparison.Ordinal)))
            yield return new SetupStep.RemoveGuard(facts.Node, guard);
    }

    private static IEnumerable<SetupStep> Write(NodeSpec node, string path, string? before, Func<string, string> change)
    {
        if (before is not null && change(before) is var after && after != before)
            yield return new SetupStep.WriteFile(node.Name, path, before, after);
    }

    private static IEnumerable<SetupStep> Kept(NodeFacts facts) => facts.KeptFiles.Select(path => new SetupStep.RemoveFile(facts.Node, path));

    private static IEnumerable<SetupStep> DropRoles(ClusterSpec spec, NodeFacts primary, bool lonePrimary)
    {
        foreach (var role in Roles(spec, primary, lonePrimary))
            yield return new SetupStep.DropRole(primary.Node, role);
        if (!lonePrimary && primary.Version!.Value.RewindsByGrant && primary.ReplicationRole is RoleState.AsWanted or RoleState.PasswordDiffers)
            yield return new SetupStep.RevokeRights(primary.Node, spec.Roles.Replication, primary.Version!.Value);
    }

    /// <summary>Those that go. A superuser is none that set-up has made.</summary>
    private static IEnumerable<string> Roles(ClusterSpec spec, NodeFacts primary, bool lonePrimary)
    {
        if (IsOurs(primary.WatchdogRole))
            yield return spec.Roles.Watchdog;
        if (lonePrimary && IsOurs(primary.ReplicationRole))
            yield return spec.Roles.Replication;

        static bool IsOurs(RoleState role) => role is not (RoleState.Unknown or RoleState.Missing or RoleState.IsSuperuser);
    }

    /// <summary>In a line of pg_hba.conf the database comes second.</summary>
    private static bool IsForReplication(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, "replication", ..];

    /// <summary>By a setting that stays, the passfile of primary_conninfo or a command: it goes on being needed.</summary>
    private static bool IsReferredTo(NodeFacts facts, string path) =>
        facts.ManagedText?.Contains(path, StringComparison.Ordinal) == true || facts.RecoveryText?.Contains(path, StringComparison.Ordinal) == true;

    private static string NameIn(NodeSpec node, string path) => path[(node.StateDirectory.Length + 1)..];

    /// <summary>What a running server goes on with until somebody restarts it.</summary>
    private static string Later(NodeFacts primary)
    {
        var settings = primary.Settings.Where(setting => setting.Value is { IsFromManagedFile: true, Context: "postmaster" })
            .Select(setting => $"{setting.Key} = '{setting.Value.Value}'").Order(StringComparer.Ordinal).ToList();
        return settings.Count == 0 ? "" : $"; at its next restart PostgreSQL loses {string.Join(", ", settings)}";
    }

    private static string? LastPort(string? configuration) =>
        PortLine().Matches(configuration ?? "").LastOrDefault()?.Groups["port"].Value is { Length: > 0 } port
            ? int.Parse(port, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"^\s*port(\s*=\s*|\s+)'?(?<port>\d{1,5})\b", RegexOptions.Multiline | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex PortLine();
}
