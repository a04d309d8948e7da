using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Npgsql;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>The session to one node, opened when it is needed and kept while it works: a new one costs the server a process.</summary>
public sealed class NodeSession(ClusterAccess cluster, NodeSpec node) : IAsyncDisposable
{
    /// <summary>Characters of all that one look is told by a server: some hundred standbys and slots.</summary>
    private const int LookLimit = 64 * 1024;

    /// <summary>For a session's last words to the server.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1);

    private readonly PostgresSource source = new(cluster, node);
    private Session? kept;
    private readonly string name = PostgresConnections.NameOf(cluster.Spec);
    private string acknowledgement = PostgresConnections.NameOf(cluster.Spec);

    /// <summary>By time, not by number: in a failover look follows look, and a new session takes longer than an answer.</summary>
    private readonly TimeSpan renewAfter = (cluster.FreshConnectionEvery - 0.5) * cluster.Spec.Policy.CheckInterval;

    public NodeSpec Node => node;

    /// <summary>The guard there may live by what is asked: what was seen in the answer before is acknowledged.</summary>
    public bool Renews { get; set; }

    /// <summary>
    /// Asks, and returns or throws within <paramref name="timeout"/>. The driver alone does not promise that: when a query is given up it first
    /// tries to reach the server with a cancel request, and a silent host answers neither. Such a session's socket ends with the time-out.
    /// </summary>
    public async Task<ServerFacts> AskAsync(TimeSpan timeout, TimeProvider clock, CancellationToken cancellation)
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        var asking = AskAsync(clock, deadline.Token);
        _ = asking.ContinueWith(
            static (late, state) =>
            {
                _ = late.Exception; // told to the one who waited, if anybody still did
                ((CancellationTokenSource)state!).Dispose();
            },
            deadline, TaskScheduler.Default);
        var facts = await asking.WaitAsync(timeout, clock, cancellation);
        // Only what counts as a sign of life here may count as one for the guard: an answer that came too late is not acknowledged.
        acknowledgement = facts.InsertLsn is { } position ? $"{name} {position}" : name;
        return facts;
    }

    private async Task<ServerFacts> AskAsync(TimeProvider clock, CancellationToken deadline)
    {
        // Now and then a new session: what a password, pg_hba.conf or the limits have against it shows there alone.
        var session = Interlocked.Exchange(ref kept, null);
        if (session is not null && clock.GetElapsedTime(session.OpenedAt) >= renewAfter)
        {
            await session.DisposeAsync();
            session = null;
        }
        if (session is not null)
        {
            try
            {
                return await AskKeptAsync(session, deadline);
            }
            // A kept session that broke tells of the past (a restart, an ended backend); a fresh one tells how things are.
            catch (Exception broken) when (broken is DbException or SocketException && !deadline.IsCancellationRequested)
            {
            }
        }
        try
        {
            return await AskAsync(await OpenAsync(clock, deadline), deadline);
        }
        // A server that dies resets what it has not accepted yet. How things are then the next connection tells.
        catch (Exception broken) when (!deadline.IsCancellationRequested && ProbeFailure.IsReset(broken))
        {
            return await AskAsync(await OpenAsync(clock, deadline), deadline);
        }
    }

    /// <summary>A postmaster that hangs goes on serving the sessions it has: it has to take a new connection as well.</summary>
    private async Task<ServerFacts> AskKeptAsync(Session session, CancellationToken deadline)
    {
        var hangingUp = session.ServerHangsUp ? Postmaster.HangsUpAsync(session.Addresses, node.Port, deadline) : Task.CompletedTask;
        _ = hangingUp.ContinueWith(static late => late.Exception, TaskScheduler.Default); // where the session broke nobody waits for it
        try
        {
            var facts = await AskAsync(session, deadline);
            await hangingUp;
            return facts;
        }
        catch
        {
            await LeaveAsync(); // the heartbeat of a session that is still served must not make the server look well
            throw;
        }
    }

    /// <summary>A session is kept again only after it has answered: one in an unknown state is never asked again.</summary>
    private async Task<ServerFacts> AskAsync(Session session, CancellationToken deadline)
    {
        try
        {
            using var asked = session.Wire.Ask(PostgresSource.AnswerLimit);
            using var end = deadline.UnsafeRegister(static open => ((Wire)open!).Dispose(), session.Wire);
            session.Acknowledgement.TypedValue = Renews ? acknowledgement : name;
            await using var reader = await session.Question.ExecuteReaderAsync(deadline);
            await reader.NextResultAsync(deadline);
            await reader.ReadAsync(deadline);
            var facts = Facts(reader);
            await reader.CloseAsync();
            if (Interlocked.CompareExchange(ref kept, session, null) is not null)
                await session.DisposeAsync();
            return facts;
        }
        catch (Exception failure)
        {
            var why = session.Wire.Failure;
            session.Wire.Dispose(); // what it is in the middle of ends with its socket
            await session.DisposeAsync();
            if (why is not null && failure is not PostgresException)
                throw PostgresSource.Because(why, failure);
            throw;
        }
    }

    private async Task<Session> OpenAsync(TimeProvider clock, CancellationToken deadline)
    {
        var began = clock.GetTimestamp();
        var addresses = await Dns.GetHostAddressesAsync(node.Host, deadline);
        var (connection, wire) = await source.OpenAsync(deadline);
        try
        {
            using var asked = wire.Ask(PostgresSource.AnswerLimit);
            using var end = deadline.UnsafeRegister(static open => ((Wire)open!).Dispose(), wire);
            var acknowledged = new NpgsqlParameter<string> { TypedValue = name };
            var question = new NpgsqlBatch(connection)
            {
                BatchCommands =
                {
                    new(SqlText.Of("Probing.Sql.heartbeat.sql")) { Parameters = { acknowledged, new NpgsqlParameter<bool> { TypedValue = cluster.Heartbeat } } },
                    new(SqlText.Of("Probing.Sql.observe.sql")),
                },
            };
            await question.PrepareAsync(deadline);
            // Before 12 the server logs each connection that says nothing.
            var proof = connection.PostgreSqlVersion.Major >= 12 ? ProveAsync(addresses) : Task.FromResult(false);
            return new Session(connection, wire, question, acknowledged, addresses, proof, began);
        }
        catch
        {
            wire.Dispose();
            await connection.DisposeAsync();
            throw;
        }
    }

    private ServerFacts Facts(NpgsqlDataReader reader)
    {
        RequireSmall(reader);
        var inRecovery = reader.GetBoolean(reader.GetOrdinal("in_recovery"));
        var replayed = Position(reader, "replay_lsn");
        var order = Text(reader, "guard_order")?.Split(' '); // ID OWNER
        return new ServerFacts
        {
            Role = inRecovery ? Role.Standby : Role.Primary,
            SystemIdentifier = ulong.Parse(reader.GetString(reader.GetOrdinal("system_identifier")), CultureInfo.InvariantCulture),
            Timeline = (uint)reader.GetInt32(reader.GetOrdinal("timeline")),
            VersionNumber = reader.GetInt32(reader.GetOrdinal("version_number")),
            StartedAt = reader.GetFieldValue<DateTimeOffset>(reader.GetOrdinal("started_at")),
            CheckpointTimeline = (uint)reader.GetInt32(reader.GetOrdinal("checkpoint_timeline")),
            CurrentLsn = Position(reader, "current_lsn"),
            InsertLsn = Position(reader, "insert_lsn"),
            FlushLsn = Position(reader, "flush_lsn"),
            ReceivedLsn = inRecovery ? Lsn.Greater(Position(reader, "receive_lsn"), replayed) : null,
            ReplayedLsn = replayed,
            ReplayPaused = reader.GetBoolean(reader.GetOrdinal("replay_paused")),
            PromoteTriggerFile = reader.GetString(reader.GetOrdinal("promote_trigger_file")),
            ReadsStatistics = reader.GetBoolean(reader.GetOrdinal("reads_statistics")),
            MayPromote = reader.GetBoolean(reader.GetOrdinal("may_promote")),
            WalReceiverTimeout = TimeSpan.FromSeconds(reader.GetDouble(reader.GetOrdinal("wal_receiver_timeout_seconds"))),
            SynchronousStandbyNames = reader.GetString(reader.GetOrdinal("synchronous_standby_names")),
            LimitsSlots = reader.GetBoolean(reader.GetOrdinal("limits_slots")),
            GuardOrderId = order?.FirstOrDefault(),
            GuardOwner = order?.ElementAtOrDefault(1) ?? "",
            Watchdogs = List<WatchdogSession>(reader, "watchdogs"),
            BootChecks = Text(reader, "boot_checks") ?? "",
            WalReceiver = Text(reader, "walreceiver_status") is { } status ? new WalReceiver(status, Age(reader), Upstream(Text(reader, "sender")))
            {
                UpstreamEnd = Position(reader, "upstream_end"),
            } : null,
            WalSenders = List<WalSender>(reader, "walsenders"),
            Slots = List<ReplicationSlot>(reader, "slots"),
        };
    }

    private string? Upstream(string? sender) =>
        cluster.Spec.Nodes.FirstOrDefault(other => sender == string.Create(CultureInfo.InvariantCulture, $"{other.Host} {other.Port}"))?.Name;

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

    /// <summary>Everything that is told is kept for replay, and shown.</summary>
    /// <exception cref="InvalidDataException">It is more than any honest answer.</exception>
    private static void RequireSmall(NpgsqlDataReader reader)
    {
        var length = 0;
        for (var column = 0; column < reader.FieldCount; column++)
            length += reader.IsDBNull(column) ? 0 : reader.GetFieldType(column) == typeof(string) ? reader.GetString(column).Length : 0;
        if (length > LookLimit)
            throw new InvalidDataException($"it answered with {length} characters, and the limit is {LookLimit}");
    }

    private static Lsn? Position(NpgsqlDataReader reader, string column) => Text(reader, column) is { } text ? Lsn.Parse(text) : null;

    private static ImmutableArray<T> List<T>(NpgsqlDataReader reader, string column) =>
        JsonSerializer.Deserialize<ImmutableArray<T>>(Text(reader, column)!, Json.Options);

    private async ValueTask LeaveAsync()
    {
        if (Interlocked.Exchange(ref kept, null) is { } session)
            await session.DisposeAsync();
    }

    public ValueTask DisposeAsync() => LeaveAsync();

    /// <summary>A relay on the way may keep from the server that its client says nothing any more.</summary>
    private async Task<bool> ProveAsync(IPAddress[] addresses)
    {
        using var limit = new CancellationTokenSource(cluster.Spec.Policy.ProbeTimeout);
        try
        {
            await Postmaster.HangsUpAsync(addresses, node.Port, limit.Token);
            return true;
        }
        catch (Exception failure) when (failure is SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    private sealed record Session(
        NpgsqlConnection Connection, Wire Wire, NpgsqlBatch Question, NpgsqlParameter<string> Acknowledgement, IPAddress[] Addresses, Task<bool> Proof,
        long OpenedAt) : IAsyncDisposable
    {
        /// <summary>Seen when the session was opened.</summary>
        public bool ServerHangsUp => Proof is { IsCompletedSuccessfully: true, Result: true };

        public async ValueTask DisposeAsync()
        {
            await Question.DisposeAsync();
            await Connection.DisposeAsync();
            Wire.EndIn(Farewell);
        }
    }
}
