using System.Text.Json;
using Microsoft.Data.Sqlite;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Journaling;

/// <summary>The journal's files, read by a command beside the service or without it: nothing is changed, nothing created.</summary>
public sealed class JournalReader : IDisposable
{
    private readonly string stateDirectory;
    private readonly SqliteConnection journal;

    /// <exception cref="JournalUnreadableException">With what to do about it.</exception>
    public JournalReader(string stateDirectory)
    {
        this.stateDirectory = stateDirectory;
        journal = Open(SqliteJournal.FileIn(stateDirectory));
    }

    public ClusterMemory Memory(string cluster) => Ask(() =>
        journal.Read(row => row.GetString(0), "SELECT memory FROM cluster_memory WHERE cluster = $cluster", ("$cluster", cluster)) is [var text, ..]
            ? MemoryText.Read(text).Memory
            : ClusterMemory.Empty);

    public OperatorWish Wish(string cluster) => Ask(() => Wish(journal, cluster));

    /// <summary>The newest events, newest first.</summary>
    public IReadOnlyList<JournalEntry> Events(string? cluster, int limit, long after = 0) => Ask(() => Events(journal, cluster, limit, after, long.MaxValue, []));

    /// <summary>All failovers on record, oldest first; one that another version wrote and that is not understood is left out.</summary>
    public IReadOnlyList<FinishedFailover> Failovers(string cluster) => Ask(() => Failovers(journal, cluster));

    /// <summary>Recorded looks in a span of time, oldest first, and how many were not understood.</summary>
    public (IReadOnlyList<Look> Looks, int NotUnderstood) Looks(string cluster, DateTimeOffset from, DateTimeOffset to) => Ask(() =>
    {
        using var connection = Open(LookRecorder.FileIn(stateDirectory));
        var rows = connection.Read(row => Understood<Look>(row.GetString(0)),
            "SELECT look FROM observation WHERE cluster = $cluster AND time >= $from AND time <= $to ORDER BY id", ("$cluster", cluster), ("$from", from.Text()), ("$to", to.Text()));
        var looks = rows.OfType<Look>().ToList();
        return (looks, rows.Count - looks.Count);
    });

    /// <summary>The name of this state directory's watchdog; empty where no service of this version has been started yet.</summary>
    public string Owner() => Ask(() => HasTable(journal, "watchdog") ? Owner(journal) : "");

    internal static string Owner(SqliteConnection connection) => connection.Read(row => row.GetString(0), "SELECT owner FROM watchdog").FirstOrDefault("");

    /// <summary>A journal that no service of this version has opened yet may lack it.</summary>
    private static bool HasTable(SqliteConnection connection, string name) =>
        connection.Read(row => row.GetInt64(0), "SELECT 1 FROM sqlite_schema WHERE name = $name", ("$name", name)).Count > 0;

    internal static OperatorWish Wish(SqliteConnection connection, string cluster) =>
        connection.Read(row => new OperatorWish(row.GetBoolean(0), row.GetInt64(1)), "SELECT paused, acknowledged_epoch FROM operator_wish WHERE cluster = $cluster", ("$cluster", cluster))
            .FirstOrDefault(OperatorWish.None) with
        { Adopt = Request(connection, cluster), TakeOver = Takeover(connection, cluster) };

    private static TakeoverRequest? Takeover(SqliteConnection connection, string cluster) =>
        !HasTable(connection, "takeover_request") ? null
        : connection.Read(row => new TakeoverRequest(row.GetString(0), row.GetString(1), row.Time(2)),
            "SELECT owner, asked_by, asked_at FROM takeover_request WHERE cluster = $cluster", ("$cluster", cluster)).FirstOrDefault();

    private static AdoptionRequest? Request(SqliteConnection connection, string cluster) =>
        !HasTable(connection, "adoption_request") ? null : connection.Read(row => new AdoptionRequest(row.GetString(0), row.GetInt64(1), row.GetString(2), row.Time(3)),
            "SELECT node, epoch, asked_by, asked_at FROM adoption_request WHERE cluster = $cluster", ("$cluster", cluster)).FirstOrDefault();

    internal static IReadOnlyList<FinishedFailover> Failovers(SqliteConnection connection, string cluster) =>
        connection.Read(row => Understood<FinishedFailover>(row.GetString(0)), "SELECT report FROM failover WHERE cluster = $cluster ORDER BY finished_at", ("$cluster", cluster))
            .OfType<FinishedFailover>().ToList();

    internal static IReadOnlyList<JournalEntry> Between(SqliteConnection connection, string cluster, DateTimeOffset from, DateTimeOffset until, int limit) => connection.Read(
        Entry, "SELECT id, time, kind, sentence, cluster FROM event WHERE cluster = $cluster AND time >= $from AND time <= $to ORDER BY id LIMIT $limit",
        ("$cluster", cluster), ("$from", from.Text()), ("$to", until.Text()), ("$limit", limit));

    internal static IReadOnlyList<JournalEntry> Events(SqliteConnection connection, string? cluster, int limit, long after, long before, ReadOnlySpan<EventKind> kinds) => connection.Read(
        Entry,
        $"SELECT id, time, kind, sentence, cluster FROM event WHERE id > $after AND id < $before {(cluster is null ? "" : "AND cluster = $cluster")} "
            + $"{(kinds.IsEmpty ? "" : $"AND kind IN ('{string.Join("', '", kinds.ToArray())}')")} ORDER BY id DESC LIMIT $limit",
        ("$cluster", cluster ?? ""), ("$limit", limit), ("$after", after), ("$before", before));

    private static JournalEntry Entry(SqliteDataReader row) =>
        new(row.Time(1), Kind(row.GetString(2)), row.GetString(3)) { Id = row.GetInt64(0), Cluster = row.GetString(4) };

    /// <summary>A kind of another version is Unknown; its sentence still says what happened.</summary>
    private static EventKind Kind(string name) => Enum.TryParse<EventKind>(name, out var kind) && Enum.IsDefined(kind) ? kind : EventKind.Unknown;

    private static T? Understood<T>(string text)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, Json.Strict);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static SqliteConnection Open(string file)
    {
        if (!File.Exists(file))
            throw new JournalUnreadableException($"there is no {file}: see StateDirectory in the configuration; the service makes it when it starts");
        var connection = SqliteText.Connection(file, SqliteOpenMode.ReadOnly);
        try
        {
            connection.Open();
            return connection;
        }
        catch (SqliteException failure)
        {
            connection.Dispose();
            throw Unreadable(file, failure);
        }
    }

    private T Ask<T>(Func<T> question)
    {
        try
        {
            return question();
        }
        catch (SqliteException failure)
        {
            throw Unreadable(journal.DataSource, failure);
        }
    }

    private static JournalUnreadableException Unreadable(string what, SqliteException failure) =>
        new($"{what} cannot be read ({failure.Message.TrimEnd('.')}): run this as the watchdog's account or as root");

    public void Dispose() => journal.Dispose();
}

/// <summary>The journal could not be read, or not changed, by a command.</summary>
public sealed class JournalUnreadableException(string message) : Exception(message);
