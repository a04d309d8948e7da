using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Scheduling;

/// <summary>The real scheduler under a wall clock that somebody sets back.</summary>
public sealed class WallClockTests
{
    [Fact]
    public async Task Checks_go_on_when_the_wall_clock_is_set_back()
    {
        var wall = new WallClock();
        var counting = new CountingProber();
        var spec = new ClusterSpec("main", [], new Policy { CheckInterval = TimeSpan.FromMilliseconds(200) }, new SqlRoles("replication", "pgwatchdog", "postgres"));
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddSingleton<TimeProvider>(new SteadyClock(wall));
        builder.Services.AddSingleton<IJournal, NoJournal>();
        builder.Services.AddSingleton<WatchdogMetrics>();
        builder.Services.AddSingleton(provider => ActivatorUtilities.CreateInstance<Watchdog>(provider, spec, counting, new NoHands(), FreezeWindows.None, TimeProvider.System));
        builder.Services.AddSingleton<WatchedClusters>();
        Schedule.Add(builder.Services, [spec]);
        using var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);

        await MoreChecksAsync(counting, "checks have begun");
        wall.SetBack = TimeSpan.FromHours(1);
        await MoreChecksAsync(counting, "checks go on after the clock was set back");
        wall.SetBack = TimeSpan.Zero;
        await MoreChecksAsync(counting, "checks go on after it was put right");
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    private static Task MoreChecksAsync(CountingProber prober, string what)
    {
        var before = prober.Looks;
        return SetUpTests.EventuallyAsync(() => Task.FromResult(prober.Looks >= before + 5), what);
    }

    private sealed class WallClock : TimeProvider
    {
        public TimeSpan SetBack { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() - SetBack;
    }

    private sealed class CountingProber : IProber
    {
        private int looks;

        public int Looks => Volatile.Read(ref looks);

        public Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
        {
            Interlocked.Increment(ref looks);
            return Task.FromResult(new ClusterObservation(TimeSpan.Zero, TimeProvider.System.GetUtcNow(), []));
        }
    }

    private sealed class NoHands : IActionRunner
    {
        public Task<ActionOutcome> RunAsync(WatchdogAction action, CancellationToken cancellation) => throw new InvalidOperationException("nothing is to be done here");
    }

    private sealed class NoJournal : IJournal
    {
        public ClusterMemory Load(string cluster) => ClusterMemory.Empty;

        public void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events)
        {
        }

        public void Saw(string cluster, Look look, bool keep)
        {
        }

        public OperatorWish Wish(string cluster) => OperatorWish.None;

        public IReadOnlyList<JournalEntry> Recent(string? cluster, int limit, long after = 0) => [];
    }
}
