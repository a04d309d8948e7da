using System.Globalization;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>From what is there and what is wanted to the steps between: pure, so that a plan can be shown without a hand on anything.</summary>
public static class SetupPlanner
{
    public static SetupPlan Plan(ClusterSpec spec, ImmutableArray<NodeFacts> facts, SetupOptions options)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(options);
        var refusals = ImmutableArray.CreateBuilder<string>();
        foreach (var unknown in options.Overwrite.Where(name => spec.Nodes.All(node => node.Name != name)))
            refusals.Add($"--overwrite names {unknown}, which is no node of cluster {spec.Name}: its nodes are {string.Join(", ", spec.Nodes.Select(node => node.Name))}");
        refusals.AddRange(WrongVersions(facts));
        refusals.AddRange(SetupRefusals.OfTheHosts(spec, facts));
        var primary = ChoosePrimary(spec, facts, options, refusals);
        if (primary is null)
            return new SetupPlan(null, [], refusals.ToImmutable());
        refusals.AddRange(SetupRefusals.Unreachable(spec, facts, primary));
        foreach (var node in facts.Where(node => node.Running && (node.InRecovery || node == primary)))
        {
            if (node.Settings.TryGetValue("port", out var port) && port.Value != spec.Node(node.Node).Port.ToString(CultureInfo.InvariantCulture))
                refusals.Add($"{node.Node} runs on port {port.Value}, Port says {spec.Node(node.Node).Port}: correct Port, or change the server's port yourself");
            refusals.AddRange(Overridden(spec, node, primary));
        }
        refusals.AddRange(facts.Where(node => node != primary).SelectMany(node => NoConfiguration(spec, node, primary)));
        foreach (var (role, state) in new[] { (spec.Roles.Watchdog, primary.WatchdogRole), (spec.Roles.Replication, primary.ReplicationRole) })
        {
            if (state == RoleState.IsSuperuser)
                refusals.Add($"role {role} is a superuser on {primary.Node}, and set-up would give it another password: configure a role of its own for the watchdog and for replication");
        }
        refusals.AddRange(OptionalSettings.Refusals(spec, facts));
        var standbys = facts.Where(node => node.Node != primary.Node).Select(node => new Standby(node, Treat(node, primary, options, refusals))).ToList();
        refusals.AddRange(standbys.Where(standby => standby.Treatment == Treatment.Copy).SelectMany(standby => SetupRefusals.NoSpace(spec.Node(standby.Facts.Node), standby.Facts, primary)));
        refusals.AddRange(standbys.Where(standby => standby.Treatment == Treatment.Copy).SelectMany(standby => CopyPlanner.Refusals(spec, primary, standby.Facts)).Distinct());
        if (refusals.Count > 0)
            return new SetupPlan(primary.Node, [], refusals.ToImmutable());
        ImmutableArray<SetupStep> steps =
        [
            .. ArchivePlan.Steps(spec, facts), .. PrimarySteps(spec, primary), .. standbys.SelectMany(standby => StandbySteps(spec, primary, standby, options)),
        ];
        refusals.AddRange(SetupRefusals.NotWritable(facts, steps));
        return refusals.Count > 0 ? new SetupPlan(primary.Node, [], refusals.ToImmutable())
            : new SetupPlan(primary.Node, steps, []) { Warnings = [.. SetupWarnings.Of(spec, facts, primary, steps)], NotNow = [.. SetupRefusals.ArmedGuard(spec, primary, steps)] };
    }

    /// <summary>PostgreSQL looks only at whether the file is there.</summary>
    private const string StandbySignal = "# Written by pgwatchdog setup: this server is a standby.\n";

    private enum Treatment
    {
        Unknown,
        Keep,
        Start,
        Copy,
    }

    private sealed record Standby(NodeFacts Facts, Treatment Treatment);

    /// <summary>Physical replication is between servers of one major version (manual, "Log-Shipping Standby Servers").</summary>
    private static IEnumerable<string> WrongVersions(ImmutableArray<NodeFacts> facts)
    {
        foreach (var node in facts)
        {
            if ((node.Version ?? node.ProgramVersion) is { IsSupported: false } old)
                yield return $"{node.Node} has PostgreSQL {old}: set-up is made for {PostgresVersion.Oldest} and later";
            else if (node is { Version: { } data, ProgramVersion: { } programs } && data.ToString() != programs.ToString())
                yield return $"{node.Node}: the data directory is of PostgreSQL {data}, the programs in BinDirectory are {programs}: correct BinDirectory";
        }
        var programVersions = facts.Where(node => node.ProgramVersion is not null).GroupBy(node => node.ProgramVersion!.Value.ToString()).ToList();
        if (programVersions.Count > 1)
            yield return $"the nodes have different major versions ({string.Join(", ", facts.Select(node => $"{node.Node} {node.ProgramVersion}"))}): a standby has that of its primary";
    }

    /// <summary>A configuration below /etc belongs to its host: the primary's would name the primary's directories.</summary>
    private static IEnumerable<string> NoConfiguration(ClusterSpec spec, NodeFacts facts, NodeFacts primary)
    {
        if (facts.ConfigurationText is null && (facts.IsFresh || IsOutside(spec, facts) || IsOutside(spec, primary)))
            yield return $"{facts.Node}: there is no {facts.ConfigFile}: make the server as its distribution does (pg_createcluster on Debian), or give its ConfigDirectory";
    }

    /// <summary>The configuration is not in the data directory: no copy brings it, and none takes it away.</summary>
    private static bool IsOutside(ClusterSpec spec, NodeFacts facts) => facts.ConfigFile != spec.Node(facts.Node).DataDirectory + "/postgresql.conf";

    private static NodeFacts? ChoosePrimary(
        ClusterSpec spec, ImmutableArray<NodeFacts> facts, SetupOptions options, ImmutableArray<string>.Builder refusals)
    {
        var running = facts.Where(node => node.IsRunningPrimary && !options.Overwrite.Contains(node.Node)).ToList();
        if (running.Count == 1)
            return running[0];
        if (running.Count == 0 && facts.FirstOrDefault(node => node.IsRunningPrimary) is { } named)
            refusals.Add($"--overwrite names {named.Node}, the only running primary: nothing would be left to copy from");
        else
            refusals.Add(running.Count == 0
            ? $"no node of cluster {spec.Name} runs as a primary: start PostgreSQL on the one that is to be it, {spec.Nodes[0].Name} if both are new "
                + $"({string.Join(", ", facts.Where(node => !node.Running).Select(node => $"on {node.Node} nothing runs on its DataDirectory {spec.Node(node.Node).DataDirectory}"))})"
                + string.Concat(from node in facts
                                where !node.Running && GuardBlock.Parse(node.RecoveryText) is not null
                                select "; " + GuardBlock.Parse(node.RecoveryText)!.Describe(spec.Name, spec.Node(node.Node)))
            : $"{string.Join(" and ", running.Select(node => node.Node))} both run as primaries: stop the one that is to become a standby if it is new, "
                + "or name it with --overwrite if its data may be moved aside");
        return null;
    }

    private static Treatment Treat(NodeFacts node, NodeFacts primary, SetupOptions options, ImmutableArray<string>.Builder refusals)
    {
        var ofThisCluster = node.SystemIdentifier == primary.SystemIdentifier;
        if (options.Overwrite.Contains(node.Node) || (!node.Running && (node.IsEmpty || node.IsFresh)))
        {
            if (node.ImmovableBecause is { } why)
                refusals.Add($"the data directory of {node.Node} cannot be moved aside: it is {why}; give the directory itself as DataDirectory, below the mount point");
            return Treatment.Copy;
        }
        if (ofThisCluster && node is { Running: true, InRecovery: true })
            return Treatment.Keep;
        if (ofThisCluster && node is { Running: false, StandbySignal: true })
            return Treatment.Start;
        refusals.Add(Why(node, ofThisCluster) + $": name it with --overwrite {node.Node} if its data directory may be moved aside");
        return Treatment.Unknown;
    }

    private static string Why(NodeFacts node, bool ofThisCluster) => node switch
    {
        { Running: true, InRecovery: true } => $"{node.Node} runs as a standby of another primary",
        { Running: true } => $"{node.Node} runs a server of its own",
        { Version: null } => $"the data directory of {node.Node} is not empty and holds no PostgreSQL",
        { ControlState: null } => $"the data directory of {node.Node} cannot be read by pg_controldata",
        _ when ofThisCluster => $"{node.Node} was a primary of this cluster (pg_controldata: {node.ControlState}) and may hold what no other node has",
        _ => $"the data directory of {node.Node} holds another database system (pg_controldata: {node.ControlState})",
    };

    private static IEnumerable<SetupStep> PrimarySteps(ClusterSpec spec, NodeFacts facts)
    {
        var node = spec.Node(facts.Node);
        var version = facts.Version!.Value;
        foreach (var step in Directory(spec, node, facts, version))
            yield return step;
        if (facts.ReplicationRole != RoleState.AsWanted)
            yield return new SetupStep.EnsureRole(node.Name, spec.Roles.Replication, RoleKind.Replication, facts.ReplicationRole, version,
                spec.Replication.RoleLimit(spec.Nodes.Length - 1));
        if (facts.WatchdogRole != RoleState.AsWanted)
            yield return new SetupStep.EnsureRole(node.Name, spec.Roles.Watchdog, RoleKind.Watchdog, facts.WatchdogRole, version, SqlRoles.WatchdogConnections, spec.Roles.BacksUp);
        foreach (var step in RunningServer(spec, node, facts, facts, []))
            yield return step;
        foreach (var standby in spec.Nodes.Where(other => version.HasSlots && other.Name != node.Name && (!facts.Slots.Contains(other.SlotName) || facts.LostSlots.Contains(other.SlotName))))
            yield return new SetupStep.CreateSlot(node.Name, standby.SlotName, version);
    }

    private static ImmutableArray<SetupStep> StandbySteps(ClusterSpec spec, NodeFacts primary, Standby standby, SetupOptions options)
    {
        var node = spec.Node(standby.Facts.Node);
        var wanted = StandbySettings(spec, standby.Facts, primary);
        ImmutableArray<SetupStep> steps =
        [
            .. Directory(spec, node, standby.Facts, primary.Version!.Value),
            .. standby.Treatment switch
            {
                Treatment.Keep => RunningServer(spec, node, standby.Facts, primary, wanted),
                Treatment.Copy => Copy(spec, node, primary, standby.Facts, wanted, options),
                _ => Start(spec, node, standby.Facts, primary, wanted),
            },
        ];
        return steps.IsEmpty && primary.StreamingStandbys.Contains(node.Name) ? [] : [.. steps, new SetupStep.ProveStreaming(node.Name, primary.Node)];
    }

    private static IEnumerable<SetupStep> Directory(ClusterSpec spec, NodeSpec node, NodeFacts facts, PostgresVersion version)
    {
        if (!facts.StateDirectoryExists)
            yield return new SetupStep.PrepareDirectory(node.Name, node.StateDirectory);
        if (!facts.PassFileCurrent)
            yield return new SetupStep.WritePassFile(node.Name, node.PassFile, PassFileEntries(spec, node), spec.Roles.Replication, InHome: !version.NamesPassFile);
        var server = ConfigurationText.Server(node.Name, facts.ConfigFile[..facts.ConfigFile.LastIndexOf('/')], facts.Unit);
        if (facts.ServerText != server)
            yield return new SetupStep.WriteFile(node.Name, node.ServerConfiguration, facts.ServerText, server);
        if (!facts.GuardCurrent && version.HasGuard)
            yield return new SetupStep.InstallGuard(node.Name, node.Guard);
    }

    /// <summary>Takes the guard away from every node, whatever else is there.</summary>
    public static SetupPlan WithoutGuard(ClusterSpec spec) =>
        new(null, [.. spec.Nodes.Select(node => new SetupStep.RemoveGuard(node.Name, node.Guard))], []);

    /// <summary>Every other node: roles change, and then the password must be there already.</summary>
    public static ImmutableArray<PassFileEntry> PassFileEntries(ClusterSpec spec, NodeSpec node) =>
        [.. spec.Nodes.Where(other => other.Name != node.Name).Select(other => new PassFileEntry(other.Host, other.Port)).Distinct()];

    /// <summary>ALTER SYSTEM wins over every file that set-up could write; taking it back is for the one who said it.</summary>
    private static IEnumerable<string> Overridden(ClusterSpec spec, NodeFacts facts, NodeFacts primary) =>
        Differing(spec, spec.Node(facts.Node), facts, primary, StandbySettings(spec, facts, primary))
            .Where(wanted => facts.Settings.TryGetValue(wanted.Name, out var setting) && setting.IsFromAlterSystem)
            .Select(wanted => $"{facts.Node}: {wanted.Name} is '{facts.Settings[wanted.Name].Value}' by ALTER SYSTEM, set-up needs '{wanted.Value}': run ALTER SYSTEM RESET {wanted.Name} there");

    private static ImmutableArray<WantedSetting> StandbySettings(ClusterSpec spec, NodeFacts facts, NodeFacts primary) =>
        facts.Node == primary.Node ? [] : [.. WantedSettings.ForStandby(spec, spec.Node(facts.Node), spec.Node(primary.Node), primary.Version!.Value, primary.Settings)];

    private static List<WantedSetting> Differing(ClusterSpec spec, NodeSpec node, NodeFacts facts, NodeFacts primary, ImmutableArray<WantedSetting> more) =>
        [.. WantedSettings.ForEveryNode(node, primary.Version!.Value, facts.Settings)
            .Concat(OptionalSettings.ForEveryNode(spec, node, facts, primary.Version!.Value)).Concat(more)
            .Where(wanted => !facts.Settings.TryGetValue(wanted.Name, out var setting) || !wanted.IsSatisfiedBy(setting.Value) || setting.PendingRestart
                || (setting.IsFromManagedFile && !ConfigurationText.Sets(facts.ManagedText, wanted.Name)))]; // it runs with it, but would not any more

    private static IEnumerable<SetupStep> RunningServer(ClusterSpec spec, NodeSpec node, NodeFacts facts, NodeFacts primary, ImmutableArray<WantedSetting> more)
    {
        var differing = Differing(spec, node, facts, primary, more);
        var files = Files(spec, node, facts, primary, node.DataDirectory, differing).ToList();
        foreach (var file in files)
            yield return file;
        var recovery = facts == primary ? null : Recovery(spec, node, facts, primary);
        if (recovery is not null)
            yield return recovery;
        if (facts.InRecovery && (differing.Count > 0 || recovery is not null))
            yield return new SetupStep.RemoveTriggerFile(node.Name, node.TriggerFile);
        ImmutableArray<string> restart =
        [
            .. differing.Select(wanted => wanted.Name).Where(name => facts.Settings.TryGetValue(name, out var setting) && setting.Context == "postmaster")
                .Distinct().Order(StringComparer.Ordinal),
            .. recovery is null ? Array.Empty<string>() : ["recovery.conf"],
        ];
        if (!restart.IsEmpty)
            yield return new SetupStep.Restart(node.Name, restart);
        else if (files.Count > 0 || differing.Count > 0)
            yield return new SetupStep.Reload(node.Name);
    }

    /// <summary>What makes a server until PostgreSQL 11 a standby, where it is not as wanted. Other lines of a person's stay.</summary>
    private static SetupStep.WriteFile? Recovery(ClusterSpec spec, NodeSpec node, NodeFacts facts, NodeFacts primary)
    {
        if (!primary.Version!.Value.HasRecoveryFile)
            return null;
        var lines = facts.RecoveryText?.Split('\n') ?? [];
        ImmutableArray<(string, string?)> changes =
        [
            .. WantedSettings.Recovery(spec, node, spec.Node(primary.Node), primary.Version!.Value).Where(line => !lines.Contains(ConfigurationText.Line(line.Name, line.Value))),
            .. OptionalSettings.NotRestored(spec, node, lines).Select(name => (name, (string?)null)),
        ];
        return changes.IsEmpty ? null
            : new SetupStep.WriteFile(node.Name, node.DataDirectory + "/recovery.conf", facts.RecoveryText, ConfigurationText.WithLines(facts.RecoveryText, changes));
    }

    /// <summary>The copy gets its configuration before it takes the data directory's place: what is started is whole.</summary>
    private static IEnumerable<SetupStep> Copy(
        ClusterSpec spec, NodeSpec node, NodeFacts primary, NodeFacts facts, ImmutableArray<WantedSetting> more, SetupOptions options)
    {
        var copy = node.StateDirectory + "/copy";
        var own = facts with
        {
            HbaText = facts.HbaText ?? primary.HbaText,
            ConfigurationText = facts.ConfigurationText ?? primary.ConfigurationText,
            ManagedText = null,
        };
        if (facts.Running)
            yield return new SetupStep.StopServer(node.Name);
        foreach (var step in CopyPlanner.Prepare(spec, primary, facts, options))
            yield return step;
        yield return new SetupStep.CopyFromPrimary(node.Name, primary.Node, copy, primary.DataBytes, spec.CopyMethod, CopyPlanner.Copies(spec, primary, facts));
        foreach (var file in Files(spec, node, own, primary, copy, AsThePrimaryHas(primary, Settings(spec, node, facts, primary, more))))
            yield return file;
        yield return Recovery(spec, node, own with { RecoveryText = null }, primary) is { } recovery
            ? recovery with { Path = copy + "/recovery.conf", InCopy = true }
            : new SetupStep.WriteFile(node.Name, copy + "/standby.signal", null, StandbySignal, InCopy: true);
        yield return new SetupStep.InstallCopy(node.Name, copy, node.DataDirectory,
            facts.DataDirectoryEntries is null ? null : $"{node.DataDirectory}.before-pgwatchdog-{options.Stamp}",
            [.. Settings(spec, node, facts, primary, more).Select(wanted => wanted.Name)]);
        yield return new SetupStep.RemoveTriggerFile(node.Name, node.TriggerFile);
        yield return new SetupStep.StartServer(node.Name);
    }

    private static IEnumerable<SetupStep> Start(ClusterSpec spec, NodeSpec node, NodeFacts facts, NodeFacts primary, ImmutableArray<WantedSetting> more) =>
    [
        .. Files(spec, node, facts, primary, node.DataDirectory, Settings(spec, node, facts, primary, more)),
        .. Recovery(spec, node, facts, primary) is { } recovery ? new SetupStep[] { recovery } : [],
        new SetupStep.RemoveTriggerFile(node.Name, node.TriggerFile),
        new SetupStep.StartServer(node.Name),
    ];

    /// <summary>A server that does not run cannot be asked what it has: it gets them all.</summary>
    private static IEnumerable<WantedSetting> Settings(ClusterSpec spec, NodeSpec node, NodeFacts facts, NodeFacts primary, ImmutableArray<WantedSetting> more) =>
        WantedSettings.ForEveryNode(node, primary.Version!.Value, primary.Settings.Remove("listen_addresses"))
            .Concat(OptionalSettings.ForEveryNode(spec, node, facts with { Settings = primary.Settings }, primary.Version!.Value)).Concat(more)
            .GroupBy(wanted => wanted.Name).Select(same => same.Last());

    /// <summary>What the primary has more of than is needed (logical WAL, more slots) its standby gets as well: it may have to take its place.</summary>
    private static IEnumerable<WantedSetting> AsThePrimaryHas(NodeFacts primary, IEnumerable<WantedSetting> settings) => settings.Select(wanted =>
        wanted.Name is "wal_level" or "max_wal_senders" or "max_replication_slots" or "max_slot_wal_keep_size"
            && primary.Settings.TryGetValue(wanted.Name, out var setting) && wanted.IsSatisfiedBy(setting.Value)
            ? wanted with { Value = setting.Value }
            : wanted);

    /// <summary>The node's files, or a copy's that is to take the data directory's place; a configuration outside of it is changed where it is.</summary>
    private static IEnumerable<SetupStep.WriteFile> Files(
        ClusterSpec spec, NodeSpec node, NodeFacts facts, NodeFacts primary, string directory, IEnumerable<WantedSetting> settings)
    {
        var changes = settings.ToList();
        var (inCopy, outside) = (directory != node.DataDirectory, IsOutside(spec, facts));
        var hba = ConfigurationText.WithHbaBlock(facts.HbaText ?? "", HbaLines(spec, node, facts.WatchdogAddress, primary.Version!.Value.HasScram ? "scram-sha-256" : "md5"));
        var managedFile = $"{node.DataDirectory}/{ConfigurationText.ManagedFileName}";
        var configuration = ConfigurationText.WithInclude(facts.ConfigurationText ?? "", outside ? managedFile : ConfigurationText.ManagedFileName);
        var managed = changes.Count == 0 && facts.ManagedText is not null ? facts.ManagedText : ConfigurationText.WithSettings(facts.ManagedText, changes);
        return new SetupStep.WriteFile[]
        {
            new(node.Name, Into(facts.HbaFile), facts.HbaText, hba, inCopy && !outside, KeepAs(facts.HbaFile, facts.HbaText)),
            new(node.Name, Into(managedFile), facts.ManagedText, managed, inCopy),
            new(node.Name, Into(facts.ConfigFile), facts.ConfigurationText, configuration, inCopy && !outside, KeepAs(facts.ConfigFile, facts.ConfigurationText)),
        }.Where(file => file.Before != file.After || file.InCopy);

        // Before a copy takes its place the whole directory is moved aside: nothing in there has to be kept.
        string? KeepAs(string path, string? before) =>
            before is not null && (!inCopy || outside) && ConfigurationText.IsUntouched(before) ? path + ConfigurationText.KeptSuffix : null;
        string Into(string path) => path.StartsWith(node.DataDirectory + "/", StringComparison.Ordinal) ? directory + path[node.DataDirectory.Length..] : path;
    }

    private static IEnumerable<string> HbaLines(ClusterSpec spec, NodeSpec node, string watchdogAddress, string method) =>
    [
        .. spec.Nodes.Where(other => other.Name != node.Name)
            .SelectMany(other => new[] { "replication", spec.Roles.Database } // walreceiver and base backup; boot check and pg_rewind
                .Select(database => $"{Host(spec)} {database} {spec.Roles.Replication} {ConfigurationText.HbaAddress(other.Host)} {method}")).Distinct(),
        $"{Host(spec)} {spec.Roles.Database} {spec.Roles.Watchdog} {ConfigurationText.HbaAddress(watchdogAddress)} {method}",
        // Lines of others further down may let them in without.
        .. spec.Replication.Tls == Tls.Required
            ? new[] { spec.Roles.Replication, spec.Roles.Watchdog }.Select(role => $"hostnossl replication,all {role} all reject") : [],
    ];

    private static string Host(ClusterSpec spec) => spec.Replication.Tls == Tls.Required ? "hostssl" : "host";
}
