using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Journaling;

/// <summary>The durable memory, the events and the looks of all clusters. Embedded here; shared where several watchdogs run.</summary>
public interface IJournal
{
    /// <summary>What is remembered of a cluster; empty where nothing is.</summary>
    ClusterMemory Load(string cluster);

    /// <summary>Puts memory and events on record, both or neither, and returns when they are on disk. A failover that ended is kept for good.</summary>
    /// <exception cref="JournalUnwritableException">They are not on record.</exception>
    void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events);

    /// <summary>Takes a look for later replay; one to keep brings the one before it. Never waits, never throws: what cannot be kept is gone.</summary>
    void Saw(string cluster, Look look, bool keep);

    /// <summary>What a person asked for on this host; as it was last known where it cannot be read. Never throws.</summary>
    OperatorWish Wish(string cluster);

    /// <summary>
    /// The newest events of a cluster (null: of all), newest first: newer than the one with the id <paramref name="after"/>, older than the one with the id
    /// <paramref name="before"/>, of those kinds (none: of all).
    /// </summary>
    /// <remarks>Whoever asks for this or for failovers never makes a check wait.</remarks>
    IReadOnlyList<JournalEntry> Recent(string? cluster, int limit, long after = 0, long before = long.MaxValue, params ReadOnlySpan<EventKind> kinds);

    /// <summary>A cluster's events of a span of time, oldest first, and no more than so many.</summary>
    IReadOnlyList<JournalEntry> Between(string cluster, DateTimeOffset from, DateTimeOffset until, int limit) => [];

    /// <summary>All failovers of a cluster on record, oldest first.</summary>
    IReadOnlyList<FinishedFailover> Failovers(string cluster) => [];
}

/// <summary>An event with its time.</summary>
public sealed record JournalEntry(DateTimeOffset Time, EventKind Kind, string Sentence)
{
    /// <summary>Grows with every event; 0 where it is not on record.</summary>
    public long Id { get; init; }

    /// <summary>Whose event it is; empty where it is not on record.</summary>
    public string Cluster { get; init; } = "";
}

/// <summary>One look with what was known before it and what was decided: enough to decide again.</summary>
/// <param name="Run">The watchdog's process: its monotonic clock, and what it remembered of silence, go no further.</param>
/// <param name="Memory">What was known before.</param>
/// <param name="Observation">What was seen.</param>
/// <param name="Verdict">What was concluded.</param>
/// <param name="Action">The kind of what was begun; None where nothing was.</param>
/// <param name="Events">What the decision told.</param>
public sealed record Look(string Run, ClusterMemory Memory, ClusterObservation Observation, Verdict Verdict, string Action, ImmutableArray<WatchdogEvent> Events);

/// <summary>The journal could not be written.</summary>
public sealed class JournalUnwritableException(string message, Exception? inner = null) : Exception(message, inner);
