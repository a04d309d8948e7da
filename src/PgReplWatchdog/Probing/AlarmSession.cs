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
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromSeconds(1);

    /// <summary>Listens until cancelled, and calls <paramref name="alarm"/> each time that a session which stood has ended.</summary>
    public async Task ListenAsync(Func<Task> alarm, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(alarm);
        var source = new PostgresSource(cluster, node);
        while (!cancellation.IsCancellationRequested)
        {
            if (await HasEndedAsync(source, cancellation) && !cancellation.IsCancellationRequested)
                await alarm();
            await Task.Delay(BetweenAttempts, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>True where a session was open and ended; false where none could be opened.</summary>
    private static async Task<bool> HasEndedAsync(PostgresSource source, CancellationToken cancellation)
    {
        using var life = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        life.CancelAfter(ConnectTimeout);
        try
        {
            await using var connection = await source.OpenConnectionAsync(life.Token);
            life.CancelAfter(Timeout.InfiniteTimeSpan);
            try
            {
                await connection.WaitAsync(cancellation);
                return false;
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                return true;
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return false;
        }
        // Whatever keeps a session from being opened is for the check to find.
        catch (Exception)
        {
            return false;
        }
    }
}
