using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace PgReplWatchdog.Lab;

/// <summary>
/// An application that writes rows one after the other through a multi-host connection string, as a user of the cluster would, and keeps
/// account of what was acknowledged and when.
/// </summary>
public sealed class ClientWriter : IWriter
{
    public const string Role = "app";
    internal const string Password = "app-of-the-lab";

    /// <summary>One that tries without a pause takes a processor from those on whom it waits.</summary>
    private static readonly TimeSpan AfterFailure = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource stop = new();
    private readonly NpgsqlMultiHostDataSource source;
    private readonly Dictionary<(string Address, int Port), LabHost> hosts;
    private readonly Pace pace;
    private readonly List<Acknowledged> acknowledged = [];
    private readonly Lock gate = new();
    private long last;
    private Task writing = Task.CompletedTask;

    /// <param name="hosts">All nodes: the driver finds the primary among them.</param>
    /// <param name="pace">How fast it writes.</param>
    /// <param name="client">Its name in the rows.</param>
    public ClientWriter(IEnumerable<LabHost> hosts, Pace? pace = null, string client = "application")
    {
        this.hosts = hosts.ToDictionary(host => (host.Address, host.PostgresPort));
        this.pace = pace ?? Pace.Calm;
        Client = client;
        source = new NpgsqlDataSourceBuilder(ConnectionString(this.hosts.Values)).BuildMultiHost();
    }

    public string Client { get; }

    /// <summary>Host Recheck Seconds=0: what was a standby a moment ago may be the primary now. README shows this string.</summary>
    public static string ConnectionString(IEnumerable<LabHost> hosts) => string.Create(CultureInfo.InvariantCulture,
        $"Host={string.Join(',', hosts.Select(host => $"{host.Address}:{host.PostgresPort}"))};Target Session Attributes=primary;Host Recheck Seconds=0;Timeout=2;Command Timeout=2;Cancellation Timeout=-1;Database=postgres;Username={Role};Password={Password}");

    /// <summary>One server, or a proxy, as the application: without a pool, each connection is a new one.</summary>
    public static string ConnectionString(string address, int port) => string.Create(CultureInfo.InvariantCulture,
        $"Host={address};Port={port};Pooling=false;Timeout=5;Command Timeout=5;Database=postgres;Username={Role};Password={Password}");

    /// <summary>The same for one host.</summary>
    public static string ConnectionString(LabHost host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return ConnectionString(host.Address, host.PostgresPort);
    }

    /// <summary>Creates role and table on the primary, as the application's owner.</summary>
    public static async Task PrepareAsync(LabHost primary, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(primary);
        await primary.PsqlAsync($"""
            CREATE ROLE {Role} LOGIN PASSWORD '{Password}';
            CREATE TABLE deed (id bigint, client text DEFAULT '', at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (client, id));
            GRANT SELECT, INSERT ON deed TO {Role};
            """, ct);
    }

    public void Start() => writing = Task.WhenAll(Enumerable.Range(0, pace.Connections).Select(_ => WriteAsync(stop.Token)));

    /// <summary>Rows acknowledged so far, oldest first.</summary>
    public IReadOnlyList<Acknowledged> Acknowledged
    {
        get
        {
            lock (gate)
                return [.. acknowledged];
        }
    }

    public async Task StopAsync()
    {
        await stop.CancelAsync();
        await writing;
    }

    private async Task WriteAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            // A row that was tried and not acknowledged may be there nevertheless: its number is not used again.
            var id = Interlocked.Increment(ref last);
            try
            {
                await using var connection = await source.OpenConnectionAsync(TargetSessionAttributes.Primary, ct);
                await using var insert = new NpgsqlCommand("INSERT INTO deed (client, id) VALUES ($1, $2)", connection)
                {
                    Parameters = { new() { Value = Client }, new() { Value = id } },
                };
                var begun = Stopwatch.GetTimestamp();
                await insert.ExecuteNonQueryAsync(ct);
                lock (gate)
                    acknowledged.Add(new Acknowledged(Client, id, hosts[(connection.Host!, connection.Port)], begun, Stopwatch.GetTimestamp()));
                if (pace.Delay > TimeSpan.Zero)
                    await Task.Delay(pace.Delay, ct);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException or OperationCanceledException)
            {
                await Task.WhenAny(Task.Delay(AfterFailure, CancellationToken.None)); // not acknowledged; an application tries again
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await source.DisposeAsync();
        stop.Dispose();
    }
}
