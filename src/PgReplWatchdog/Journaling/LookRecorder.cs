using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace PgReplWatchdog.Journaling;

/// <summary>
/// Keeps looks for replay, in a file and on a thread of its own: a check hands one over and goes on. When the disk cannot follow, looks are dropped; when it cannot be
/// written, that is told once.
/// </summary>
public sealed class LookRecorder : IDisposable
{
    /// <summary>The newest that are kept of each cluster.</summary>
    public const int Limit = 20_000;

    /// <summary>Characters of one look. What servers and hosts say is in there: one that is longer is no honest one's.</summary>
    private const int LongestLook = 128 * 1024;

    /// <summary>Characters of a cluster's looks in a second, in the long run, and at once: a look of three nodes has some 5,000.</summary>
    private const int EachSecond = 10 * 1024;
    private const int AtOnce = 1024 * 1024;

    /// <summary>Bytes of a cluster's looks that are kept.</summary>
    private const long MostKept = 128L * 1024 * 1024;

    /// <summary>Looks that may wait for the disk.</summary>
    private const int Waiting = 256;

    /// <summary>Older ones are removed after so many were added.</summary>
    private const int PruneEvery = 500;
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);

    private readonly Channel<(string Cluster, Look Look)> channel = Channel.CreateBounded<(string, Look)>(new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ConcurrentDictionary<string, Look> passedOver = new();
    private readonly string file;
    private readonly int limit;
    private readonly long mostKept;
    private readonly ILogger logger;
    private readonly Task writing;
    private readonly Dictionary<string, int> added = [];
    private readonly Dictionary<string, (double Left, long At)> budgets = [];
    private SqliteConnection? connection;
    private bool failing;

    public LookRecorder(string stateDirectory, ILogger logger, int limit = Limit, long mostKept = MostKept)
    {
        (file, this.limit, this.mostKept, this.logger) = (FileIn(stateDirectory), limit, mostKept, logger);
        writing = Task.Run(WriteAsync);
    }

    public static string FileIn(string stateDirectory) => Path.Combine(stateDirectory, "observations.db");

    /// <summary>Takes a look; one to keep brings the one before it. Never waits, never throws.</summary>
    public void Saw(string cluster, Look look, bool keep)
    {
        if (!keep)
        {
            passedOver[cluster] = look;
            return;
        }
        if (passedOver.TryRemove(cluster, out var before))
            channel.Writer.TryWrite((cluster, before));
        channel.Writer.TryWrite((cluster, look));
    }

    private async Task WriteAsync()
    {
        await foreach (var (cluster, look) in channel.Reader.ReadAllAsync())
        {
            try
            {
                var text = JsonSerializer.Serialize(look, Json.Options);
                if (!IsWithinBudget(cluster, text.Length))
                    continue;
                Write(cluster, look.Observation.Time, text);
                if (failing)
                    Log.LooksKeptAgain(logger, file);
                failing = false;
            }
            catch (Exception failure) when (failure is SqliteException or IOException or UnauthorizedAccessException or JsonException or NotSupportedException)
            {
                if (!failing)
                    Log.LooksNotKept(logger, file, failure.Message);
                failing = true;
                Close(); // the next one opens it anew: the file may have been moved away
            }
        }
        Close();
    }

    /// <summary>A cluster whose looks are many and long must not fill the disk: some are not kept.</summary>
    private bool IsWithinBudget(string cluster, int length)
    {
        var (left, at) = budgets.GetValueOrDefault(cluster, (AtOnce, Stopwatch.GetTimestamp()));
        left = Math.Min(AtOnce, left + (Stopwatch.GetElapsedTime(at).TotalSeconds * EachSecond));
        var isWithin = length <= LongestLook && length <= left;
        budgets[cluster] = (isWithin ? left - length : left, Stopwatch.GetTimestamp());
        return isWithin;
    }

    private void Write(string cluster, DateTimeOffset time, string text)
    {
        if (connection is null)
        {
            connection = SqliteText.Connection(file);
            connection.Open();
            connection.Execute(SqlText.Of("Journaling.observations.sql"));
        }
        connection.Execute("INSERT INTO observation (cluster, time, look) VALUES ($cluster, $time, $look)",
            ("$cluster", cluster), ("$time", time.Text()), ("$look", text));
        if (added.TryGetValue(cluster, out var count) && count % PruneEvery != 0)
        {
            added[cluster] = count + 1;
            return;
        }
        added[cluster] = 1;
        connection.Execute("DELETE FROM observation WHERE cluster = $cluster AND id <= (SELECT id FROM observation WHERE cluster = $cluster ORDER BY id DESC LIMIT 1 OFFSET $limit)",
            ("$cluster", cluster), ("$limit", limit));
        connection.Execute("""
            DELETE FROM observation WHERE cluster = $cluster AND id <= (SELECT max(id) FROM (
              SELECT id, sum(octet_length(look)) OVER (ORDER BY id DESC) AS kept FROM observation WHERE cluster = $cluster) WHERE kept > $limit)
            """, ("$cluster", cluster), ("$limit", mostKept));
    }

    private void Close()
    {
        connection?.Dispose();
        connection = null;
    }

    /// <summary>Writes what is waiting, for a short while.</summary>
    public void Dispose()
    {
        channel.Writer.TryComplete();
        writing.Wait(StopLimit);
    }
}
