using Npgsql;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>How the watchdog's sessions are opened. Unpooled: a session that is kept is kept on purpose.</summary>
public static class PostgresConnections
{
    /// <summary>Shown in pg_stat_activity and in the server's log.</summary>
    public const string ApplicationName = "pgwatchdog";

    /// <summary>For every wait whose real deadline is a cancellation token: the driver's own must only be longer.</summary>
    private const int BackstopSeconds = 120;

    public static NpgsqlDataSource SourceFor(ClusterAccess cluster, NodeSpec node)
    {
        var builder = new NpgsqlDataSourceBuilder(StringFor(cluster, node));
        builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false)); // spares a query on each new session; no type of ours needs it
        return builder.Build();
    }

    private static string StringFor(ClusterAccess cluster, NodeSpec node) => new NpgsqlConnectionStringBuilder
    {
        Host = node.Host,
        Port = node.Port,
        Database = cluster.Spec.Roles.Database,
        Username = cluster.Spec.Roles.Watchdog,
        Password = cluster.WatchdogPassword.Reveal(),
        ApplicationName = ApplicationName,
        Pooling = false,
        Enlist = false,
        GssEncryptionMode = GssEncryptionMode.Disable,
        Timeout = BackstopSeconds,
        CommandTimeout = BackstopSeconds,
        CancellationTimeout = -1, // a session that misses its deadline is broken at once; a cancel request would have to wait for the same server
    }.ConnectionString;
}
