using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Tests.Observability;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Scheduling;

/// <summary>The real scheduler under a wall clock that somebody sets back, and with checks that take too long.</summary>
public sealed class WallClockTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    [Fact]
    public async Task Checks_go_on_when_the_wall_clock_is_set_back()
    {
        var wall = new WallClock();
        var counting = new CountingProber();
        using var host = await StartAsync(wall, counting);

        await MoreChecksAsync(counting, "checks have begun");
        wall.SetBack = TimeSpan.FromHours(1);
        await MoreChecksAsync(counting, "checks go on after the clock was set back");
        wall.SetBack = TimeSpan.Zero;
        await MoreChecksAsync(counting, "checks go on after it was put right");
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Checks_that_were_due_while_one_did_not_end_are_counted()
    {
        var counting = new CountingProber();
        using var host = await StartAsync(TimeProvider.System, counting);
        var metrics = host.Services.GetRequiredService<WatchdogMetrics>();
        await MoreChecksAsync(counting, "checks have begun");
        var before = Scraped.Of(metrics)["schedule_missed_ticks_total"];
        counting.HoldsUpFor = 5 * Interval;
        await SetUpTests.EventuallyAsync(() => Task.FromResult(Scraped.Of(metrics)["schedule_missed_ticks_total"] >= before + 3), "those left out are counted");
        counting.HoldsUpFor = TimeSpan.Zero;
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<IHost> StartAsync(TimeProvider clock, IProber prober)
    {
        var spec = new ClusterSpec("main", [], new Policy { CheckInterval = Interval }, new SqlRoles("replication", "pgwatchdog", "postgres"));
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddSingleton<TimeProvider>(new SteadyClock(clock));
        builder.Services.AddSingleton<IJournal>(new NoJournal(ClusterMemory.Empty));
        builder.Services.AddSingleton<WatchdogMetrics>();
        builder.Services.AddSingleton<Notifier>();
        builder.Services.AddSingleton(provider => ActivatorUtilities.CreateInstance<Watchdog>(provider, spec, prober, new NoHands(), FreezeWindows.None, TimeProvider.System));
        builder.Services.AddSingleton<WatchedClusters>();
        Schedule.Add(builder.Services, [spec]);
        var host = builder.Build();
        host.Services.GetRequiredService<WatchdogMetrics>().Announce(spec);
        await host.StartAsync(TestContext.Current.CancellationToken);
        return host;
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

        public TimeSpan HoldsUpFor { get; set; }

        public async Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
        {
            Interlocked.Increment(ref looks);
            await Task.Delay(HoldsUpFor, cancellation);
            return new ClusterObservation(TimeSpan.Zero, TimeProvider.System.GetUtcNow(), []);
        }
    }
}
