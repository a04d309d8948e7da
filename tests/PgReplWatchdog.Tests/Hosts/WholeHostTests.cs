using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Hosts;

/// <summary>The hosts that the tests of this namespace stand on, before the product comes.</summary>
public class WholeHostTests
{
    private const string Account = "pgwatchdog";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Hosts_boot_with_Debians_PostgreSQL_die_and_come_back()
    {
        Require();
        await using var hosts = await WholeHosts.StartAsync(["alpha", "beta", "gamma"], Cancellation);
        foreach (var host in hosts.Hosts)
        {
            await AssertServesAsync(host);
            await host.CreateAccountAsync(Account, Cancellation);
            Assert.Equal($"{Account} {host.Name}", await host.SshAsync(Account, "echo $(id -un) $(hostname)", Cancellation));
            Assert.Equal("no", await host.SshAsync(Account, "sudo -n true 2> /dev/null || echo no", Cancellation));
        }
        Assert.Equal(3, hosts.Hosts.Select(host => File.ReadAllText($"{host.RootDirectory}/etc/machine-id")).Distinct().Count());

        var beta = hosts["beta"];
        await beta.PsqlAsync("CREATE TABLE kept AS SELECT 'still here' AS what", Cancellation);
        await beta.KillAsync(Cancellation);
        await Assert.ThrowsAsync<LabException>(() => beta.RunAsync("true", Cancellation));
        await AssertServesAsync(hosts["alpha"]); // each is a machine of its own

        await beta.ReviveAsync(Cancellation);
        await AssertServesAsync(beta);
        Assert.Equal("still here", await beta.PsqlAsync("SELECT what FROM kept", Cancellation));
        Assert.Equal("beta", await beta.SshAsync(Account, "hostname", Cancellation));
    }

    /// <summary>They are for <c>make test-hosts</c>, whose CI must have what it takes; elsewhere a word.</summary>
    internal static void Require()
    {
        if (WholeHosts.Obstacle is not { } obstacle)
            return;
        var asked = Environment.GetEnvironmentVariable("PGWATCHDOG_HOST_BASE") is not null;
        Assert.False(asked && Environment.GetEnvironmentVariable("CI") == "true", obstacle);
        Assert.Skip(obstacle);
    }

    private static async Task AssertServesAsync(WholeHost host)
    {
        Assert.Equal("active", await host.RunAsync("systemctl is-active postgresql@15-main", Cancellation));
        Assert.Equal("f", await host.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
    }
}
