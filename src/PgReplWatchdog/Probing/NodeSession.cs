using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Npgsql;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>The session to one node, opened when it is needed and kept while it works: a new one costs the server a process.</summary>
public sealed class NodeSession(ClusterAccess cluster, NodeSpec node) : IAsyncDisposable
{
    private readonly NpgsqlDataSource source = PostgresConnections.SourceFor(cluster, node);
    private NpgsqlConnection? connection;
    private NpgsqlCommand? question;

    public NodeSpec Node => node;

    public async Task<ServerFacts> AskAsync(CancellationToken deadline)
    {
        var kept = connection is not null;
        try
        {
            return await AskOnceAsync(deadline);
        }
        // A kept session that broke tells of the past (a restart, an ended backend); a fresh one tells how things are.
        catch (Exception failure) when (kept && failure is DbException && !deadline.IsCancellationRequested)
        {
            return await AskOnceAsync(deadline);
        }
    }

    private async Task<ServerFacts> AskOnceAsync(CancellationToken deadline)
    {
        try
        {
            if (connection is null)
                await OpenAsync(deadline);
            await using var reader = await question!.ExecuteReaderAsync(deadline);
            await reader.ReadAsync(deadline);
            return Facts(reader);
        }
        catch
        {
            await CloseAsync(); // in an unknown state: never asked again
            throw;
        }
    }

    private async Task OpenAsync(CancellationToken deadline)
    {
        connection = source.CreateConnection();
        await connection.OpenAsync(deadline);
        question = new NpgsqlCommand(SqlText.Of("Probing.Sql.observe.sql"), connection);
        await question.PrepareAsync(deadline);
    }

    private static ServerFacts Facts(NpgsqlDataReader reader)
    {
        var inRecovery = reader.GetBoolean(reader.GetOrdinal("in_recovery"));
        var replayed = Position(reader, "replay_lsn");
        return new ServerFacts
        {
            Role = inRecovery ? Role.Standby : Role.Primary,
            SystemIdentifier = ulong.Parse(reader.GetString(reader.GetOrdinal("system_identifier")), CultureInfo.InvariantCulture),
            Timeline = (uint)reader.GetInt32(reader.GetOrdinal("timeline")),
            VersionNumber = reader.GetInt32(reader.GetOrdinal("version_number")),
            StartedAt = reader.GetFieldValue<DateTimeOffset>(reader.GetOrdinal("started_at")),
            CurrentLsn = Position(reader, "current_lsn"),
            ReceivedLsn = inRecovery ? Lsn.Greater(Position(reader, "receive_lsn"), replayed) : null,
            ReplayedLsn = replayed,
            ReplayPaused = reader.GetBoolean(reader.GetOrdinal("replay_paused")),
            PromoteTriggerFile = reader.GetString(reader.GetOrdinal("promote_trigger_file")),
            WalReceiver = Text(reader, "walreceiver_status") is { } status ? new WalReceiver(status, Age(reader)) : null,
            WalSenders = List<WalSender>(reader, "walsenders"),
            Slots = List<ReplicationSlot>(reader, "slots"),
        };
    }

    private static TimeSpan? Age(NpgsqlDataReader reader)
    {
        var ordinal = reader.GetOrdinal("last_message_age_seconds");
        return reader.IsDBNull(ordinal) ? null : TimeSpan.FromSeconds(Math.Max(0, reader.GetDouble(ordinal)));
    }

    private static string? Text(NpgsqlDataReader reader, string column)
    {
        var ordinal = reader.GetOrdinal(column);
        return reader.IsDBNull(ordinal) ? null : reader.GetString(ordinal);
    }

    private static Lsn? Position(NpgsqlDataReader reader, string column) => Text(reader, column) is { } text ? Lsn.Parse(text) : null;

    private static ImmutableArray<T> List<T>(NpgsqlDataReader reader, string column) =>
        JsonSerializer.Deserialize<ImmutableArray<T>>(Text(reader, column)!, Json.Options);

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        await source.DisposeAsync();
    }

    private async ValueTask CloseAsync()
    {
        if (question is not null)
            await question.DisposeAsync();
        if (connection is not null)
            await connection.DisposeAsync();
        question = null;
        connection = null;
    }
}
