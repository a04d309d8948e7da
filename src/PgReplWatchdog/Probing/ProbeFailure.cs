using System.Net.Sockets;
using Npgsql;
using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Probing;

/// <summary>What a failed question says about the server: by SQLSTATE and socket error, never by message text.</summary>
public static class ProbeFailure
{
    public static (Reach Reach, string Detail) Classify(Exception failure, string host, int port, TimeSpan timeout) => failure switch
    {
        PostgresException answered => (Reach.Alive, Say(answered)),
        OperationCanceledException or TimeoutException => (Reach.Unreachable, $"no answer from {host}:{port} within {timeout.TotalMilliseconds:0} ms"),
        NpgsqlException { InnerException: { } inner } when inner is not PostgresException => Classify(inner, host, port, timeout) is { Reach: not Reach.Failed } known
            ? known
            : (Reach.Failed, Talk(host, port, inner)),
        AggregateException { InnerException: { } inner } => Classify(inner, host, port, timeout),
        SocketException socket => Classify(socket, host, port),
        _ => (Reach.Failed, Talk(host, port, failure)),
    };

    /// <summary>The connection was there and broke: the server has died, or what stands at its address wants no guests.</summary>
    public static bool IsReset(Exception? failure) => failure switch
    {
        null or PostgresException => false,
        SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown } => true,
        EndOfStreamException => true,
        _ => IsReset(failure.InnerException),
    };

    private static (Reach Reach, string Detail) Classify(SocketException failure, string host, int port) => failure.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => (Reach.Refused, $"{host}:{port} refuses connections"),
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain =>
            (Reach.Unreachable, $"the host name {host} does not resolve: correct Host in the configuration, or the name service"),
        SocketError.TimedOut or SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.HostDown or SocketError.NetworkDown =>
            (Reach.Unreachable, $"no way to {host}:{port} ({failure.Message})"),
        _ => (Reach.Failed, Talk(host, port, failure)),
    };

    private static string Say(PostgresException answered) => answered.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            $"{answered.MessageText} (SQLSTATE {answered.SqlState}): check the watchdog's role and WatchdogPasswordFile, or run setup",
        PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn =>
            $"{answered.MessageText} (SQLSTATE {answered.SqlState}): run setup, which makes what PostgreSQL before 10 does not have",
        PostgresErrorCodes.InvalidCatalogName => $"{answered.MessageText} (SQLSTATE {answered.SqlState}): check Database",
        _ => $"{answered.MessageText} (SQLSTATE {answered.SqlState})",
    };

    private static string Talk(string host, int port, Exception failure) =>
        $"{host}:{port} does not talk as PostgreSQL does ({failure.Message}): check Host and Port";
}
