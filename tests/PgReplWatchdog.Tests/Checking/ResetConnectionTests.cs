using PgReplWatchdog.Configuration;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;

namespace PgReplWatchdog.Tests.Checking;

/// <summary>A connection that was reset tells of the past. The same look asks again over a fresh one.</summary>
public sealed class ResetConnectionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Look_whose_connection_was_reset_asks_again_at_once()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        var access = InstallationLoader.Load(cluster.Configuration).Clusters[0];
        var alpha = access.Spec.Node("alpha");
        await using var relay = new Relay(alpha.Host, alpha.Port);
        await using var session = new NodeSession(access, alpha with { Host = "127.0.0.1", Port = relay.Port });

        Assert.Equal(Reach.Serving, await AskAsync()); // and keeps the session
        relay.Reset(0, close: false);
        Assert.Equal(Reach.Serving, await AskAsync());
        relay.Reset(1, close: false);
        Assert.Equal(Reach.Serving, await AskAsync()); // its backlog was reset, and it is there again

        // A server that dies: what it had not accepted yet is reset, and after that nobody listens.
        relay.Reset(1, close: true);
        Assert.Equal(Reach.Refused, await AskAsync());

        async Task<Reach> AskAsync()
        {
            try
            {
                await session.AskAsync(RunningCluster.Patience, TimeProvider.System, Cancellation);
                return Reach.Serving;
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                return ProbeFailure.Classify(failure, "127.0.0.1", relay.Port, RunningCluster.Patience).Reach;
            }
        }
    }
}
