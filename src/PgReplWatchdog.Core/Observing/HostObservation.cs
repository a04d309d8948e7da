using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Observing;

/// <summary>What one host said over SSH. Not being reached is the same record with other contents.</summary>
/// <param name="Node">The node whose host it is.</param>
/// <param name="Reach">How far the question got.</param>
/// <param name="Detail">What stood in the way; empty where nothing did.</param>
/// <param name="At">When it was asked, on the watchdog's monotonic clock.</param>
public sealed record HostObservation(string Node, HostReach Reach, string Detail, TimeSpan At)
{
    /// <summary>The process that postmaster.pid names runs.</summary>
    public bool PostmasterRuns { get; init; }

    /// <summary>Processes whose working directory is the data directory: postmaster, backends, auxiliary ones. Null where they could not be counted.</summary>
    public int? Processes { get; init; }

    /// <summary>pg_controldata's "Database cluster state": in production, shut down, ...; null where it could not be read.</summary>
    public string? ControlState { get; init; }

    /// <summary>pg_isready on the host itself.</summary>
    public PortAnswer LocalAnswer { get; init; }

    /// <summary>The start block is there: PostgreSQL refuses to start (manual, "recovery.conf file merged into postgresql.conf").</summary>
    public bool StartBlocked { get; init; }

    /// <summary>The start block is the guard's. It says that the guard has stopped the primary, and it is no fence: the guard may lift what it has put there.</summary>
    public bool BlockedByGuard { get; init; }

    /// <summary>When and why the guard has stopped the primary; null where its start block is not there, or does not say.</summary>
    public GuardBlock? GuardBlock { get; init; }

    /// <summary>standby.signal is there; until PostgreSQL 11, recovery.conf with standby_mode.</summary>
    public bool StandbySignal { get; init; }

    /// <summary>The trigger file is there: a standby that runs or starts there promotes itself (manual, promote_trigger_file).</summary>
    public bool HasTriggerFile { get; init; }

    /// <summary>The newest timeline whose history file is in pg_wal; null where that is not known.</summary>
    public TimelineHistory? History { get; init; }

    /// <summary>The newest role change on record there; null where the host does not tell.</summary>
    public EpochMark? Mark { get; init; }

    /// <summary>trigger_file in recovery.conf, until PostgreSQL 11; empty where there is none.</summary>
    public string TriggerFile { get; init; } = "";

    /// <summary>A file could be made and removed where the trigger file goes.</summary>
    public bool TriggerDirectoryWritable { get; init; }

    /// <summary>Why a standby there could not be pointed nowhere; empty where it could, and where none is there.</summary>
    public string DetachObstacle { get; init; } = "";

    /// <summary>Free space of the data directory's or pg_wal's filesystem, whichever has less, bytes.</summary>
    public long? FreeBytes { get; init; }

    /// <summary>What takes the space where little is left: pg_wal and others with their sizes; empty where that was not asked.</summary>
    public string Filling { get; init; } = "";

    /// <summary>A file that was to be made beside the data directory is neither there nor refused: storage does not answer.</summary>
    public bool StorageHangs { get; init; }

    /// <summary>The long work that was started there last; null where there was none.</summary>
    public HostJob? Job { get; init; }

    public bool IsReachable => Reach == HostReach.Reachable;

    /// <summary>Nothing of PostgreSQL runs there, proven.</summary>
    public bool IsDead => IsReachable && Processes == 0;

    /// <summary>There is no room for one more WAL segment (wal_segment_size, 16 MiB unless initdb was told otherwise): PostgreSQL stops by itself.</summary>
    public bool IsDiskFull => IsReachable && FreeBytes < WalSegmentBytes;

    private const long WalSegmentBytes = 16 * 1024 * 1024;

    /// <summary>Nothing can be written there: its server cannot be detached, nor kept from starting.</summary>
    public bool TakesNoWrites => IsDiskFull || (IsReachable && StorageHangs);

    /// <summary>Stopped, and cannot start before the watchdog lets it.</summary>
    public bool IsFenced => IsDead && StartBlocked && !BlockedByGuard;
}

/// <summary>How far a question to a host got.</summary>
public enum HostReach
{
    /// <summary>Not asked.</summary>
    Unknown,

    /// <summary>A shell answered.</summary>
    Reachable,

    /// <summary>Nothing came back in time, nobody listens, or there is no way to the host.</summary>
    Unreachable,

    /// <summary>The host is there, but does not let the watchdog do what it must: host key, login, shell.</summary>
    Failed,
}

/// <summary>What pg_isready says of a port (manual, "pg_isready"): exit status 0, 1, 2.</summary>
public enum PortAnswer
{
    /// <summary>Not asked, or the one who was to ask could not.</summary>
    Unknown,

    /// <summary>It accepts connections.</summary>
    Accepting,

    /// <summary>It answers, and rejects: starting up, shutting down.</summary>
    Rejecting,

    /// <summary>No response: refused, or silence.</summary>
    Silent,
}

/// <summary>A suspect's port from another host.</summary>
public sealed record PortView(string From, string To, PortAnswer Answer);

/// <summary>Long work on a host, started detached: the watchdog looks at it and does not wait for it.</summary>
/// <param name="Epoch">The epoch for which it was started: an older one's outcome says nothing.</param>
/// <param name="Running">It goes on.</param>
/// <param name="ExitStatus">How it ended; null while it runs, and where it vanished without a word.</param>
/// <param name="Words">Its last line: what it is doing, or why it failed.</param>
public sealed record HostJob(long Epoch, bool Running, int? ExitStatus, string Words)
{
    /// <summary>The exit status of a rewind that could not reach the primary, and has touched nothing.</summary>
    public const int SourceNotReached = 2;
}
