namespace PgReplWatchdog.Topology;

/// <summary>A primary and its standbys, as configured and checked. Nothing in it changes while the watchdog runs.</summary>
/// <param name="Name">The cluster's name: metric label, command line argument, slot and block marker.</param>
/// <param name="Nodes">In the order of the configuration; the first is the primary of a set-up from bare.</param>
/// <param name="Policy">When to act.</param>
/// <param name="Roles">The two SQL roles.</param>
public sealed record ClusterSpec(string Name, ImmutableArray<NodeSpec> Nodes, Policy Policy, SqlRoles Roles)
{
    /// <summary>Archiving, encryption, limits.</summary>
    public ReplicationSettings Replication { get; init; } = new();

    /// <summary>What the configuration allows that is not safe, in sentences: shown for as long as it does.</summary>
    public ImmutableArray<string> Weaknesses { get; init; } = [];

    /// <summary>How set-up copies the primary.</summary>
    public CopyMethod CopyMethod { get; init; } = CopyMethod.BaseBackup;

    /// <summary>
    /// The watchdog that asks and arms: eight lower-case hexadecimal digits, made once for its state directory. Empty for commands, which arm nothing.
    /// </summary>
    public string Owner { get; init; } = "";

    /// <summary>The name, where a node has it; null for one that has left the configuration.</summary>
    public string? Has(string? name) => Nodes.Any(node => node.Name == name) ? name : null;

    /// <summary>The node of that name, which must exist.</summary>
    public NodeSpec Node(string name) => Nodes.First(node => node.Name == name);
}

/// <summary>One PostgreSQL server of a cluster.</summary>
/// <param name="Name">Its name in the configuration; also the standby's application_name.</param>
/// <param name="Host">Address or name under which watchdog and other nodes reach it.</param>
/// <param name="Port">PostgreSQL's port.</param>
/// <param name="DataDirectory">PostgreSQL's data_directory on that host.</param>
/// <param name="Priority">Among candidates with equal WAL, received and replayed, the higher one is promoted; 0 is never promoted.</param>
public sealed record NodeSpec(string Name, string Host, int Port, string DataDirectory, int Priority = NodeSpec.DefaultPriority)
{
    public const int DefaultPriority = 100;

    /// <summary>Where a tablespace is on this node, whose directory is another one elsewhere.</summary>
    public ImmutableArray<TablespaceMove> TablespaceMapping { get; init; } = [];

    /// <summary>The one directory that set-up leaves on a host, beside the data directory so that no base backup copies it.</summary>
    public string StateDirectory => DataDirectory + ".pgwatchdog";

    /// <summary>The file whose appearance promotes a standby (promote_trigger_file, PostgreSQL 12 to 15).</summary>
    public string TriggerFile => StateDirectory + "/promote";

    /// <summary>The replication role's passwords (libpq's password file), mode 0600.</summary>
    public string PassFile => StateDirectory + "/passfile";

    /// <summary>What set-up has found of the server and the scripts on its host go by: configuration directory, unit.</summary>
    public string ServerConfiguration => StateDirectory + "/server.conf";

    /// <summary>The guard: a shell script by which a primary that nobody acknowledges any more stops itself.</summary>
    public string Guard => StateDirectory + "/guard";

    /// <summary>What the guard has to know of its node, read by the shell.</summary>
    public string GuardConfiguration => StateDirectory + "/guard.conf";

    /// <summary>The guard's order (<see cref="GuardOrder.Line"/>); where it is missing the guard does nothing.</summary>
    public string GuardOrderFile => StateDirectory + "/guard.armed";

    /// <summary>While it is there PostgreSQL 12 and later does not start.</summary>
    public string StartBlock => DataDirectory + "/recovery.conf";

    /// <summary>What archive_command and restore_command run.</summary>
    public string Archive => StateDirectory + "/archive";

    /// <summary>What the archive script has to know of its node, read by the shell.</summary>
    public string ArchiveConfiguration => StateDirectory + "/archive.conf";

    /// <summary>The key, host keys and configuration of SSH with which the nodes send each other WAL.</summary>
    public string ArchiveSsh => StateDirectory + "/archive.ssh";

    /// <summary>Where this node keeps the cluster's WAL.</summary>
    public string ArchiveDirectory
    {
        get => field.Length > 0 ? field : StateDirectory + "/wal";
        init;
    } = "";

    /// <summary>The physical replication slot that this node uses when it is a standby.</summary>
    public string SlotName => "pgwatchdog_" + Name.Replace('-', '_').ToLowerInvariant();
}

/// <summary>The roles that set-up creates: one for walreceivers and base backups, one for the watchdog's questions.</summary>
/// <param name="Replication">Walreceivers and base backups.</param>
/// <param name="Watchdog">The watchdog's sessions.</param>
/// <param name="Database">The database that those connect to.</param>
/// <param name="BacksUp">The watchdog's role may begin and end a backup, between which rsync copies.</param>
public sealed record SqlRoles(string Replication, string Watchdog, string Database, bool BacksUp = false)
{
    /// <summary>Connections of the watchdog's role: two watchdogs and the commands beside them need fewer, and nobody else uses it.</summary>
    public const int WatchdogConnections = 20;
}

/// <summary>How the primary's data gets to a standby.</summary>
public enum CopyMethod
{
    Unknown,
    BaseBackup,
    Rsync,
}
