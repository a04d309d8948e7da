using System.Globalization;
using System.Text.Json;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>Asks the hosts what is there. Holds no means to change anything: scripts that read, SQL in a read-only transaction.</summary>
/// <param name="cluster">The cluster.</param>
/// <param name="hosts">Its hosts.</param>
/// <param name="overwrite">Nodes whose data is given up: one of them that accepts no connections, and perhaps never will, is not asked.</param>
public sealed class FactsGatherer(ClusterAccess cluster, SetupHosts hosts, params ImmutableArray<string> overwrite)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Characters of the names of all files in the state directory.</summary>
    private const int LongestList = 16_000;

    /// <summary>All nodes at once.</summary>
    /// <exception cref="SshFailureException">A host could not be asked; all such hosts in one message.</exception>
    public async Task<ImmutableArray<NodeFacts>> GatherAsync(CancellationToken cancellation)
    {
        var asked = cluster.Spec.Nodes.Select(node => GatherAsync(node, cancellation)).ToList();
        try
        {
            var facts = await new HostQuestions(cluster, hosts).WithReachesAsync(await WithTablespacesAsync(await Task.WhenAll(asked), cancellation), cancellation);
            return cluster.Spec.Replication.Archiving == Archiving.Ship ? await new ArchiveFiles(cluster, hosts).CompareAsync(facts, cancellation) : facts;
        }
        catch (SshFailureException first) when (asked.Exists(task => task.IsFaulted))
        {
            var all = asked.Where(task => task.IsFaulted).Select(task => task.Exception!.InnerException!.Message);
            throw new SshFailureException(first.Kind, string.Join(Environment.NewLine, all), first);
        }
    }

    /// <exception cref="SshFailureException">The host could not be asked, or its answer cannot be understood.</exception>
    private async Task<NodeFacts> GatherAsync(NodeSpec node, CancellationToken cancellation)
    {
        try
        {
            return await AskHostAsync(node, cancellation);
        }
        // Whatever a host answers: a set-up that goes by what it has not understood would write it down somewhere.
        catch (Exception failure) when (failure is not (SshFailureException or OperationCanceledException))
        {
            throw new SshFailureException(SshFailureKind.CommandFailed,
                $"{node.Name}: what its host or its server says cannot be understood, and nothing was changed: {failure.Message}", failure);
        }
    }

    private async Task<NodeFacts> AskHostAsync(NodeSpec node, CancellationToken cancellation)
    {
        var host = hosts[node.Name];
        var said = new HostAnswer(await host.RequireAsync(SetupScripts.Facts(host.Host), Limit, cancellation));
        var config = said.Path("config_directory");
        var facts = new NodeFacts(node.Name)
        {
            DataDirectoryEntries = said.SmallNumber("entries"),
            ImmovableBecause = said.Words("immovable"),
            Version = PostgresVersion.Parse(said.Text("version", 100)),
            ProgramVersion = PostgresVersion.Parse(said.Text("program_version", 100)),
            ControlState = said.Words("control_state", 100),
            SystemIdentifier = ulong.TryParse(said.Text("system_identifier", 20), CultureInfo.InvariantCulture, out var system) ? system : null,
            NextOid = said.Number("next_oid") is { } oid and <= uint.MaxValue ? (uint)oid : null,
            Running = said.Has("running"),
            StandbySignal = said.Has("standby_signal"),
            StateDirectoryExists = said.Has("state_directory"),
            StateFiles = [.. (said.Text("state_files", LongestList) ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries)],
            DiskMegabytes = said.SmallNumber("disk"),
            ArchiveLacks = [.. (said.Words("archive_lacks") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)],
            HasRsync = said.Has("rsync"),
            WatchdogAddress = said.Address("watchdog_address"),
            ConfigFile = config + "/postgresql.conf",
            HbaFile = config + "/pg_hba.conf",
            Unit = said.Unit("unit"),
            StartsUnasked = said.Has("starts_unasked"),
            ManagedText = await hosts.ReadFileAsync(node.Name, $"{node.DataDirectory}/{ConfigurationText.ManagedFileName}", cancellation),
            RecoveryText = await hosts.ReadFileAsync(node.Name, node.DataDirectory + "/recovery.conf", cancellation),
            ServerText = await hosts.ReadFileAsync(node.Name, node.ServerConfiguration, cancellation),
            PassFileCurrent = await hosts.ReadFileAsync(node.Name, node.PassFile, cancellation)
                == PassFile.Text(SetupPlanner.PassFileEntries(cluster.Spec, node), cluster.Spec.Roles.Replication, cluster.ReplicationPassword)
                && !said.Has("missing_in_home"),
            GuardCurrent = said.Has("guard_runs")
                && await hosts.ReadFileAsync(node.Name, node.Guard, cancellation) == GuardFiles.Script
                && await hosts.ReadFileAsync(node.Name, node.GuardConfiguration, cancellation) == GuardFiles.Configuration(cluster.Spec, host.Host),
        };
        if (facts.Running && !(overwrite.Contains(node.Name) && (await host.RunAsync(SetupScripts.IsReady(host.Host), Limit, cancellation)).ExitStatus != 0))
            facts = await AskServerAsync(facts, cancellation);
        return facts with
        {
            Host = await new HostQuestions(cluster, hosts).AskAsync(facts, cancellation),
            HbaText = await hosts.ReadFileAsync(node.Name, facts.HbaFile, cancellation),
            ConfigurationText = await hosts.ReadFileAsync(node.Name, facts.ConfigFile, cancellation),
            KeptFiles = [.. (await host.RequireAsync(SetupScripts.Existing(facts.HbaFile + ConfigurationText.KeptSuffix, facts.ConfigFile + ConfigurationText.KeptSuffix),
                Limit, cancellation)).Split('\n', StringSplitOptions.RemoveEmptyEntries)],
        };
    }

    /// <summary>Where the tablespaces of a running primary would be on the other nodes, and what is there.</summary>
    private async Task<ImmutableArray<NodeFacts>> WithTablespacesAsync(NodeFacts[] nodes, CancellationToken cancellation)
    {
        var primaries = nodes.Where(node => node.IsRunningPrimary).ToList();
        return [.. await Task.WhenAll(nodes.Select(async node =>
        {
            var paths = primaries.Where(primary => primary != node).SelectMany(primary => primary.Tablespaces.Select(tablespace =>
                TablespaceMove.Target(cluster.Spec.Node(primary.Node), cluster.Spec.Node(node.Node), tablespace.Location))).Distinct().ToList();
            if (paths.Count == 0)
                return node;
            var host = hosts[node.Node];
            var said = new HostAnswer(await host.RequireAsync(CopyScripts.TablespaceFacts(host.Host.Node, paths), Limit, cancellation));
            return node with
            {
                TablespaceDirectories = [.. paths.Select((path, index) => new TablespaceDirectory(path, said.SmallNumber($"entries{index}"), said.Has($"writable{index}"),
                    said.Words($"immovable{index}"), said.Has($"own{index}"), said.Has($"claimed{index}")))],
            };
        }))];
    }

    private async Task<NodeFacts> AskServerAsync(NodeFacts facts, CancellationToken cancellation)
    {
        await new HostQuestions(cluster, hosts).RequireSuperuserAsync(facts.Node, cancellation);
        var json = await hosts.PsqlAsync(facts.Node, SqlText.Of("Setup.Sql.facts.sql"), cancellation, readOnly: true);
        var answer = JsonSerializer.Deserialize<ServerAnswer>(json, Json.Options)!;
        var settings = answer.Settings.ToImmutableDictionary(setting => setting.Name, setting => new Setting(setting.Value, setting.Context, setting.PendingRestart, setting.SourceFile));
        var version = new PostgresVersion(int.Parse(settings["server_version_num"].Value, CultureInfo.InvariantCulture));
        var granted = await GrantedAsync(facts.Node, answer, version, cancellation);
        return facts with
        {
            InRecovery = answer.InRecovery,
            ConfigFile = HostAnswer.Path("config_file", settings["config_file"].Value),
            HbaFile = HostAnswer.Path("hba_file", settings["hba_file"].Value),
            Settings = settings,
            Slots = answer.Slots,
            LostSlots = answer.LostSlots,
            StreamingStandbys = answer.StreamingStandbys,
            Tablespaces = [.. answer.Tablespaces.Select(tablespace => tablespace with { Location = HostAnswer.Path("a tablespace's directory", tablespace.Location) })],
            DataBytes = answer.DataBytes,
            DirectoryBytes = answer.DirectoryBytes,
            WalBytes = answer.WalBytes,
            WatchdogSessions = answer.WatchdogSessions,
            Owners = answer.Owners,
            ReplicationRole = State(version, answer, granted, cluster.Spec.Roles.Replication, cluster.ReplicationPassword,
                role => role is { Login: true, Replication: true } && EnoughConnections(role.ConnectionLimit, cluster.Spec.Replication.RoleLimit(cluster.Spec.Nodes.Length - 1))),
            WatchdogRole = State(version, answer, granted, cluster.Spec.Roles.Watchdog, cluster.WatchdogPassword,
                role => role is { Login: true, ReadsAllStatistics: false } && EnoughConnections(role.ConnectionLimit, SqlRoles.WatchdogConnections)),
        };
    }

    /// <summary>The roles that may execute what they need to: functions belong to a database, and only the watchdog's counts.</summary>
    private async Task<ImmutableHashSet<string>> GrantedAsync(string node, ServerAnswer answer, PostgresVersion version, CancellationToken cancellation)
    {
        if (answer.InRecovery || !answer.Databases.Contains(cluster.Spec.Roles.Database))
            return [];
        var roles = await hosts.PsqlAsync(node, RoleGrants.Question(cluster.Spec.Roles, version), cancellation, readOnly: true);
        return [.. roles.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    /// <summary>A limit of a person's that is higher does no harm, and neither does none, unless none was asked for.</summary>
    private static bool EnoughConnections(int limit, int wanted) =>
        limit == ReplicationSettings.NoLimit || (wanted != ReplicationSettings.NoLimit && limit >= wanted);

    private static RoleState State(
        PostgresVersion version, ServerAnswer answer, ImmutableHashSet<string> granted, string name, Secret password, Func<RoleAnswer, bool> hasRights) =>
        answer.Roles.FirstOrDefault(role => role.Name == name) is not { } role ? RoleState.Missing
        : role.Superuser ? RoleState.IsSuperuser
        : !hasRights(role) || !granted.Contains(name) ? RoleState.RightsDiffer
        : !PasswordVerifier.Matches(version, name, role.Verifier, password) ? RoleState.PasswordDiffers
        : RoleState.AsWanted;

    private sealed record ServerAnswer(
        bool InRecovery, ImmutableArray<SettingAnswer> Settings, ImmutableArray<RoleAnswer> Roles,
        ImmutableArray<string> Slots, ImmutableArray<string> LostSlots, ImmutableArray<string> StreamingStandbys, ImmutableArray<Tablespace> Tablespaces, ImmutableArray<string> Databases,
        long? DataBytes, long? DirectoryBytes, long? WalBytes, ImmutableArray<string> WatchdogSessions, ImmutableArray<string> Owners);

    private sealed record SettingAnswer(string Name, string Value, string Context, bool PendingRestart, string? SourceFile);

    private sealed record RoleAnswer(string Name, bool Superuser, bool Login, bool Replication, int ConnectionLimit, string? Verifier, bool ReadsAllStatistics);
}
