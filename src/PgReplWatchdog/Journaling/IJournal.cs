using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Journaling;

/// <summary>The durable memory and the events of all clusters. Embedded here; shared where several watchdogs run.</summary>
public interface IJournal
{
    /// <summary>What is remembered of a cluster; empty where nothing is.</summary>
    ClusterMemory Load(string cluster);

    /// <summary>Puts memory and events on record, both or neither, and returns when they are on disk.</summary>
    /// <exception cref="JournalUnwritableException">They are not on record.</exception>
    void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events);

    /// <summary>What a person asked for on this host; as it was last known where it cannot be read.</summary>
    OperatorWish Wish(string cluster);

    /// <summary>The newest events of a cluster, newest first.</summary>
    IReadOnlyList<JournalEntry> Recent(string cluster, int limit);
}

/// <summary>An event with its time.</summary>
public sealed record JournalEntry(DateTimeOffset Time, EventKind Kind, string Sentence);

/// <summary>The journal could not be written.</summary>
public sealed class JournalUnwritableException(string message, Exception inner) : Exception(message, inner);
