using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Journaling;

/// <summary>The journal in one SQLite file in the state directory, written through to the disk before anything is done.</summary>
public sealed class SqliteJournal : IJournal, IDisposable
{
    /// <summary>The newest events that are kept of each cluster.</summary>
    public const int EventLimit = 100_000;

    /// <summary>Older ones are removed after so many were added.</summary>
    private const int PruneEvery = 1000;
    private const int Corrupt = 11; // SQLITE_CORRUPT
    private const int NotADatabase = 26; // SQLITE_NOTADB

    private readonly SqliteConnection writer;
    private readonly SqliteConnection reader; // in WAL mode it waits for no writer
    private readonly SqliteConnection people; // for whoever is not a check: a check waits for none of them
    private readonly Lock writing = new();
    private readonly Lock reading = new();
    private readonly Lock telling = new();
    private readonly ConcurrentDictionary<string, OperatorWish> wishes = new();
    private readonly LookRecorder looks;
    private readonly ILogger logger;
    private readonly int eventLimit;
    private int sincePruned = PruneEvery;

    /// <summary>Opens or creates the file.</summary>
    /// <exception cref="JournalUnwritableException">It cannot be, with what to do about it.</exception>
    public SqliteJournal(string stateDirectory, ILogger<SqliteJournal>? logger = null, int eventLimit = EventLimit)
    {
        var file = FileIn(stateDirectory);
        this.logger = logger ?? NullLogger<SqliteJournal>.Instance;
        this.eventLimit = eventLimit;
        writer = SqliteText.Connection(file);
        reader = SqliteText.Connection(file, busySeconds: 1); // a check waits for it
        people = SqliteText.Connection(file, busySeconds: 1);
        try
        {
            Directory.CreateDirectory(stateDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            RequireOwn(stateDirectory);
            writer.Open();
            writer.Execute(SqlText.Of("Journaling.schema.sql"));
            reader.Open();
            people.Open();
        }
        catch (Exception failure) when (failure is SqliteException or IOException or UnauthorizedAccessException)
        {
            writer.Dispose();
            reader.Dispose();
            people.Dispose();
            throw new JournalUnwritableException($"the journal {file} cannot be opened ({failure.Message}): {(failure is SqliteException { SqliteErrorCode: NotADatabase or Corrupt }
                ? "move the file away; the watchdog then starts without memory of who is to be primary"
                : "make StateDirectory writable for the watchdog's account")}", failure);
        }
        looks = new LookRecorder(stateDirectory, this.logger);
    }

    /// <exception cref="JournalUnwritableException">Others may read what is remembered, or change it.</exception>
    private static void RequireOwn(string stateDirectory)
    {
        if ((File.GetUnixFileMode(stateDirectory) & SecretFiles.Others) != 0)
            throw new JournalUnwritableException($"others than its owner may look into StateDirectory {stateDirectory}; chmod -R go-rwx {Shell.Quote(stateDirectory)}");
    }

    public static string FileIn(string stateDirectory) => Path.Combine(stateDirectory, "journal.db");

    /// <summary>
    /// The name by which this state directory's watchdog is told from others (<see cref="Topology.ClusterSpec.Owner"/>), made at the first call. A copy of the directory on another
    /// machine gets a name of its own: the lease of the one that it was copied from is not its own (docs/decisions/0018).
    /// </summary>
    /// <param name="stateDirectory">Where the journal is.</param>
    /// <param name="machine">Of this host; empty where it has no name: there a copy keeps the name.</param>
    /// <exception cref="JournalUnwritableException">There is none, and none can be made.</exception>
    public static string OwnerIn(string stateDirectory, string machine)
    {
        using var journal = new SqliteJournal(stateDirectory);
        try
        {
            journal.writer.Execute("""
                BEGIN IMMEDIATE;
                INSERT INTO watchdog VALUES (1, $name) ON CONFLICT DO NOTHING;
                INSERT INTO watchdog_machine VALUES (1, $machine) ON CONFLICT DO NOTHING;
                UPDATE watchdog SET owner = $name WHERE $machine <> '' AND EXISTS (SELECT 1 FROM watchdog_machine WHERE machine <> '' AND machine <> $machine);
                UPDATE watchdog_machine SET machine = $machine WHERE $machine <> '';
                COMMIT
                """, ("$name", RandomNumberGenerator.GetHexString(8, lowercase: true)), ("$machine", machine));
            return JournalReader.Owner(journal.writer);
        }
        catch (SqliteException failure)
        {
            throw new JournalUnwritableException($"the journal could not be written ({failure.Message})", failure);
        }
    }

    public ClusterMemory Load(string cluster)
    {
        string? text;
        lock (reading)
            text = reader.Read(row => row.GetString(0), "SELECT memory FROM cluster_memory WHERE cluster = $cluster", ("$cluster", cluster)).FirstOrDefault();
        if (text is null)
            return ClusterMemory.Empty;
        var (memory, notUnderstood) = MemoryText.Read(text);
        if (!notUnderstood.IsEmpty)
        {
            var told = new WatchdogEvent(EventKind.MemoryNotUnderstood,
                $"of what another version remembered this is not understood and taken as not there: {string.Join(", ", notUnderstood)}; it said {text}");
            Log.Event(logger, cluster, told);
            Append(cluster, memory, [new(TimeProvider.System.GetUtcNow(), told.Kind, told.Sentence)]);
        }
        return memory;
    }

    public void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events)
    {
        try
        {
            lock (writing)
            {
                using var transaction = writer.BeginTransaction();
                writer.Execute("INSERT INTO cluster_memory VALUES ($cluster, $memory) ON CONFLICT (cluster) DO UPDATE SET memory = excluded.memory",
                    ("$cluster", cluster), ("$memory", MemoryText.Write(memory)));
                foreach (var entry in events)
                    Tell(writer, cluster, entry);
                if (memory.LastFailover is { } last)
                {
                    writer.Execute("INSERT INTO failover VALUES ($cluster, $epoch, $finished, $report) ON CONFLICT DO NOTHING",
                        ("$cluster", cluster), ("$epoch", last.Epoch), ("$finished", last.FinishedAt.Text()), ("$report", JsonSerializer.Serialize(last, Json.Options)));
                }
                Prune(events.Count);
                transaction.Commit();
            }
        }
        catch (SqliteException failure)
        {
            throw new JournalUnwritableException($"the journal could not be written ({failure.Message})", failure);
        }
    }

    public void Saw(string cluster, Look look, bool keep) => looks.Saw(cluster, look, keep);

    public OperatorWish Wish(string cluster)
    {
        try
        {
            lock (reading)
                return wishes[cluster] = JournalReader.Wish(reader, cluster);
        }
        catch (SqliteException)
        {
            return wishes.GetValueOrDefault(cluster, OperatorWish.None);
        }
    }

    public IReadOnlyList<JournalEntry> Recent(string? cluster, int limit, long after = 0, long before = long.MaxValue, params ReadOnlySpan<EventKind> kinds)
    {
        lock (telling)
            return JournalReader.Events(people, cluster, limit, after, before, kinds);
    }

    public IReadOnlyList<JournalEntry> Between(string cluster, DateTimeOffset from, DateTimeOffset until, int limit)
    {
        lock (telling)
            return JournalReader.Between(people, cluster, from, until, limit);
    }

    public IReadOnlyList<FinishedFailover> Failovers(string cluster)
    {
        lock (telling)
            return JournalReader.Failovers(people, cluster);
    }

    internal static void Tell(SqliteConnection connection, string cluster, JournalEntry entry) =>
        connection.Execute("INSERT INTO event (cluster, time, kind, sentence) VALUES ($cluster, $time, $kind, $sentence)",
            ("$cluster", cluster), ("$time", entry.Time.Text()), ("$kind", entry.Kind.ToString()), ("$sentence", Sentence.Of(entry.Sentence, Sentence.LongLimit)));

    /// <summary>Every cluster's events but the newest; seldom, and by the index.</summary>
    private void Prune(int added)
    {
        sincePruned += added;
        if (sincePruned < PruneEvery)
            return;
        sincePruned = 0;
        foreach (var cluster in writer.Read(row => row.GetString(0), "SELECT cluster FROM cluster_memory"))
        {
            writer.Execute("DELETE FROM event WHERE cluster = $cluster AND id <= (SELECT id FROM event WHERE cluster = $cluster ORDER BY id DESC LIMIT 1 OFFSET $limit)",
                ("$cluster", cluster), ("$limit", eventLimit));
        }
    }

    public void Dispose()
    {
        looks.Dispose();
        people.Dispose();
        reader.Dispose();
        writer.Dispose();
    }
}
