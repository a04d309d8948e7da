using System.Globalization;
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

    [Fact]
    public async Task A_standby_says_yes_only_while_it_follows_and_shows_that_it_was_asked()
    {
        await using var cluster = await GuardedCluster.StartAsync(namespaces: false);
        var (alpha, beta, order) = (cluster.Alpha, cluster.Beta, cluster.Node(cluster.Alpha).GuardOrderFile);
        await alpha.StopPostgresAsync(ct: Cancellation);
        await alpha.RunAsync($"echo '01234567 6000 pgwatchdog gamma' > {order}", Cancellation);
        Assert.Contains("none of gamma says that it still follows it (beta follows)", await CheckAsync(alpha), StringComparison.Ordinal);
        await ArmedAsync(alpha, order);
        Assert.Equal("0", await CheckAsync(alpha));
        // Nobody is left who asked, and for longer than the answer was good for it can be seen.
        Assert.True(int.Parse(await beta.PsqlAsync("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgwatchdog_boot_check'", Cancellation), CultureInfo.InvariantCulture) >= 2);

        await beta.RunAsync($"sed -i \"s/^primary_conninfo = .*/primary_conninfo = ''/\" {beta.DataDirectory}/pgwatchdog.conf", Cancellation);
        Assert.Contains("none of beta says that it still follows it (- strays)", await CheckAsync(alpha), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_waits_for_a_standby_that_is_starting_as_well()
    {
        await using var cluster = await GuardedCluster.StartAsync(namespaces: false);
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);
        await alpha.StopPostgresAsync(ct: Cancellation);
        await beta.StopPostgresAsync(ct: Cancellation);
        await ArmedAsync(alpha, cluster.Node(alpha).GuardOrderFile);
        var waiting = alpha.RunAsync($"/bin/sh {alpha.DataDirectory}.pgwatchdog/guard boot-check 60 2>&1 && echo 0 || echo $?", Cancellation);
        Assert.Contains("no other node answers", await CheckAsync(alpha), StringComparison.Ordinal);
        Assert.False(waiting.IsCompleted);
        await beta.StartPostgresAsync(Cancellation);
        Assert.Equal("0", await waiting);
    }

    /// <summary>S14: gamma says that it is primary and never was promoted. Then it is promoted: its history shows it.</summary>
    [Fact]
    public async Task Word_without_a_history_is_outweighed_by_a_standby_that_follows()
    {
        await using var cluster = await RunningCluster.StartAsync(gamma: true, service: false);
        var (alpha, beta, gamma) = (cluster.Alpha, cluster.Beta, cluster.Gamma);
        var order = $"{alpha.DataDirectory}.pgwatchdog/guard.armed";
        await alpha.StopPostgresAsync(ct: Cancellation);
        await gamma.StopPostgresAsync(ct: Cancellation);
        await gamma.RunAsync($"rm {gamma.DataDirectory}/standby.signal", Cancellation);
        await gamma.StartPostgresAsync(Cancellation); // a primary on timeline 1

        foreach (var armed in new[] { false, true })
        {
            if (armed)
                await ArmedAsync(alpha, order);
            var said = await CheckAsync(alpha);
            Assert.Contains("on timeline 1, but has no history of a promotion from timeline 1, and beta still follows", said,
                StringComparison.Ordinal);
            Assert.EndsWith("0", said, StringComparison.Ordinal);
        }
        await beta.StopPostgresAsync(ct: Cancellation);
        // A word against nobody's.
        Assert.Contains("another node is primary on timeline 1 as well", await CheckAsync(alpha), StringComparison.Ordinal);
        await beta.StartPostgresAsync(Cancellation);

        await gamma.StopPostgresAsync(ct: Cancellation);
        await gamma.RunAsync($"touch {gamma.DataDirectory}/standby.signal", Cancellation);
        await gamma.StartPostgresAsync(Cancellation);
        await gamma.PsqlAsync("SELECT pg_promote()", Cancellation);
        // beta still follows.
        Assert.Contains("another node is primary on timeline 2, this one is on 1", await CheckAsync(alpha), StringComparison.Ordinal);
    }

    /// <summary>"0", or what it says with its exit status.</summary>
    private static Task<string> CheckAsync(LabHost host) => host.RunAsync($"/bin/sh {host.DataDirectory}.pgwatchdog/guard boot-check 2>&1 && echo 0 || echo $?", Cancellation);

    private static Task<string> ArmedAsync(LabHost host, string order) => host.RunAsync($"echo '01234567 60000 pgwatchdog beta' > {order}", Cancellation);
}
