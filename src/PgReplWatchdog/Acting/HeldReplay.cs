using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Acting;

/// <summary>
/// A standby replays all WAL that it has before it becomes primary. A session there that conflicts with replay delays that by
/// max_standby_streaming_delay, or for ever. So on the elected standby such sessions are ended (docs/decisions/0015).
/// </summary>
public sealed class HeldReplay(SshHosts hosts, TimeProvider clock)
{
    private const int MostNamed = 10;

    /// <summary>Looks every 100 ms whether replay is held. Returns what it ended, in words; "" if nothing.</summary>
    /// <param name="host">Of the elected standby.</param>
    /// <param name="elected">Where its WAL ended then; null: that is not looked at.</param>
    /// <param name="limit">For one look.</param>
    /// <param name="until">Cancelled when replay is through. A look under way comes to its end.</param>
    /// <param name="cancellation">Ends a look under way as well.</param>
    public async Task<string> EndAsync(
        HostAccess host, Lsn? elected, TimeSpan limit, CancellationToken until, CancellationToken cancellation)
    {
        List<string> ended = [];
        try
        {
            var script = HostCommands.EndHeldReplay(host, elected);
            while (true)
            {
                // First: replay that nothing holds is through by then.
                await Task.Delay(HostCommands.HeldReplayInterval, clock, until);
                if (await hosts[host.Node.Name].RunAsync(script, limit, cancellation) is not { ExitStatus: 0 } look)
                    break;
                ended.AddRange(look.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            }
        }
        catch (Exception failure) when (failure is SshFailureException or OperationCanceledException)
        {
            // Whether it was needed the promotion itself shows.
        }
        var named = string.Join(", ", ended.Distinct().Take(MostNamed));
        return ended.Count == 0 ? ""
            : $"; ended on {host.Node.Name}, because they held replay: {named}{(ended.Count > MostNamed ? ", and others" : "")}";
    }
}
