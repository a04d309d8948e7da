using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Hosts;

/// <summary>
/// The layout of PostgreSQL's packages for Red Hat on a booted host: programs below /usr/pgsql-15, one data directory with its configuration in it, and a unit that is told of it by PGDATA.
/// (The host is a Debian; the unit's text is that of the package in what matters here.)
/// </summary>
public sealed class RedHatLayoutTests
{
    private const string Account = "pgwatchdog";
    private const string Data = "/var/lib/pgsql/15/data";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private const string Convert =
        """
        set -e
        pg_dropcluster --stop 15 main
        ln -s /usr/lib/postgresql/15 /usr/pgsql-15
        install -d -o postgres -g postgres -m 700 /var/lib/pgsql/15
        runuser -u postgres -- /usr/pgsql-15/bin/initdb -D /var/lib/pgsql/15/data > /dev/null
        cat > /etc/systemd/system/postgresql-15.service << 'END'
        [Unit]
        Description=PostgreSQL 15 database server
        After=network-online.target
        [Service]
        Type=notify
        User=postgres
        Group=postgres
        Environment=PGDATA=/var/lib/pgsql/15/data/
        ExecStart=/usr/pgsql-15/bin/postgres -D ${PGDATA}
        ExecReload=/bin/kill -HUP $MAINPID
        KillMode=mixed
        KillSignal=SIGINT
        TimeoutSec=0
        [Install]
        WantedBy=multi-user.target
        END
        systemctl daemon-reload
        systemctl -q enable --now postgresql-15 2> /dev/null
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cluster_is_set_up_through_its_unit_fails_over_and_takes_a_rebooted_host_back()
    {
        WholeHostTests.Require();
        await using var hosts = await WholeHosts.StartAsync(["alpha", "beta"], Cancellation);
        var configuration = LabConfiguration.Write(hosts, Account, cluster =>
        {
            foreach (var node in cluster["Nodes"]!.AsArray())
                (node!["DataDirectory"], node["BinDirectory"]) = (Data, "/usr/pgsql-15/bin");
        });
        foreach (var host in hosts.Hosts)
        {
            await host.RunAsync(Convert, Cancellation);
            await host.RunAsync("cat > prepare && sh prepare", await RunAsync(configuration, "config", "host", "main", host.Name), Cancellation);
        }
        await RunAsync(configuration, "setup", "main", "--overwrite", "beta");
        Assert.Contains("Nothing to change", await RunAsync(configuration, "setup", "main", "--plan"), StringComparison.Ordinal);
        foreach (var host in hosts.Hosts)
            await AssertUnitAsync(host);

        await using var service = await Service.StartAsync(configuration, hosts.WatchdogPort, ct: Cancellation);
        await service.UntilAsync(status => status.Ready("beta"), "failover is ready", Patience, Cancellation);
        await hosts["alpha"].KillAsync(Cancellation);
        await service.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary", Patience, Cancellation);
        await hosts["alpha"].ReviveAsync(Cancellation);
        await service.UntilAsync(status => status.Streams("alpha") && status.Verdict == "Serving", "alpha is a standby", Patience, Cancellation);
        foreach (var host in hosts.Hosts)
            await AssertUnitAsync(host);
    }

    private static Task AssertUnitAsync(WholeHost host) => SetUpTests.EventuallyAsync(
        async () => await host.RunAsync($"systemctl is-active postgresql-15; cat /proc/$(head -n 1 {Data}/postmaster.pid)/cgroup || true", Cancellation) is var told
            && told.StartsWith("active\n", StringComparison.Ordinal) && told.Contains("postgresql-15.service", StringComparison.Ordinal),
        $"the unit runs PostgreSQL on {host.Name}");

    private static async Task<string> RunAsync(string configuration, params string[] arguments)
    {
        var result = await Product.RunAsync(configuration, arguments, Cancellation);
        Assert.True(result.ExitCode == 0, $"pgwatchdog {string.Join(' ', arguments)}: {result}");
        return result.Output;
    }
}
