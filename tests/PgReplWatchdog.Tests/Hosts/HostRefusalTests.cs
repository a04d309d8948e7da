using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Hosts;

/// <summary>What whole hosts withhold from set-up: each is told with what to do, before anything is changed; and what it does without.</summary>
public sealed class HostRefusalTests
{
    private const string Account = "pgwatchdog";
    private static readonly string[] SetUp = ["setup", "main", "--overwrite", "beta"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>One boot for all of it: from a host that allows nothing to one that lets root in.</summary>
    [Fact]
    public async Task Rights_that_are_missing_are_told_and_root_needs_none()
    {
        WholeHostTests.Require();
        await using var hosts = await WholeHosts.StartAsync(["alpha", "beta"], Cancellation);
        var beta = hosts["beta"];
        var configuration = LabConfiguration.Write(hosts, Account);
        foreach (var host in hosts.Hosts)
            await host.CreateAccountAsync(Account, Cancellation);

        await SudoersAsync(hosts, $"{Account} ALL=(ALL) ALL");
        await RefusesAsync(hosts, configuration, "beta: sudo: a password is required; pgwatchdog must be allowed to become postgres", "pgwatchdog config host CLUSTER NODE");

        await SudoersAsync(hosts, $"{Account} ALL=(postgres) NOPASSWD: /bin/sh");
        await RefusesAsync(hosts, configuration, "beta: PostgreSQL's account may not run systemctl start|stop|restart postgresql@15-main.service by sudo",
            "run there as root what pgwatchdog config host main beta prints");
        await hosts["alpha"].RunAsync("rm /etc/sudoers.d/asks", Cancellation);
        await beta.RunAsync("rm /etc/sudoers.d/asks", Cancellation);

        foreach (var host in hosts.Hosts)
            await host.RunAsync("cat > prepare && sh prepare", (await Product.RunAsync(configuration, ["config", "host", "main", host.Name], Cancellation)).Output, Cancellation);
        await beta.RunAsync("mount --bind /etc/postgresql/15/main /etc/postgresql/15/main && mount -o remount,bind,ro /etc/postgresql/15/main", Cancellation);
        await RefusesAsync(hosts, configuration, "beta: PostgreSQL's account cannot write /etc/postgresql/15/main/pg_hba.conf and /etc/postgresql/15/main/postgresql.conf", "read-only filesystem");
        await beta.RunAsync("umount /etc/postgresql/15/main", Cancellation);

        // Root instead of an account of its own, and a guard that systemd does not know: it runs as a process of the server's account.
        foreach (var host in hosts.Hosts)
        {
            await host.RunAsync("install -d -m 0700 /root/.ssh && cp /home/pgwatchdog/.ssh/authorized_keys /root/.ssh/authorized_keys", Cancellation);
            await host.RunAsync("systemctl disable -q pgwatchdog-guard-5432 && rm /etc/systemd/system/pgwatchdog-guard-5432.service && systemctl daemon-reload", Cancellation);
        }
        configuration = LabConfiguration.Write(hosts, "root");
        var setup = await Product.RunAsync(configuration, SetUp, Cancellation);
        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.Equal("beta|streaming", await hosts["alpha"].PsqlAsync("SELECT application_name, state FROM pg_stat_replication", Cancellation));
        (await Product.RunAsync(configuration, ["setup", "main", "--plan"], Cancellation)).Shows(0, "Nothing to change");
        foreach (var host in hosts.Hosts)
        {
            Assert.Equal("postgres", await host.RunAsync("ps -o user= -p $(cut -d ' ' -f 1 /var/lib/postgresql/15/main.pgwatchdog/guard.pid)", Cancellation));
            Assert.Equal("", await host.RunAsync("find /var/lib/postgresql /etc/postgresql/15 ! -user postgres", Cancellation));
        }
    }

    private static async Task SudoersAsync(WholeHosts hosts, string line)
    {
        foreach (var host in hosts.Hosts)
            await host.RunAsync("cat > /etc/sudoers.d/asks && chmod 0440 /etc/sudoers.d/asks", line + "\n", Cancellation);
    }

    private static async Task RefusesAsync(WholeHosts hosts, string configuration, params string[] words)
    {
        var before = await EverythingAsync(hosts);
        (await Product.RunAsync(configuration, SetUp, Cancellation)).Says(1, [.. words, "nothing was changed"]);
        Assert.Equal(before, await EverythingAsync(hosts));
    }

    private static async Task<string> EverythingAsync(WholeHosts hosts)
    {
        var all = new List<string>();
        foreach (var host in hosts.Hosts)
        {
            all.Add(await host.RunAsync("""
                ls -a /var/lib/postgresql /var/lib/postgresql/15
                ls -al --full-time /etc/postgresql/15/main | grep -v '^total'
                sha256sum /etc/postgresql/15/main/*.conf
                """, Cancellation));
            all.Add(await host.PsqlAsync("""
                SELECT rolname, rolpassword FROM pg_authid ORDER BY 1; SELECT slot_name FROM pg_replication_slots; SELECT pg_postmaster_start_time(), pg_conf_load_time()
                """, Cancellation));
        }
        return string.Join('\n', all);
    }
}
