using System.Diagnostics;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Hosts;

/// <summary>
/// The product on three Debian hosts as their packages leave them: prepared by what `config host` prints, set up through an account with sudo, failed over when a host dies,
/// taken back when it boots again. PostgreSQL and the guard are systemd's units all the time.
/// </summary>
public sealed class DebianTests
{
    private const string Account = "pgwatchdog";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cluster_of_three_is_set_up_fails_over_and_takes_a_rebooted_host_back()
    {
        WholeHostTests.Require();
        await using var hosts = await WholeHosts.StartAsync(["alpha", "beta", "gamma"], Cancellation);
        var setUpKey = hosts.ClientKeyFile;
        var configuration = LabConfiguration.Write(hosts, Account, cluster =>
        {
            cluster["SetupSshKeyFile"] = setUpKey;
            cluster["SshKeyFile"] = $"{setUpKey}.service";
            cluster["SshFrom"] = new System.Text.Json.Nodes.JsonArray(hosts.WatchdogAddress);
        });
        using (var made = Process.Start("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", $"{setUpKey}.service"]))
            await made.WaitForExitAsync(Cancellation);
        foreach (var host in hosts.Hosts)
        {
            var script = await RunAsync(configuration, 0, "config", "host", "main", host.Name);
            Assert.Contains("prepared", await host.RunAsync("cat > prepare && sh prepare && sh prepare", script, Cancellation), StringComparison.Ordinal); // twice is as once
        }
        string[] setUp = ["setup", "main", "--overwrite", "beta", "--overwrite", "gamma"];
        await RunAsync(configuration, 2, [.. setUp, "--plan"]);
        await RunAsync(configuration, 0, setUp);
        var again = await RunAsync(configuration, 0, "setup", "main", "--plan");
        Assert.Contains("Nothing to change", again, StringComparison.Ordinal);
        Assert.DoesNotContain("unit asks the guard", again, StringComparison.Ordinal); // the prepared unit does
        foreach (var host in hosts.Hosts)
            await AssertUnitsAsync(host);
        await GuardComesWithPostgresAsync(hosts["alpha"]);
        await hosts["alpha"].PsqlAsync("CREATE TABLE kept AS SELECT 'still here' AS what", Cancellation);

        File.Move(setUpKey, $"{setUpKey}.away"); // it need not stay
        await RunAsync(configuration, 1, "setup", "main", "--plan");
        await using (var killed = await Service.StartAsync(configuration, hosts.WatchdogPort, ct: Cancellation))
        {
            await killed.UntilAsync(status => status.Ready("beta") && status.Ready("gamma"), "failover is ready", Patience, Cancellation);
            await GuardComesBackArmedAsync(hosts["alpha"], killed);
            await killed.KillAsync();
            await GuardStartsItsServerAgainAsync(hosts["alpha"], hosts["beta"], hosts["gamma"]);
        }
        await using var service = await Service.StartAsync(configuration, hosts.WatchdogPort, ct: Cancellation);
        await service.UntilAsync(status => status.Ready("beta") && status.Ready("gamma"), "failover is ready again", Patience, Cancellation);
        var served = await ServedAsync(hosts["alpha"]);
        await hosts["alpha"].KillAsync(Cancellation);
        var after = await service.UntilAsync(status => status.Verdict == "Serving" && status.IntendedPrimary != "alpha", "a standby is primary", Patience, Cancellation);
        var primary = hosts[after.IntendedPrimary!];
        Assert.Equal("still here", await primary.PsqlAsync("SELECT what FROM kept", Cancellation));
        await primary.PsqlAsync("INSERT INTO kept VALUES ('and this')", Cancellation);

        await hosts["alpha"].ReviveAsync(Cancellation);
        await service.UntilAsync(status => status.Streams("alpha") && status.Verdict == "Serving", "alpha is a standby", Patience, Cancellation);
        Assert.Equal("2|t", await hosts["alpha"].PsqlAsync("SELECT count(*), pg_is_in_recovery() FROM kept", Cancellation));
        foreach (var host in hosts.Hosts)
            await AssertUnitsAsync(host);
        Assert.Equal(served, await ServedAsync(hosts["alpha"])); // the condition at boot has kept it from serving before it was a standby

        await service.DisposeAsync();
        await BoundAsync(hosts["beta"], $"{setUpKey}.service");
        File.Move($"{setUpKey}.away", setUpKey);
        await RunAsync(configuration, 0, "setup", "main", "--remove", "--lone-primary");
        foreach (var host in hosts.Hosts)
        {
            await host.RunAsync("cat > restore && sh restore && sh restore", await RunAsync(configuration, 0, "config", "host", "main", host.Name, "--remove"), Cancellation);
            Assert.Equal("", await host.RunAsync(
                "ls -d /var/lib/postgresql/15/main.pgwatchdog /etc/sudoers.d/pgwatchdog* /etc/systemd/system/*pgwatchdog* /etc/systemd/system/postgres*.d /usr/local/lib/pgwatchdog 2> /dev/null || true", Cancellation));
        }
        Assert.Equal("2|f", await primary.PsqlAsync("SELECT count(*), pg_is_in_recovery() FROM kept", Cancellation));
    }

    /// <summary>With the service's key there is no shell, no file, no other account and no way further; what it may do is not its account's to change.</summary>
    private static async Task BoundAsync(WholeHost host, string key)
    {
        foreach (var wish in new[] { "id", "sudo -n -u postgres /bin/sh -c id", ": pgwatchdog shell 0 0 0", ": pgwatchdog evidence 0123456789abcdef 00000000000000000000000000000000 1 state=/", "" })
        {
            var refused = (await Assert.ThrowsAnyAsync<Exception>(() => host.SshAsync(Account, wish, key, Cancellation))).Message;
            Assert.Contains("pgwatchdog: ", refused, StringComparison.Ordinal);
            Assert.DoesNotContain("uid=", refused, StringComparison.Ordinal);
        }
        Assert.Equal("", await host.RunAsync("find /usr/local/lib/pgwatchdog ! -user root -o -perm /022", Cancellation));
    }

    private static async Task AssertUnitsAsync(WholeHost host)
    {
        // A standby streams a moment before Debian's pg_ctlcluster, and with it the unit, says that it has started.
        await SetUpTests.EventuallyAsync(async () => await host.RunAsync("systemctl is-active postgresql@15-main pgwatchdog-guard-5432 || true", Cancellation) == "active\nactive",
            $"the units are active on {host.Name}");
        var postmaster = await host.RunAsync("head -n 1 /var/lib/postgresql/15/main/postmaster.pid", Cancellation);
        Assert.Contains("postgresql@15-main.service", await host.RunAsync($"cat /proc/{postmaster}/cgroup", Cancellation), StringComparison.Ordinal);
    }

    /// <summary>PostgreSQL's unit starts the guard that somebody has ended, and leaves it when PostgreSQL stops.</summary>
    private static async Task GuardComesWithPostgresAsync(WholeHost host)
    {
        await host.RunAsync("systemctl stop postgresql@15-main", Cancellation);
        Assert.Equal("active", await host.RunAsync("systemctl is-active pgwatchdog-guard-5432", Cancellation));
        await host.RunAsync("systemctl stop pgwatchdog-guard-5432 && systemctl start postgresql@15-main", Cancellation);
        await AssertUnitsAsync(host);
    }

    /// <summary>All processes of the guard are killed at once: within the bound there is a new one under the same order.</summary>
    private static async Task GuardComesBackArmedAsync(WholeHost host, Service service)
    {
        const string Armed = "SELECT pid, application_name FROM pg_stat_activity WHERE application_name LIKE 'pgwatchdog_guard armed %'";
        const string Loop = "systemctl show -P MainPID pgwatchdog-guard-5432";
        const string Postmaster = "head -n 1 /var/lib/postgresql/15/main/postmaster.pid";
        await service.UntilAsync(status => status.IsGuarded, "the guard is armed", Patience, Cancellation);
        var (session, loop) = ((await host.PsqlAsync(Armed, Cancellation)).Split('|'), await host.RunAsync(Loop, Cancellation));
        var postmaster = await host.RunAsync(Postmaster, Cancellation);
        var killed = Stopwatch.StartNew();
        await host.RunAsync("systemctl kill -s KILL --kill-whom=all pgwatchdog-guard-5432", Cancellation);
        string[] next = [];
        await SetUpTests.EventuallyAsync(async () =>
        {
            next = (await host.PsqlAsync(Armed, Cancellation)).Split('|');
            return next is [var pid, _] && pid != session[0] && await host.RunAsync(Loop, Cancellation) != loop;
        }, "a new guard is armed");
        Assert.True(killed.Elapsed <= new Policy().GuardSurelyStopped, $"armed again after {killed.Elapsed}");
        Assert.Equal(session[1], next[1]);
        await RunningCluster.HoldsForAsync(2 * new Policy().GuardSurelyStopped, async () =>
            Assert.Equal(postmaster, await host.RunAsync(Postmaster, Cancellation)));
        await service.UntilAsync(
            status => status.Ready("beta") && status.IsGuarded && status.IntendedPrimary == "alpha", "alpha goes on", Patience, Cancellation);
    }

    /// <summary>Nobody outside acknowledges any more, and the guard stops its server. Its standbys come back and still follow it: it is started by its unit, without sudo.</summary>
    private static async Task GuardStartsItsServerAgainAsync(WholeHost primary, params WholeHost[] standbys)
    {
        const string IsActive = "systemctl is-active postgresql@15-main || true";
        foreach (var standby in standbys)
            await standby.RunAsync("systemctl stop postgresql@15-main", Cancellation);
        await SetUpTests.EventuallyAsync(async () => await primary.RunAsync(IsActive, Cancellation) != "active", "the guard has stopped its server");
        foreach (var standby in standbys)
            await standby.RunAsync("systemctl start postgresql@15-main", Cancellation);
        await SetUpTests.EventuallyAsync(async () => await primary.RunAsync(IsActive, Cancellation) == "active", "the guard has had its server started again");
        await AssertUnitsAsync(primary);
        Assert.Contains("NoNewPrivs:\t1", await primary.RunAsync("cat /proc/$(systemctl show -P MainPID pgwatchdog-guard-5432)/status", Cancellation), StringComparison.Ordinal);
    }

    /// <summary>How often PostgreSQL has said there that it serves as a primary; a standby's words are others ("read-only").</summary>
    private static Task<string> ServedAsync(WholeHost host) =>
        host.RunAsync("grep -c 'database system is ready to accept connections$' /var/log/postgresql/postgresql-15-main.log", Cancellation);

    private static async Task<string> RunAsync(string configuration, int exitCode, params string[] arguments)
    {
        var result = await Product.RunAsync(configuration, arguments, Cancellation);
        Assert.True(result.ExitCode == exitCode, $"pgwatchdog {string.Join(' ', arguments)}: {result}");
        return result.Output;
    }
}
