using System.Diagnostics;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;
using static PgReplWatchdog.Tests.Guarding.GuardedCluster;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>
/// The watchdog counts with Policy.SurelyStoppedAfter: by then a guard has ended PostgreSQL, however its host is.
/// </summary>
public sealed class GuardBoundTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public Task Bound_holds_while_all_of_the_server_is_stopped() =>
        HoldsAsync(cluster => cluster.Alpha.FreezePostgresAsync(Cancellation));

    /// <summary>Processes of the guard can start no other process.</summary>
    [Fact]
    public Task Bound_holds_at_the_limit_of_processes() => HoldsAsync(cluster => cluster.Alpha.RunAsync(
        $"for each in {Of(cluster.Alpha)}; do prlimit --pid $each --nproc=1:; done", Cancellation));

    /// <summary>The processor is busy, and so are those that the guard's helpers need.</summary>
    [Fact]
    public Task Bound_holds_beside_a_busy_load() => HoldsAsync(cluster => cluster.Alpha.RunAsync(
        "for each in $(seq 16); do timeout 20 sh -c 'while :; do :; done' & done > /dev/null 2>&1", Cancellation));

    [Fact]
    public Task Bound_holds_after_each_of_its_processes_was_killed() => HoldsAsync(async cluster =>
    {
        var (alpha, postmaster) = (cluster.Alpha, cluster.Alpha.PostmasterPid);
        var numbers = await alpha.RunAsync($"echo {Of(alpha)}", Cancellation);
        foreach (var each in numbers.Split(' ').Reverse()) // those that restart the others come last
        {
            await alpha.RunAsync($"kill -KILL {each} 2> /dev/null || true", Cancellation);
            await SetUpTests.EventuallyAsync(async () => await StatusAsync(alpha) == "0", "the guard runs again");
        }
        await GoesOnAsync(alpha);
        Assert.Equal(postmaster, alpha.PostmasterPid);
    });

    [Fact]
    public async Task A_guard_that_nothing_restarts_is_not_armed()
    {
        await using var cluster = await StartAsync();
        var (alpha, guard) = (cluster.Alpha, $"{cluster.Alpha.DataDirectory}.pgwatchdog/guard");
        await alpha.RunAsync($"/bin/sh {guard} stop", Cancellation);
        Assert.Equal("1", await StatusAsync(alpha));
        using var over = new CancellationTokenSource();
        var running = alpha.RunUntilCancelledAsync($"/bin/sh {guard} run", over.Token);
        await SetUpTests.EventuallyAsync(async () => await StatusAsync(alpha) is not "1", "the guard runs");
        Assert.EndsWith("2", await StatusAsync(alpha), StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<LabException>(() => cluster.ArmAsync(alpha, "beta"));
        Assert.Contains("nothing starts it again when it ends", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(cluster.Node(alpha).GuardOrderFile));

        await alpha.RunAsync($"/bin/sh {guard} stop && /bin/sh {guard} start", Cancellation);
        await cluster.ArmAsync(alpha, "beta");
        await over.CancelAsync();
        await Task.WhenAny(running);
    }

    /// <summary>Whoever comes back from a pause decides by the clock, before anything else.</summary>
    [Fact]
    public async Task A_guard_that_was_paused_for_longer_than_its_time_stops_its_server_at_once()
    {
        await using var cluster = await ArmedAsync();
        var guard = await cluster.Alpha.RunAsync($"echo {Of(cluster.Alpha)}", Cancellation);
        await cluster.Alpha.RunAsync($"kill -STOP {guard}", Cancellation);
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        using (var over = new CancellationTokenSource(3 * TimeToLive))
            await Task.WhenAny(Task.Delay(Timeout.InfiniteTimeSpan, over.Token));
        Assert.True(cluster.Alpha.PostgresRunning);
        var resumed = Stopwatch.StartNew();
        await cluster.Alpha.RunAsync($"kill -CONT {guard}", Cancellation);
        await EndedWithinAsync(cluster.Alpha, resumed, Policy.GuardMarginOf(TimeToLive));
    }

    /// <summary>An administrator waits until the sessions end, and they write on; the guard has lost its own.</summary>
    [Fact]
    public async Task Bound_holds_during_a_slow_shutdown_and_leaves_no_start_block()
    {
        await using var cluster = await ArmedAsync();
        using var over = new CancellationTokenSource();
        var (bin, socket) = (cluster.Alpha.BinDirectory, cluster.Alpha.SocketDirectory);
        var psql = $"{bin}/psql -h {socket} -p {cluster.Alpha.PostgresPort}";
        var client = cluster.Alpha.RunUntilCancelledAsync(
            $"{psql} -U {cluster.Alpha.SuperUser} -d postgres -c 'SELECT pg_sleep(60)'", over.Token);
        const string Asking = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'";
        await SetUpTests.EventuallyAsync(
            async () => await cluster.Alpha.PsqlAsync(Asking, Cancellation) == "1", "a client's session");
        var session = await SessionAsync(cluster.Alpha);
        var cut = Stopwatch.StartNew();
        await cluster.Alpha.RunAsync($"kill -TERM {cluster.Alpha.PostmasterPid} && kill -TERM {session}", Cancellation);
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await EndedWithinAsync(cluster.Alpha, cut, Policy.SurelyStoppedAfter(TimeToLive));
        Assert.False(File.Exists(StartBlock(cluster.Alpha)));
        await over.CancelAsync();
        await Task.WhenAny(client);
    }

    private static async Task HoldsAsync(Func<GuardedCluster, Task> harmed)
    {
        await using var cluster = await ArmedAsync();
        await harmed(cluster);
        var cut = Stopwatch.StartNew();
        await cluster.Alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await EndedWithinAsync(cluster.Alpha, cut, Policy.SurelyStoppedAfter(TimeToLive));
    }

    private static async Task<GuardedCluster> ArmedAsync()
    {
        var cluster = await StartAsync();
        await cluster.ArmAsync(cluster.Alpha, "beta");
        await GoesOnAsync(cluster.Alpha);
        return cluster;
    }

    private static async Task EndedWithinAsync(LabHost host, Stopwatch clock, TimeSpan bound)
    {
        await SetUpTests.EventuallyAsync(() => Task.FromResult(!host.PostgresRunning), "the postmaster has ended");
        var ended = clock.Elapsed;
        TestContext.Current.TestOutputHelper?.WriteLine($"{ended.TotalMilliseconds:0} ms until its end");
        Assert.True(ended <= bound, $"ended after {ended}, not within {bound}");
        await SetUpTests.EventuallyAsync(async () => await ProcessesAsync(host) == "", "all of PostgreSQL has ended");
    }

    private static Task<string> StatusAsync(LabHost host) => host.RunAsync(
        $"/bin/sh {host.DataDirectory}.pgwatchdog/guard status 2> /dev/null; echo $?", Cancellation);

    private static Task<string> SessionAsync(LabHost host) => host.PsqlAsync(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pgwatchdog_guard%'", Cancellation);

    /// <summary>For a shell: the numbers of the guard's own processes, without what they have started.</summary>
    private static string Of(LabHost host) => $"$(pgrep -f '^/bin/(ba)?sh {host.DataDirectory}.pgwatchdog/guard')";
}
