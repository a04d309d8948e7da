using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Observing;

/// <summary>What one node answered in one check. A failed probe is the same record with other contents: failure is data.</summary>
/// <param name="Node">The node's name.</param>
/// <param name="Reach">How far the question got.</param>
/// <param name="Detail">What stood in the way, in words for a person; empty where nothing did.</param>
/// <param name="Server">What the server said; there if and only if it serves, so that no stale fact can linger.</param>
public sealed record NodeObservation(string Node, Reach Reach, string Detail, ServerFacts? Server)
{
    /// <summary>How long before the look's stamp it answered, or was asked in vain: the look waits for the slowest.</summary>
    public TimeSpan AnsweredAgo { get; init; }

    /// <summary>How long before the look's stamp its walreceiver heard something; null where it has none that streams.</summary>
    public TimeSpan? HeardAgo => Server?.WalReceiver is { IsStreaming: true } receiver ? AnsweredAgo + receiver.Heard() : null;

    /// <summary>What it hears may come from that node. One that is known to stream from another standby (manual, "Cascading Replication") says nothing of the primary.</summary>
    public bool MayHear(string? primary) => Server?.WalReceiver is { } receiver && (receiver.Upstream is null || receiver.Upstream == primary);

    /// <summary>
    /// A second word for a node's claim to be primary: this standby streams from it, or from nobody knows whom, on its timeline. Before PostgreSQL 9.6 the primary alone says
    /// who streams from it: that is no second word.
    /// </summary>
    public bool Confirms(NodeObservation primary)
    {
        ArgumentNullException.ThrowIfNull(primary);
        return this is { IsServingStandby: true, HeardAgo: not null, Server: { TellsWalReceiver: true } standby } && MayHear(primary.Node)
            && standby.Timeline == primary.Server?.Timeline && standby.SystemIdentifier == primary.Server.SystemIdentifier;
    }

    public bool IsServingPrimary => Server is { Role: Role.Primary };
    public bool IsServingStandby => Server is { Role: Role.Standby };

    /// <summary>Nothing came back, or the host said that nobody listens: the two answers that may count as silence.</summary>
    public bool IsSilent => Reach is Reach.Refused or Reach.Unreachable;
}

/// <summary>How far a question to a node got. Unknown and Failed are neither down nor fine.</summary>
public enum Reach
{
    /// <summary>Not asked.</summary>
    Unknown,

    /// <summary>It answered the question.</summary>
    Serving,

    /// <summary>It answered with an error that only a living server gives: starting up, slots full, wrong password.</summary>
    Alive,

    /// <summary>The host answers, the port is closed.</summary>
    Refused,

    /// <summary>Nothing came back in time, or there is no way to the host.</summary>
    Unreachable,

    /// <summary>Anything else: no information.</summary>
    Failed,
}

/// <summary>What a server says it is (pg_is_in_recovery).</summary>
public enum Role
{
    Unknown,
    Primary,
    Standby,
}

/// <summary>What a serving node said of itself in one round trip. Names are PostgreSQL's own.</summary>
public sealed record ServerFacts
{
    public required Role Role { get; init; }

    /// <summary>pg_control_system().system_identifier: the same on a primary and all its physical standbys.</summary>
    public required ulong SystemIdentifier { get; init; }

    /// <summary>The timeline written (primary) or followed (standby).</summary>
    public required uint Timeline { get; init; }

    /// <summary>server_version_num, 150018 for 15.18.</summary>
    public int VersionNumber { get; init; }

    public PostgresVersion Version => new(VersionNumber);

    /// <summary>pg_postmaster_start_time().</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>pg_control_checkpoint().timeline_id: that of the last checkpoint on disk; after a promotion it lags behind.</summary>
    public uint? CheckpointTimeline { get; init; }

    /// <summary>pg_current_wal_lsn(); primary only.</summary>
    public Lsn? CurrentLsn { get; init; }

    /// <summary>pg_current_wal_insert_lsn(); primary only. It moves also while a disk that hangs holds up the writing of WAL.</summary>
    public Lsn? InsertLsn { get; init; }

    /// <summary>pg_current_wal_flush_lsn(); primary only. Behind it a commit has come to its end.</summary>
    public Lsn? FlushLsn { get; init; }

    /// <summary>pg_last_wal_receive_lsn(), but never behind what was replayed; standby only.</summary>
    public Lsn? ReceivedLsn { get; init; }

    /// <summary>pg_last_wal_replay_lsn(); standby only.</summary>
    public Lsn? ReplayedLsn { get; init; }

    /// <summary>pg_is_wal_replay_paused(); false on a primary.</summary>
    public bool ReplayPaused { get; init; }

    /// <summary>The setting promote_trigger_file; empty where none is set.</summary>
    public string PromoteTriggerFile { get; init; } = "";

    /// <summary>The watchdog's role may execute pg_promote().</summary>
    public bool MayPromote { get; init; }

    /// <summary>The setting wal_receiver_timeout; zero where it is switched off. After half of it a silent walreceiver asks its upstream for an answer.</summary>
    public TimeSpan WalReceiverTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The setting synchronous_standby_names, at most its first 1000 characters; empty where none is set.</summary>
    public string SynchronousStandbyNames { get; init; } = "";

    /// <summary>max_slot_wal_keep_size is set: what a slot holds has an end before the disk has. There since PostgreSQL 13.</summary>
    public bool LimitsSlots { get; init; }

    /// <summary>The guard's session here: null where there is none, the id of the order it is armed with, or empty while it is disarmed.</summary>
    public string? GuardOrderId { get; init; }

    /// <summary>The watchdog that gave the guard's order; empty where the order names none, or there is no order.</summary>
    public string GuardOwner { get; init; } = "";

    /// <summary>
    /// The boot checks of other nodes that this standby has answered lately, as their sessions in pg_stat_activity: by its answer a primary may have started anew,
    /// which nobody else has heard of. Another text is another check.
    /// </summary>
    public string BootChecks { get; init; } = "";

    /// <summary>Watchdogs whose sessions are open here, whoever asked last first; at most ten.</summary>
    public ImmutableArray<WatchdogSession> Watchdogs { get; init; } = [];

    /// <summary>The watchdog's role may read pg_stat_wal_receiver and pg_stat_replication; where it may not, they say nothing.</summary>
    public bool ReadsStatistics { get; init; } = true;

    /// <summary>Whether this server says if it has a walreceiver: where it does not, that none is known is no evidence of anything.</summary>
    public bool TellsWalReceiver => ReadsStatistics && Version.TellsWalReceiver;

    /// <summary>pg_stat_wal_receiver; null where no walreceiver runs, or none is known of (<see cref="TellsWalReceiver"/>).</summary>
    public WalReceiver? WalReceiver { get; init; }

    /// <summary>pg_stat_replication.</summary>
    public ImmutableArray<WalSender> WalSenders { get; init; } = [];

    /// <summary>pg_replication_slots, without temporary ones.</summary>
    public ImmutableArray<ReplicationSlot> Slots { get; init; } = [];
}

/// <summary>A watchdog's sessions as a server shows them (pg_stat_activity).</summary>
/// <param name="Owner">Which watchdog (<see cref="ClusterSpec.Owner"/>).</param>
/// <param name="Address">From where.</param>
/// <param name="AskedSecondsAgo">When it asked something last, by the server's clock.</param>
/// <param name="FromHere">From the address of the session that asks: this watchdog itself, where the owner is the same.</param>
public sealed record WatchdogSession(string Owner, string Address, double AskedSecondsAgo, bool FromHere);

/// <summary>A row of pg_stat_wal_receiver: how the standby itself hears its upstream.</summary>
/// <param name="Status">PostgreSQL's status: streaming, starting, waiting, ...</param>
/// <param name="LastMessageAge">Age of the last message by the standby's own clock; null where it never had one.</param>
/// <param name="Upstream">The node of the cluster to which it is connected, by sender_host and sender_port; null where they are no configured node's.</param>
public sealed record WalReceiver(string Status, TimeSpan? LastMessageAge, string? Upstream = null)
{
    /// <summary>The status of one that is connected and has caught up; the walsender's state has the same name.</summary>
    public const string Streaming = "streaming";

    public bool IsStreaming => Status == Streaming;

    /// <summary>Where the upstream's WAL ended when it sent its last message (latest_end_lsn); null where that is not known.</summary>
    public Lsn? UpstreamEnd { get; init; }

    /// <summary>How long ago it heard something. A clock that was set back makes a message come from the future: then it is one of now, as is one without a time.</summary>
    public TimeSpan Heard() => LastMessageAge is { } age && age > TimeSpan.Zero ? age : TimeSpan.Zero;
}

/// <summary>A row of pg_stat_replication: a standby as the primary sees it.</summary>
public sealed record WalSender(string ApplicationName, string State, string SyncState, Lsn? SentLsn, Lsn? FlushLsn, Lsn? ReplayLsn);

/// <summary>A row of pg_replication_slots.</summary>
public sealed record ReplicationSlot(string Name, bool Active, string WalStatus, Lsn? RestartLsn);
