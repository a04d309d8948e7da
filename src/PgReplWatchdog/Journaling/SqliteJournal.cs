using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Journaling;

/// <summary>The journal in one SQLite file in the state directory, written through to the disk before anything is done.</summary>
public sealed class SqliteJournal : IJournal, IDisposable
{
    private const int Corrupt = 11; // SQLITE_CORRUPT
    private const int NotADatabase = 26; // SQLITE_NOTADB

    private readonly SqliteConnection connection;
    private readonly Lock gate = new();

    /// <summary>Opens or creates the file.</summary>
    /// <exception cref="JournalUnwritableException">It cannot be, with what to do about it.</exception>
    public SqliteJournal(string stateDirectory)
    {
        var file = FileIn(stateDirectory);
        connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false, DefaultTimeout = 5 }.ConnectionString);
        try
        {
            Directory.CreateDirectory(stateDirectory);
            connection.Open();
            Execute(SqlText.Of("Journaling.schema.sql"));
        }
        catch (Exception failure) when (failure is SqliteException or IOException or UnauthorizedAccessException)
        {
            connection.Dispose();
            throw new JournalUnwritableException($"the journal {file} cannot be opened ({failure.Message}): {(failure is SqliteException { SqliteErrorCode: NotADatabase or Corrupt }
                ? "move the file away; the watchdog then starts without memory of who is to be primary"
                : "make StateDirectory writable for the watchdog's account")}", failure);
        }
    }

    public static string FileIn(string stateDirectory) => Path.Combine(stateDirectory, "journal.db");

    public ClusterMemory Load(string cluster)
    {
        lock (gate)
        {
            using var command = Command("SELECT memory FROM cluster_memory WHERE cluster = $cluster", ("$cluster", cluster));
            return command.ExecuteScalar() is string json ? JsonSerializer.Deserialize<ClusterMemory>(json, Json.Options)! : ClusterMemory.Empty;
        }
    }

    public void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events)
    {
        try
        {
            lock (gate)
            {
                using var transaction = connection.BeginTransaction();
                using var remember = Command(
                    "INSERT INTO cluster_memory VALUES ($cluster, $memory) ON CONFLICT (cluster) DO UPDATE SET memory = excluded.memory",
                    ("$cluster", cluster), ("$memory", JsonSerializer.Serialize(memory, Json.Options)));
                remember.ExecuteNonQuery();
                foreach (var entry in events)
                {
                    using var insert = Command("INSERT INTO event (cluster, time, kind, sentence) VALUES ($cluster, $time, $kind, $sentence)",
                        ("$cluster", cluster), ("$time", entry.Time.ToString("O", CultureInfo.InvariantCulture)),
                        ("$kind", entry.Kind.ToString()), ("$sentence", entry.Sentence));
                    insert.ExecuteNonQuery();
                }
                transaction.Commit();
            }
        }
        catch (SqliteException failure)
        {
            throw new JournalUnwritableException($"the journal could not be written ({failure.Message})", failure);
        }
    }

    public OperatorWish Wish(string cluster) => OperatorWish.None;

    public IReadOnlyList<JournalEntry> Recent(string cluster, int limit)
    {
        lock (gate)
        {
            using var command = Command("SELECT time, kind, sentence FROM event WHERE cluster = $cluster ORDER BY id DESC LIMIT $limit", ("$cluster", cluster), ("$limit", limit));
            using var reader = command.ExecuteReader();
            var entries = new List<JournalEntry>();
            while (reader.Read())
            {
                entries.Add(new JournalEntry(
                    DateTimeOffset.Parse(reader.GetString(0), CultureInfo.InvariantCulture),
                    Enum.TryParse<EventKind>(reader.GetString(1), out var kind) ? kind : EventKind.Unknown,
                    reader.GetString(2)));
            }
            return entries;
        }
    }

    private SqliteCommand Command(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value);
        return command;
    }

    private void Execute(string sql)
    {
        using var command = Command(sql);
        command.ExecuteNonQuery();
    }

    public void Dispose() => connection.Dispose();
}
