using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace PgReplWatchdog.Lab;

/// <summary>
/// An application that writes rows one after the other through a multi-host connection string, as a user of the cluster would, and keeps
/// account of what was acknowledged and when.
/// </summary>
public sealed class ClientWriter : IAsyncDisposable
{
    public const string Role = "app";
    private const string Password = "app-of-the-lab";
    private static readonly TimeSpan BetweenWrites = TimeSpan.FromMilliseconds(2);

    private readonly CancellationTokenSource stop = new();
    private readonly NpgsqlMultiHostDataSource source;
    private readonly List<Acknowledged> acknowledged = [];
    private readonly Lock gate = new();
    private Task writing = Task.CompletedTask;

    /// <param name="hosts">All nodes: the driver finds the primary among them.</param>
    public ClientWriter(IEnumerable<LabHost> hosts)
    {
        var builder = new NpgsqlDataSourceBuilder(ConnectionString(hosts));
        source = builder.BuildMultiHost();
    }

    /// <summary>Host Recheck Seconds=0: what was a standby a moment ago may be the primary now. README shows this string.</summary>
    public static string ConnectionString(IEnumerable<LabHost> hosts) => string.Create(CultureInfo.InvariantCulture,
        $"Host={string.Join(',', hosts.Select(host => $"{host.Address}:{host.PostgresPort}"))};Target Session Attributes=primary;Host Recheck Seconds=0;Timeout=2;Command Timeout=2;Cancellation Timeout=-1;Database=postgres;Username={Role};Password={Password}");

    /// <summary>Creates role and table on the primary, as the application's owner.</summary>
    public static async Task PrepareAsync(LabHost primary, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(primary);
        await primary.PsqlAsync($"""
            CREATE ROLE {Role} LOGIN PASSWORD '{Password}';
            CREATE TABLE deed (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
            GRANT SELECT, INSERT ON deed TO {Role};
            """, ct);
    }

    public void Start() => writing = WriteAsync(stop.Token);

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
        for (long id = 1; !ct.IsCancellationRequested; id++)
        {
            try
            {
                await using var connection = await source.OpenConnectionAsync(TargetSessionAttributes.Primary, ct);
                await using var insert = new NpgsqlCommand("INSERT INTO deed (id) VALUES ($1)", connection) { Parameters = { new() { Value = id } } };
                await insert.ExecuteNonQueryAsync(ct);
                lock (gate)
                    acknowledged.Add(new Acknowledged(id, Stopwatch.GetTimestamp(), connection.Port, connection.Host ?? ""));
                await Task.Delay(BetweenWrites, ct);
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException or OperationCanceledException)
            {
                await Task.WhenAny(Task.Delay(BetweenWrites, CancellationToken.None)); // not acknowledged; an application tries again
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

/// <summary>A row that the client was told is committed.</summary>
/// <param name="Id">The row.</param>
/// <param name="Timestamp">Stopwatch's time of the acknowledgement.</param>
/// <param name="Port">The port of the server that acknowledged.</param>
/// <param name="Host">Its host.</param>
public sealed record Acknowledged(long Id, long Timestamp, int Port, string Host);
