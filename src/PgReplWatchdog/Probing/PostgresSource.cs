using System.Data;
using System.Globalization;
using System.Net.Sockets;
using Npgsql;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>
/// Opens sessions to one node's server. What comes from there passes a <see cref="Wire"/>: the driver alone reads for as long
/// as it is sent something, also after it was given up.
/// </summary>
public sealed class PostgresSource(ClusterAccess cluster, NodeSpec node)
{
    /// <summary>Bytes in answer to one question, and while a session is opened. An honest look takes some ten KiB.</summary>
    public const int AnswerLimit = 256 * 1024;

    /// <summary>For the driver to end in order what was given up: it asks the server to cancel a query.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(250);

    /// <summary>A session for one purpose. Its socket ends soon after <paramref name="life"/>, whatever the server does.</summary>
    /// <exception cref="NpgsqlException">The server cannot be reached, refuses, or does not talk as PostgreSQL does.</exception>
    public async Task<NpgsqlConnection> OpenConnectionAsync(CancellationToken life)
    {
        (NpgsqlConnection Connection, Wire Wire) session;
        try
        {
            session = await OpenAsync(life);
        }
        catch (SocketException failure)
        {
            throw new NpgsqlException(string.Create(CultureInfo.InvariantCulture, $"no connection to {node.Host}:{node.Port} ({failure.Message})"), failure);
        }
        session.Wire.Ask(AnswerLimit);
        var end = life.UnsafeRegister(static open => ((Wire)open!).EndIn(Grace), session.Wire);
        session.Connection.StateChange += (_, change) =>
        {
            if (change.CurrentState == ConnectionState.Closed)
                end.Unregister();
        };
        return session.Connection;
    }

    /// <summary>A session with the means to end it, and to allow it what each question's answer may have.</summary>
    /// <exception cref="NpgsqlException">The server refuses, or does not talk as PostgreSQL does.</exception>
    /// <exception cref="SocketException">The server cannot be reached.</exception>
    public async Task<(NpgsqlConnection Connection, Wire Wire)> OpenAsync(CancellationToken deadline)
    {
        var host = $"@pgwatchdog-{Guid.NewGuid():N}";
        var wire = await Wire.OpenAsync(node.Host, node.Port, PostgresConnections.DoorOf(host, node.Port), deadline);
        var source = PostgresConnections.SourceFor(cluster, node, host);
        var connection = source.CreateConnection();
        try
        {
            using var asked = wire.Ask(AnswerLimit);
            using var end = deadline.UnsafeRegister(static open => ((Wire)open!).EndIn(Grace), wire);
            await connection.OpenAsync(deadline);
            connection.StateChange += (_, change) =>
            {
                if (change.CurrentState == ConnectionState.Closed)
                    source.Dispose();
            };
            return (connection, wire);
        }
        catch (Exception failure)
        {
            var why = wire.Failure;
            wire.Dispose();
            await connection.DisposeAsync();
            await source.DisposeAsync();
            if (why is not null && failure is not PostgresException)
                throw Because(why, failure);
            throw;
        }
    }

    /// <summary>What ended the wire says more than what the driver made of that.</summary>
    public static Exception Because(Exception why, Exception failure) => new NpgsqlException(failure.Message, why);
}
