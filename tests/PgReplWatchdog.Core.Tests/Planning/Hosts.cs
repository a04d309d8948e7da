using System.Globalization;

namespace PgReplWatchdog.Core.Tests.Planning;

/// <summary>Hosts that do what the steps say, as far as the facts show it: a plan can be run, broken off and planned again.</summary>
internal sealed class Hosts(ClusterSpec spec, params NodeFacts[] bare)
{
    public static readonly SetupOptions NoOptions = new([], "20260101-000000");

    /// <summary>What initdb of PostgreSQL 15 gives, in the setting's base unit; an asterisk marks what takes a restart.</summary>
    private static readonly ImmutableDictionary<string, Setting> Defaults =
        """
        listen_addresses*=localhost port*=5432 wal_level*=replica max_wal_senders*=10 max_replication_slots*=10 hot_standby*=on wal_log_hints*=off
        wal_sender_timeout=60000 wal_receiver_timeout=60000 wal_receiver_status_interval=10 wal_retrieve_retry_interval=5000 wal_writer_delay=200 promote_trigger_file=
        primary_conninfo= primary_slot_name= recovery_target_timeline*=latest max_connections*=100 max_worker_processes*=8
        max_slot_wal_keep_size=-1 archive_mode*=off archive_command= restore_command= archive_cleanup_command= archive_library= ssl=on
        max_prepared_transactions*=0 max_locks_per_transaction*=64
        """
        .Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(setting => setting.Split('=')).ToImmutableDictionary(
            setting => setting[0].TrimEnd('*'), setting => new Setting(setting[1], setting[0].EndsWith('*') ? "postmaster" : "sighup"));

    private readonly Dictionary<string, NodeFacts> nodes = bare.ToDictionary(node => node.Node);
    private readonly Dictionary<string, NodeFacts> copies = [];

    public ImmutableArray<NodeFacts> Facts => [.. spec.Nodes.Select(node => nodes[node.Name])];

    public NodeFacts this[string node]
    {
        get => nodes[node];
        set => nodes[node] = value;
    }

    /// <summary>A server as initdb and the distribution leave it, started.</summary>
    public static NodeFacts Server(string node, ulong system = Clusters.OurSystem) => Nothing(node) with
    {
        DataDirectoryEntries = 24,
        Version = new PostgresVersion(150018),
        ControlState = "in production",
        SystemIdentifier = system,
        NextOid = 24576,
        Running = true,
        HbaText = "local all all peer\n",
        ConfigurationText = "# PostgreSQL\nmax_connections = 100\n",
        Settings = Defaults,
        ReplicationRole = RoleState.Missing,
        WatchdogRole = RoleState.Missing,
        DataBytes = 30_000_000,
    };

    public static NodeFacts Nothing(string node) => new(node)
    {
        WatchdogAddress = "10.0.0.9",
        DiskMegabytes = 40_000,
        ProgramVersion = new PostgresVersion(150018),
        ConfigFile = $"/data/{node}/postgresql.conf",
        HbaFile = $"/data/{node}/pg_hba.conf",
    };

    /// <summary>A stopped server that initdb has just made.</summary>
    public static NodeFacts Fresh(string node) =>
        Server(node, Clusters.OtherSystem) with { Running = false, ControlState = "shut down", NextOid = 13761, Settings = Nothing(node).Settings };

    public SetupPlan Plan(SetupOptions? options = null) => SetupPlanner.Plan(spec, Facts, options ?? NoOptions);

    public Hosts Run(IEnumerable<SetupStep> steps)
    {
        foreach (var step in steps)
            nodes[step.Node] = Apply(step, nodes[step.Node]);
        return this;
    }

    public Hosts SetUp(SetupOptions? options = null) => Run(Plan(options).Steps);

    private NodeFacts Apply(SetupStep step, NodeFacts node) => step switch
    {
        SetupStep.PrepareDirectory => node with { StateDirectoryExists = true },
        SetupStep.WritePassFile => node with { PassFileCurrent = true },
        SetupStep.InstallGuard => node with { GuardCurrent = true },
        SetupStep.RemoveGuard => node with { GuardCurrent = false },
        SetupStep.InstallArchive => node with { ArchiveCurrent = true },
        SetupStep.AuthorizeArchive => node with { ArchivePeersCurrent = true },
        SetupStep.EnsureRole { Kind: RoleKind.Replication } => node with { ReplicationRole = RoleState.AsWanted },
        SetupStep.EnsureRole => node with { WatchdogRole = RoleState.AsWanted },
        SetupStep.CreateSlot slot => node with { Slots = node.Slots.Add(slot.Slot) },
        SetupStep.WriteFile { InCopy: true } file => Copied(node, Written(copies[node.Node], file)),
        SetupStep.WriteFile file => Written(node, file),
        SetupStep.Reload => node with { Settings = Loaded(node, false) },
        SetupStep.Restart => node with { Settings = Loaded(node, true) },
        SetupStep.StopServer => node with { Running = false, ControlState = "shut down", Settings = node.Settings.Clear() },
        SetupStep.CopyFromPrimary copy => Copied(node, nodes[copy.From]),
        SetupStep.InstallCopy => copies[node.Node] with
        {
            Node = node.Node,
            Running = false,
            StateDirectoryExists = node.StateDirectoryExists,
            PassFileCurrent = node.PassFileCurrent,
            ServerText = node.ServerText,
            ConfigFile = node.ConfigFile,
            HbaFile = node.HbaFile,
            ConfigurationText = IsOutside(node) ? node.ConfigurationText : copies[node.Node].ConfigurationText,
            HbaText = IsOutside(node) ? node.HbaText : copies[node.Node].HbaText,
            GuardCurrent = node.GuardCurrent,
            ArchiveCurrent = node.ArchiveCurrent,
            ArchivePeersCurrent = node.ArchivePeersCurrent,
            DiskMegabytes = node.DiskMegabytes,
            WatchdogAddress = node.WatchdogAddress,
            Slots = [],
            StreamingStandbys = [],
            Settings = node.Settings.Clear(),
        },
        SetupStep.StartServer => Started(node with { Running = true, InRecovery = node.StandbySignal, Settings = Loaded(node with { Settings = Defaults }, true) }),
        _ => node,
    };

    private static bool IsOutside(NodeFacts node) => node.ConfigFile.StartsWith("/etc/", StringComparison.Ordinal);

    private NodeFacts Copied(NodeFacts node, NodeFacts copy)
    {
        copies[node.Node] = copy;
        return node;
    }

    private NodeFacts Started(NodeFacts standby)
    {
        var upstream = PostgresText.ConnectionInfo(standby.Settings["primary_conninfo"].Value)["host"];
        var primary = nodes[spec.Nodes.Single(node => node.Host == upstream).Name];
        nodes[primary.Node] = primary with { StreamingStandbys = primary.StreamingStandbys.Add(standby.Node) };
        return standby;
    }

    private static NodeFacts Written(NodeFacts node, SetupStep.WriteFile file) => file.Path.Split('/')[^1] switch
    {
        "pg_hba.conf" => node with { HbaText = file.After },
        "postgresql.conf" => node with { ConfigurationText = file.After },
        "standby.signal" => node with { StandbySignal = true },
        "server.conf" => node with { ServerText = file.After },
        _ => node with { ManagedText = file.After },
    };

    /// <summary>What the managed file says, and the default of what it does not say any more.</summary>
    private static ImmutableDictionary<string, Setting> Loaded(NodeFacts node, bool restarted)
    {
        var managed = PostgresText.Settings(node.ManagedText!).ToDictionary(written => written.Key, written => new Setting(
            InBaseUnit(written.Key, written.Value), node.Settings[written.Key].Context, SourceFile: $"/data/{node.Node}/{ConfigurationText.ManagedFileName}"));
        foreach (var gone in node.Settings.Where(setting => setting.Value.IsFromManagedFile && !managed.ContainsKey(setting.Key)))
            managed[gone.Key] = Defaults[gone.Key];
        return node.Settings.SetItems(managed.Select(setting => KeyValuePair.Create(setting.Key,
            node.Settings[setting.Key] is { Context: "postmaster" } before && !restarted ? before with { PendingRestart = before.Value != setting.Value.Value } : setting.Value)));
    }

    private static string InBaseUnit(string name, string value) => (name, value) switch
    {
        ("wal_receiver_status_interval", "1s") => "1",
        (_, "500ms") => "500",
        ("max_slot_wal_keep_size", _) => value.TrimEnd('M', 'B'),
        (_, "200ms") => "200",
        (_, "5s") => 5000.ToString(CultureInfo.InvariantCulture),
        _ => value,
    };
}
