using Microsoft.Data.Sqlite;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Journaling;

/// <summary>What a person asks of the service, put into its journal by a command on the same host or over HTTP: the next check has it. Who and when goes on record with it.</summary>
/// <param name="stateDirectory">Where the journal is.</param>
/// <param name="clock">For the record.</param>
/// <param name="by">Who asks; by default the account of this process.</param>
public sealed class OperatorWishes(string stateDirectory, TimeProvider clock, string? by = null)
{
    private const int LongestName = 60;
    private const int Busy = 5; // SQLITE_BUSY
    private const int Locked = 6; // SQLITE_LOCKED

    private readonly string file = SqliteJournal.FileIn(stateDirectory);

    /// <returns>Whether that changed anything.</returns>
    public bool Pause(string cluster, bool paused) => Change(cluster, connection =>
    {
        if (JournalReader.Wish(connection, cluster).Paused == paused)
            return false;
        Put(connection, cluster, "paused", paused ? 1 : 0);
        Tell(connection, cluster, paused ? EventKind.Paused : EventKind.Resumed, paused ? $"failover is paused by {By}" : $"failover is resumed by {By}");
        return true;
    });

    /// <summary>The last failover has been seen to: MinimumInterval need not be waited for.</summary>
    /// <returns>Its epoch; null where there is none that was not acknowledged already.</returns>
    public long? Acknowledge(string cluster) => Change<long?>(cluster, connection =>
    {
        if (Memory(connection, cluster).LastFailover is not { } last || JournalReader.Wish(connection, cluster).AcknowledgedEpoch >= last.Epoch)
            return null;
        Put(connection, cluster, "acknowledged_epoch", last.Epoch);
        Tell(connection, cluster, EventKind.Acknowledged, FormattableString.Invariant($"the failover from {last.From} to {last.To} (epoch {last.Epoch}) is acknowledged by {By}"));
        return last.Epoch;
    });

    /// <summary>This node is the primary, whatever the record says.</summary>
    /// <returns>The node that the record had; null where it is that node already.</returns>
    /// <param name="cluster">Its name.</param>
    /// <param name="node">The node.</param>
    /// <param name="epoch">The epoch that the operator saw; null where nothing was shown.</param>
    public AdoptionAsked? Adopt(string cluster, string node, long? epoch = null) => Change<AdoptionAsked?>(cluster, connection =>
    {
        var memory = Memory(connection, cluster);
        if (memory.IntendedPrimary == node && memory.Later is null)
            return null;
        if (epoch is { } seen && memory.Epoch != seen)
        {
            throw new JournalUnreadableException(
                $"{cluster}: the record changed meanwhile, its primary is {memory.IntendedPrimary ?? "unknown"} now; "
                + "nothing was changed, look and try again");
        }
        connection.Execute("INSERT INTO adoption_request VALUES ($cluster, $node, $epoch, $by, $at) ON CONFLICT (cluster) DO UPDATE "
            + "SET node = excluded.node, epoch = excluded.epoch, asked_by = excluded.asked_by, asked_at = excluded.asked_at",
            ("$cluster", cluster), ("$node", node), ("$epoch", memory.Epoch), ("$by", By), ("$at", clock.GetUtcNow().Text()));
        Tell(connection, cluster, EventKind.AdoptionAsked,
            $"{By} asks to adopt {node} as primary{(memory.IntendedPrimary is { } before && before != node ? $", in place of {before}" : "")}");
        return new AdoptionAsked(memory.IntendedPrimary);
    });

    /// <summary>The other watchdog on record is lost for good.</summary>
    /// <returns>That one; null where there is none on record.</returns>
    /// <param name="cluster">Its name.</param>
    /// <param name="owner">The one that the operator saw; null where nothing was shown.</param>
    public OtherWatchdog? TakeOver(string cluster, string? owner = null) => Change<OtherWatchdog?>(cluster, connection =>
    {
        if (Memory(connection, cluster).Other is not { } other)
            return null;
        if (owner is not null && other.Owner != owner)
        {
            throw new JournalUnreadableException(
                $"{cluster}: another one is on record meanwhile, {other.Described}; nothing was changed, look and try again");
        }
        connection.Execute("INSERT INTO takeover_request VALUES ($cluster, $owner, $by, $at) ON CONFLICT (cluster) DO UPDATE "
            + "SET owner = excluded.owner, asked_by = excluded.asked_by, asked_at = excluded.asked_at",
            ("$cluster", cluster), ("$owner", other.Owner), ("$by", By), ("$at", clock.GetUtcNow().Text()));
        Tell(connection, cluster, EventKind.TakeoverAsked, $"{By} asks to take over from {other.Described}");
        return other;
    });

    /// <summary>Puts an event on record.</summary>
    public void Tell(string cluster, EventKind kind, string sentence) => Change(cluster, connection =>
    {
        Tell(connection, cluster, kind, sentence);
        return true;
    });

    private static ClusterMemory Memory(SqliteConnection connection, string cluster) => MemoryText.Read(
        connection.Read(row => row.GetString(0), "SELECT memory FROM cluster_memory WHERE cluster = $cluster", ("$cluster", cluster)).FirstOrDefault("{}")).Memory;

    private string By => by ?? Account;

    /// <summary>The account of this process; who it says to be behind sudo anybody can say.</summary>
    public static string Account => Environment.GetEnvironmentVariable("SUDO_USER") is { Length: > 0 } behind
        ? $"{Environment.UserName} (says to be {Operating.Printable.Line(behind[..Math.Min(behind.Length, LongestName)])})" : Environment.UserName;

    private void Put(SqliteConnection connection, string cluster, string column, long value) => connection.Execute(
        $"INSERT INTO operator_wish (cluster, {column}, changed_by, changed_at) VALUES ($cluster, $value, $by, $at) "
        + $"ON CONFLICT (cluster) DO UPDATE SET {column} = excluded.{column}, changed_by = excluded.changed_by, changed_at = excluded.changed_at",
        ("$cluster", cluster), ("$value", value), ("$by", By), ("$at", clock.GetUtcNow().Text()));

    private void Tell(SqliteConnection connection, string cluster, EventKind kind, string sentence) =>
        SqliteJournal.Tell(connection, cluster, new JournalEntry(clock.GetUtcNow(), kind, sentence));

    private T Change<T>(string cluster, Func<SqliteConnection, T> change)
    {
        // A file made here could be one that the service may not write.
        if (!File.Exists(file))
            throw new JournalUnreadableException($"there is no {file}: start the service once, or see StateDirectory in the configuration");
        try
        {
            using var connection = SqliteText.Connection(file, SqliteOpenMode.ReadWrite);
            connection.Open();
            connection.Execute(SqlText.Of("Journaling.schema.sql")); // the journal may be of an older version
            using var transaction = connection.BeginTransaction();
            var result = change(connection);
            transaction.Commit();
            return result;
        }
        catch (SqliteException failure) when (failure.SqliteErrorCode is Busy or Locked)
        {
            throw new JournalUnreadableException($"{cluster}: {file} was locked by another process for {SqliteText.BusySeconds} s; nothing was changed, try again");
        }
        catch (SqliteException failure)
        {
            throw new JournalUnreadableException($"{cluster}: {file} cannot be changed ({failure.Message.TrimEnd('.')}): run this as the watchdog's account or as root");
        }
    }
}

/// <summary>A request to adopt a node was put on record.</summary>
/// <param name="Before">The primary on record; null where there is none.</param>
public sealed record AdoptionAsked(string? Before);
