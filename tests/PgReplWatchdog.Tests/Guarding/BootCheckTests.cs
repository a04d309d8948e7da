using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>`guard boot-check`: what the other nodes answer decides whether a node may start as primary.</summary>
public sealed class BootCheckTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_other_node_decides_and_where_none_answers_the_order()
    {
        await using var cluster = await GuardedCluster.StartAsync(namespaces: false);
        var (alpha, beta, order) = (cluster.Alpha, cluster.Beta, cluster.Node(cluster.Alpha).GuardOrderFile);
        await alpha.StopPostgresAsync(ct: Cancellation);

        Assert.Equal("0", await CheckAsync(alpha)); // the other is a standby
        await ArmedAsync(alpha, order);
        Assert.Equal("0", await CheckAsync(alpha));

        await beta.StopPostgresAsync(ct: Cancellation);
        Assert.Contains($"no other node answers, and this one was armed when it went down: another may have been promoted meanwhile; if you know that none was: rm '{order}'",
            await CheckAsync(alpha), StringComparison.Ordinal);
        await alpha.RunAsync($"rm {order}", Cancellation);
        Assert.Equal("0", await CheckAsync(alpha));

        await beta.StartPostgresAsync(Cancellation);
        await beta.PsqlAsync("SELECT pg_promote()", Cancellation);
        Assert.Contains("another node is primary on timeline 2, this one is on 1", await CheckAsync(alpha), StringComparison.Ordinal);

        await alpha.RunAsync($"touch {alpha.DataDirectory}/standby.signal", Cancellation); // a standby may always
        Assert.Equal("0", await CheckAsync(alpha));
        await alpha.RunAsync($"rm {alpha.DataDirectory}/standby.signal", Cancellation);

        await alpha.StartPostgresAsync(Cancellation); // both are primaries, and the one on the newer timeline is not the one in the wrong
        await beta.StopPostgresAsync(ct: Cancellation);
        Assert.Equal("0", await CheckAsync(beta));
    }

    /// <summary>"0", or what it says with its exit status.</summary>
    private static Task<string> CheckAsync(LabHost host) => host.RunAsync($"/bin/sh {host.DataDirectory}.pgwatchdog/guard boot-check 2>&1 && echo 0 || echo $?", Cancellation);

    private static Task<string> ArmedAsync(LabHost host, string order) => host.RunAsync($"echo '01234567 60000 pgwatchdog beta' > {order}", Cancellation);
}
