using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>What a host said about one node before anything is changed. Raw: what it means is the planner's business.</summary>
public sealed record NodeFacts(string Node)
{
    /// <summary>Entries of the data directory; null where there is no such directory.</summary>
    public int? DataDirectoryEntries { get; init; }

    /// <summary>Why the data directory cannot be moved aside (a symbolic link, a mount point); null where it can.</summary>
    public string? ImmovableBecause { get; init; }

    /// <summary>PG_VERSION; null where there is none.</summary>
    public PostgresVersion? Version { get; init; }

    /// <summary>What the programs in BinDirectory say of themselves.</summary>
    public PostgresVersion? ProgramVersion { get; init; }

    /// <summary>"Database cluster state" of pg_controldata: in production, shut down, in archive recovery, ...; null where it cannot be read.</summary>
    public string? ControlState { get; init; }

    /// <summary>"Database system identifier" of pg_controldata.</summary>
    public ulong? SystemIdentifier { get; init; }

    /// <summary>"Latest checkpoint's NextOID" of pg_controldata. Below 16384 nobody has ever created a role, table or database in it.</summary>
    public uint? NextOid { get; init; }

    /// <summary>A postmaster runs on the data directory (pg_ctl status).</summary>
    public bool Running { get; init; }

    /// <summary>pg_is_in_recovery() of a running server.</summary>
    public bool InRecovery { get; init; }

    /// <summary>standby.signal is there; until PostgreSQL 11, recovery.conf with standby_mode.</summary>
    public bool StandbySignal { get; init; }

    /// <summary>Where postgresql.conf and pg_hba.conf are: the settings config_file and hba_file of a running server, else what was found below /etc or configured.</summary>
    public required string ConfigFile { get; init; }
    public required string HbaFile { get; init; }

    /// <summary>systemd's unit of the server; null where there is none, or no systemd.</summary>
    public string? Unit { get; init; }

    /// <summary>No unit asks the guard before PostgreSQL starts at boot (systemd.service(5), ExecStartPre).</summary>
    public bool StartsUnasked { get; init; }

    /// <summary>The files as they are; null where they are missing.</summary>
    public string? HbaText { get; init; }
    public string? ConfigurationText { get; init; }
    public string? ManagedText { get; init; }
    public string? RecoveryText { get; init; }

    /// <summary>What set-up has written down of the server for the scripts on its host.</summary>
    public string? ServerText { get; init; }

    public bool StateDirectoryExists { get; init; }

    /// <summary>The names in the state directory.</summary>
    public ImmutableArray<string> StateFiles { get; init; } = [];

    /// <summary>The administrator's files that set-up kept before it changed them, as far as they are there.</summary>
    public ImmutableArray<string> KeptFiles { get; init; } = [];

    /// <summary>The passfile holds just what it should (compared where the secret is known; the planner never sees it).</summary>
    public bool PassFileCurrent { get; init; }

    /// <summary>The guard is installed as it should be, and runs (compared where its text is known).</summary>
    public bool GuardCurrent { get; init; }

    /// <summary>The archive script, its configuration, directories and key are as they should be.</summary>
    public bool ArchiveCurrent { get; init; }

    /// <summary>The other nodes' archive keys are let in here, and their host keys are known.</summary>
    public bool ArchivePeersCurrent { get; init; }

    /// <summary>Programs that shipping WAL needs and the host lacks.</summary>
    public ImmutableArray<string> ArchiveLacks { get; init; } = [];

    /// <summary>The size of the file system that the data directory is or will be on.</summary>
    public long? DiskMegabytes { get; init; }

    /// <summary>pg_settings of a running server.</summary>
    public ImmutableDictionary<string, Setting> Settings { get; init; } = ImmutableDictionary<string, Setting>.Empty;

    /// <summary>The two roles, on a running primary.</summary>
    public RoleState ReplicationRole { get; init; }
    public RoleState WatchdogRole { get; init; }

    /// <summary>Physical slots of a running server.</summary>
    public ImmutableArray<string> Slots { get; init; } = [];

    /// <summary>Those of them that have lost their WAL (wal_status, PostgreSQL 13 and later): nobody can stream by them.</summary>
    public ImmutableArray<string> LostSlots { get; init; } = [];

    /// <summary>application_name of the standbys that stream from here (pg_stat_replication).</summary>
    public ImmutableArray<string> StreamingStandbys { get; init; } = [];

    /// <summary>Where the sessions of a watchdog come from: one that runs.</summary>
    public ImmutableArray<string> WatchdogSessions { get; init; } = [];

    /// <summary>Roles that own something: they cannot be dropped.</summary>
    public ImmutableArray<string> Owners { get; init; } = [];

    /// <summary>Tablespaces of a running server that are outside of its data directory.</summary>
    public ImmutableArray<Tablespace> Tablespaces { get; init; } = [];

    /// <summary>The directories that tablespaces of a running primary would have on this node.</summary>
    public ImmutableArray<TablespaceDirectory> TablespaceDirectories { get; init; } = [];

    /// <summary>rsync, ssh, ssh-keygen and ssh-keyscan are there.</summary>
    public bool HasRsync { get; init; }

    /// <summary>Size of all databases of a running server, bytes.</summary>
    public long? DataBytes { get; init; }

    /// <summary>Of these what lies in the data directory, and not in other tablespaces.</summary>
    public long? DirectoryBytes { get; init; }

    /// <summary>What pg_wal holds.</summary>
    public long? WalBytes { get; init; }

    public HostFacts Host { get; init; } = new();

    /// <summary>The watchdog's address as this host sees it (SSH_CONNECTION).</summary>
    public required string WatchdogAddress { get; init; }

    private const uint FirstNormalObjectId = 16384;

    public bool IsRunningPrimary => Running && !InRecovery;

    /// <summary>No data directory, or an empty one.</summary>
    public bool IsEmpty => DataDirectoryEntries is null or 0;

    /// <summary>Stopped in order, and as initdb left it.</summary>
    public bool IsFresh => !Running && ControlState == "shut down" && NextOid < FirstNormalObjectId && !StandbySignal;
}

/// <summary>A row of pg_settings.</summary>
/// <param name="Value">In the setting's base unit.</param>
/// <param name="Context">What it takes to change it: postmaster is a restart.</param>
/// <param name="PendingRestart">The files say something else than the running server has.</param>
/// <param name="SourceFile">The file it comes from; null for a default.</param>
public sealed record Setting(string Value, string Context, bool PendingRestart = false, string? SourceFile = null)
{
    /// <summary>Set by the file that set-up writes.</summary>
    public bool IsFromManagedFile => SourceFile?.EndsWith("/" + ConfigurationText.ManagedFileName, StringComparison.Ordinal) == true;

    /// <summary>Set by ALTER SYSTEM: no other file can change it.</summary>
    public bool IsFromAlterSystem => SourceFile?.EndsWith("/postgresql.auto.conf", StringComparison.Ordinal) == true;
}

/// <summary>A row of pg_tablespace.</summary>
public sealed record Tablespace(uint Oid, string Name, string Location);

/// <summary>What a tablespace of the primary would find on another node.</summary>
/// <param name="Path">The directory.</param>
/// <param name="Entries">Null where there is none.</param>
/// <param name="Writable">It, or where it is missing its parent, can be written to by PostgreSQL's account.</param>
/// <param name="ImmovableBecause">Why it cannot be moved aside.</param>
/// <param name="IsOwn">The node's own data has a tablespace there.</param>
/// <param name="IsOfCopy">An unfinished copy of ours has claimed it.</param>
public sealed record TablespaceDirectory(string Path, int? Entries, bool Writable, string? ImmovableBecause = null, bool IsOwn = false, bool IsOfCopy = false);

/// <summary>How a role on the primary compares with what it should be.</summary>
public enum RoleState
{
    Unknown,
    Missing,
    PasswordDiffers,
    RightsDiffer,
    IsSuperuser,
    AsWanted,
}

/// <summary>What a person asked for on the command line.</summary>
/// <param name="Overwrite">Nodes whose data may be moved aside although they hold something.</param>
/// <param name="Stamp">Names what is moved aside; the planner has no clock.</param>
public sealed record SetupOptions(ImmutableArray<string> Overwrite, string Stamp);
