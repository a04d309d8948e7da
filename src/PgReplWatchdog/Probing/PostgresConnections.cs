using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>How the watchdog's sessions are opened. Unpooled: a session that is kept is kept on purpose.</summary>
public static class PostgresConnections
{
    /// <summary>Shown in pg_stat_activity and in the server's log: `pgwatchdog OWNER` for a watchdog, `pgwatchdog` for a command.</summary>
    public static string NameOf(ClusterSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return spec.Owner.Length == 0 ? "pgwatchdog" : $"pgwatchdog {spec.Owner}";
    }

    /// <summary>A server ends the session of a watchdog whose host has died after 14 s (5 s, then three questions 3 s apart).</summary>
    private const string KeepAlive = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3";

    /// <summary>The driver's own limits. The watchdog's deadlines are shorter; these end what was given up.</summary>
    private const int ConnectSeconds = 5;
    private const int CommandSeconds = 30;

    /// <summary>Where the driver's connection to that host and port arrives (unix(7), abstract socket).</summary>
    public static EndPoint DoorOf(string host, int port)
    {
        ArgumentNullException.ThrowIfNull(host);
        return new UnixDomainSocketEndPoint(string.Create(CultureInfo.InvariantCulture, $"\0{host[1..]}/.s.PGSQL.{port}"));
    }

    /// <param name="cluster">The cluster.</param>
    /// <param name="node">Whose server it is.</param>
    /// <param name="door">The driver connects there, and to no other place.</param>
    public static NpgsqlDataSource SourceFor(ClusterAccess cluster, NodeSpec node, string door)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(node);
        var builder = new NpgsqlDataSourceBuilder(StringFor(cluster, node, door));
        builder.UseSslClientAuthenticationOptionsCallback(options => options.TargetHost = node.Host);
        builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false)); // spares a query on each new session; no type of ours needs it
        return builder.Build();
    }

    public static PostgresVersion VersionOf(NpgsqlConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var (major, minor) = (connection.PostgreSqlVersion.Major, connection.PostgreSqlVersion.Minor);
        return new PostgresVersion((major * 10000) + (major < 10 ? minor * 100 : minor));
    }

    private static string StringFor(ClusterAccess cluster, NodeSpec node, string door) => new NpgsqlConnectionStringBuilder
    {
        Host = door,
        Port = node.Port,
        Database = cluster.Spec.Roles.Database,
        Username = cluster.Spec.Roles.Watchdog,
        Password = cluster.WatchdogPassword.Reveal(),
        ApplicationName = NameOf(cluster.Spec),
        SearchPath = "pgwatchdog, pg_catalog", // what set-up has made for this role (Setup/Sql/schema.sql)
        Pooling = false,
        Enlist = false,
        SslMode = cluster.Spec.Replication.Tls == Tls.Required ? SslMode.Require : SslMode.Prefer,
        GssEncryptionMode = GssEncryptionMode.Disable,
        RequireAuth = "!Password", // whoever takes a node's address could ask for it in clear
        Timeout = ConnectSeconds,
        CommandTimeout = CommandSeconds,
        Options = KeepAlive,
        CancellationTimeout = -1, // a session that misses its deadline is broken, not waited for
    }.ConnectionString;
}
