namespace PgReplWatchdog.Topology;

/// <summary>What set-up is asked for beyond a streaming standby.</summary>
public sealed record ReplicationSettings
{
    /// <summary>No limit, as PostgreSQL writes it.</summary>
    public const int NoLimit = -1;

    /// <summary>Left to set-up.</summary>
    public const int ByDefault = 0;

    public Archiving Archiving { get; init; } = Archiving.Off;

    /// <summary>What each node's archive keeps, and what may wait on the primary while no other node takes it.</summary>
    public int ArchiveKeepMegabytes { get; init; } = 4096;

    public Tls Tls { get; init; } = Tls.Off;

    /// <summary>CONNECTION LIMIT of the replication role; <see cref="ByDefault"/>: what the nodes need.</summary>
    public int ConnectionLimit { get; init; } = ByDefault;

    /// <summary>max_slot_wal_keep_size; <see cref="ByDefault"/>: by the size of the disk; <see cref="NoLimit"/>: set-up leaves it alone.</summary>
    public int MaxSlotWalKeepMegabytes { get; init; } = ByDefault;

    /// <summary>
    /// The limit that the role is given. By default a walreceiver of each standby and one more whose walsender has not noticed yet that it is gone, the two connections
    /// of a base backup, and one each for pg_rewind and a boot check.
    /// </summary>
    public int RoleLimit(int standbys) => ConnectionLimit == ByDefault ? (2 * standbys) + 4 : ConnectionLimit;

    /// <summary>With less a base backup with streamed WAL (two connections) fails while the other standbys stream and a boot check asks.</summary>
    public static int LeastRoleLimit(int standbys) => standbys + 2;
}

/// <summary>What becomes of WAL that is complete.</summary>
public enum Archiving
{
    Unknown,

    /// <summary>Set-up leaves archive_mode and archive_command alone.</summary>
    Off,

    /// <summary>archive_mode is on and archive_command does nothing: another one takes a reload, no restart.</summary>
    Noop,

    /// <summary>It is kept in a directory on every node, and standbys take from there what the primary does not have any more.</summary>
    Ship,
}

/// <summary>Whether connections between the nodes, and the watchdog's, are encrypted.</summary>
public enum Tls
{
    Unknown,

    /// <summary>As server and client agree on.</summary>
    Off,

    /// <summary>None is made and none is accepted without.</summary>
    Required,
}
