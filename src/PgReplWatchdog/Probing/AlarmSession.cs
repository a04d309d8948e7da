using Npgsql;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>
/// An idle session to one node whose end is an alarm: a killed postmaster closes it within milliseconds. It proves nothing, it only brings the next check
/// forward. A host that vanishes says nothing here; the scheduled check finds that.
/// </summary>
public sealed class AlarmSession(ClusterAccess cluster, NodeSpec node, TimeProvider clock)
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);
    /// <summary>For the driver to notice that it is to end.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromSeconds(1);

    /// <summary>Listens until cancelled, and calls <paramref name="alarm"/> each time that a session which stood has ended.</summary>
    public async Task ListenAsync(Func<Task> alarm, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(alarm);
        await using var source = PostgresConnections.SourceFor(cluster, node);
        while (!cancellation.IsCancellationRequested)
        {
            if (await HasEndedAsync(source, cancellation) && !cancellation.IsCancellationRequested)
                await alarm();
            await Task.Delay(BetweenAttempts, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>True where a session was open and ended; false where none could be opened.</summary>
    private static async Task<bool> HasEndedAsync(NpgsqlDataSource source, CancellationToken cancellation)
    {
        var connection = source.CreateConnection();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(ConnectTimeout);
        var opening = connection.OpenAsync(deadline.Token);
        await Task.WhenAny(opening, Task.Delay(ConnectTimeout + Grace, cancellation));
        if (!opening.IsCompletedSuccessfully)
        {
            _ = GiveUpAsync(opening, connection);
            return false; // whatever keeps a session from being opened is for the check to find
        }
        await using var opened = connection;
        try
        {
            await connection.WaitAsync(cancellation);
            return false;
        }
        catch (Exception failure) when (failure is NpgsqlException or IOException)
        {
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>A connection that is still being opened does not let itself be disposed of: it ends by the driver's own limit.</summary>
    private static async Task GiveUpAsync(Task opening, NpgsqlConnection connection)
    {
        await opening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await connection.DisposeAsync();
    }
}
