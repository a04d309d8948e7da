using System.Globalization;
using Npgsql;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>A cluster after set-up, without the service: the test itself arms the guards, and acts as the watchdog where one is wanted.</summary>
internal sealed class GuardedCluster : IAsyncDisposable
{
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(2);

    /// <summary>So long nothing may happen where nothing is to happen.</summary>
    private static readonly TimeSpan Long = 3 * TimeToLive;

    private readonly RunningCluster cluster;
    private readonly ClusterAccess access;

    private GuardedCluster(RunningCluster cluster)
    {
        this.cluster = cluster;
        access = InstallationLoader.Load(cluster.Configuration).Clusters[0];
    }

    public RunningCluster Running => cluster;
    public LabHost Alpha => cluster.Alpha;
    public LabHost Beta => cluster.Beta;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<GuardedCluster> StartAsync(bool namespaces = true) =>
        new(await RunningCluster.StartAsync(namespaces, service: false));

    public static string StartBlock(LabHost host) => Path.Combine(host.DataDirectory, "recovery.conf");

    public ClusterAccess Cluster => access;

    public HostAccess Access(LabHost host) => access.Hosts[host.Name];

    public NodeSpec Node(LabHost host) => access.Spec.Node(host.Name);

    /// <summary>Arms a node's guard, and waits until its session says so, as the watchdog would see it.</summary>
    public Task ArmAsync(LabHost host, params string[] vouchers) => ArmAsync(host, new GuardOrder(TimeToLive, [.. vouchers]));

    public Task ArmForAsync(LabHost host, string owner, params string[] vouchers) => ArmAsync(host, new GuardOrder(TimeToLive, [.. vouchers], owner));

    public async Task ArmAsync(LabHost host, GuardOrder order)
    {
        await host.RunAsync(HostCommands.ArmGuard(access.Hosts[host.Name], order.Line(access.Spec.Roles.Watchdog), order.Owner), Cancellation);
        await SeenAsync(host, $"pgwatchdog_guard armed {order.Id} {order.Owner}".TrimEnd());
        await SetUpTests.EventuallyAsync(async () => (await LogAsync(host)).Contains($"armed, order {order.Id}", StringComparison.Ordinal), $"the guard of {host} itself has seen its order");
    }

    public async Task DisarmAsync(LabHost host)
    {
        await host.RunAsync(HostCommands.DisarmGuard(access.Hosts[host.Name]), Cancellation);
        await SeenAsync(host, "pgwatchdog_guard");
    }

    public static Task SeenAsync(LabHost host, string guard) => SetUpTests.EventuallyAsync(
        async () => await host.PsqlAsync($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{guard}'", Cancellation) == "1", $"the session of {host}'s guard is called {guard}");

    /// <summary>Nothing of PostgreSQL is left, not even a stopped process; and it does not start again.</summary>
    public static async Task StoppedAsync(LabHost host)
    {
        await SetUpTests.EventuallyAsync(async () => (await LogAsync(host)).Contains("stopped PostgreSQL", StringComparison.Ordinal), $"the guard has stopped PostgreSQL on {host}");
        Assert.Equal("", await ProcessesAsync(host));
        var refused = await Assert.ThrowsAsync<LabException>(() => host.StartPostgresAsync(Cancellation));
        Assert.Contains("recovery.conf", refused.Message, StringComparison.Ordinal);
        Assert.Contains("guard of PgReplWatchdog", await File.ReadAllTextAsync(StartBlock(host), Cancellation), StringComparison.Ordinal);
    }

    public static async Task<string> LogAsync(LabHost host) => await host.RunAsync($"cat {host.DataDirectory}.pgwatchdog/guard.log 2>/dev/null || true", Cancellation);

    /// <summary>The numbers of the processes that work on the data directory.</summary>
    public static Task<string> ProcessesAsync(LabHost host) =>
        host.RunAsync($"find /proc -maxdepth 2 -name cwd -lname {host.DataDirectory} 2>/dev/null || true", Cancellation);

    /// <summary>The same server runs on, for many times the time to live.</summary>
    public static async Task GoesOnAsync(LabHost host)
    {
        var postmaster = host.PostmasterPid;
        using var over = new CancellationTokenSource(Long);
        while (!over.IsCancellationRequested)
        {
            Assert.NotNull(host.PostmasterPid);
            Assert.Equal(postmaster, host.PostmasterPid);
            await Task.WhenAny(Task.Delay(TimeSpan.FromMilliseconds(100), over.Token));
        }
        Assert.False(File.Exists(StartBlock(host)), "a start block, and nothing was stopped");
        await host.PsqlAsync("SELECT 1", Cancellation);
    }

    /// <summary>A watchdog's session to a node: what it tells of the position that it sees, for as long as that goes.</summary>
    public async Task<ActingWatchdog> WatchAsync(LabHost host, Func<string, string>? telling = null) => await ActingWatchdog.StartAsync(new PostgresSource(access, Node(host)), telling ?? (seen => seen));

    public ValueTask DisposeAsync() => cluster.DisposeAsync();
}

/// <summary>Does what a watchdog does for a guard: sees a position in one answer of the server, and tells it with the next question.</summary>
internal sealed class ActingWatchdog : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly Task work;

    private ActingWatchdog(NpgsqlConnection connection, Func<string, string> telling) => work = TellAsync(connection, telling, stop.Token);

    public static async Task<ActingWatchdog> StartAsync(PostgresSource source, Func<string, string> telling) =>
        new(await source.OpenConnectionAsync(TestContext.Current.CancellationToken), telling);

    private static async Task TellAsync(NpgsqlConnection connection, Func<string, string> telling, CancellationToken cancellation)
    {
        await using var open = connection;
        try
        {
            while (true)
            {
                await using var look = new NpgsqlCommand("SELECT pg_current_wal_lsn()::text", connection);
                var seen = (string)(await look.ExecuteScalarAsync(cancellation))!;
                await using var tell = new NpgsqlCommand(
                    string.Create(CultureInfo.InvariantCulture, $"SELECT set_config('application_name', 'pgwatchdog {telling(seen)}', false)"), connection);
                await tell.ExecuteScalarAsync(cancellation);
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellation);
            }
        }
        catch (Exception ended) when (ended is NpgsqlException or OperationCanceledException or TimeoutException)
        {
            // Cut off, stopped, or the test is over.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAny(work, Task.Delay(TimeSpan.FromSeconds(1)));
        stop.Dispose();
    }
}
