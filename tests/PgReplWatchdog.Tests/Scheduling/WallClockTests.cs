using System.Collections.Immutable;
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

    /// <summary>Thirty clusters whose checks do not end, as after the loss of a rack: the one beside them is checked as before.</summary>
    [Fact]
    public async Task Clusters_whose_checks_hang_do_not_keep_another_one_from_its_checks()
    {
        var counting = new CountingProber();
        var silent = Enumerable.Range(1, 30).Select(number => ($"silent{number}", (IProber)new CountingProber { HoldsUpFor = TimeSpan.FromMinutes(1) }));
        using var host = await StartAsync(TimeProvider.System, [.. silent, ("main", counting)]);
        await MoreChecksAsync(counting, "checks have begun");
        await MoreChecksAsync(counting, "checks go on");
        using var impatient = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await host.StopAsync(impatient.Token).ContinueWith(static _ => { }, TaskScheduler.Default); // thirty checks are never waited for
    }

    private static Task<IHost> StartAsync(TimeProvider clock, IProber prober) => StartAsync(clock, [("main", prober)]);

    private static async Task<IHost> StartAsync(TimeProvider clock, ImmutableArray<(string Name, IProber Prober)> clusters)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddSingleton<TimeProvider>(new SteadyClock(clock));
        builder.Services.AddSingleton<IJournal>(new NoJournal(ClusterMemory.Empty));
        builder.Services.AddSingleton<WatchdogMetrics>();
        builder.Services.AddSingleton<Notifier>();
        var specs = clusters.ToDictionary(cluster => cluster.Name, cluster =>
            new ClusterSpec(cluster.Name, [], new Policy { CheckInterval = Interval }, new SqlRoles("replication", "pgwatchdog", "postgres")));
        foreach (var (name, prober) in clusters)
        {
            builder.Services.AddSingleton(provider =>
                ActivatorUtilities.CreateInstance<Watchdog>(provider, specs[name], prober, new NoHands(), FreezeWindows.None, TimeProvider.System));
        }
        builder.Services.AddSingleton<WatchedClusters>();
        Schedule.Add(builder.Services, specs.Values);
        var host = builder.Build();
        foreach (var spec in specs.Values)
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
