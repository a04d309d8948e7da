using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Tests.Observability;
using PgReplWatchdog.Tests.Operating;
using PgReplWatchdog.Tests.SetUp;

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
        var silent = Enumerable.Range(1, 30).Select(number => new Cluster($"silent{number}", new CountingProber { HoldsUpFor = TimeSpan.FromMinutes(1) }, new NoHands()));
        using var host = await StartAsync(TimeProvider.System, [.. silent, new("main", counting, new NoHands())]);
        await MoreChecksAsync(counting, "checks have begun");
        await MoreChecksAsync(counting, "checks go on");
        using var impatient = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await host.StopAsync(impatient.Token).ContinueWith(static _ => { }, TaskScheduler.Default); // thirty checks are never waited for
    }

    /// <summary>An action may take a minute (a fence command, a fresh copy that begins): its cluster keeps a place of the scheduler meanwhile.</summary>
    [Fact]
    public async Task Two_clusters_are_checked_while_actions_of_thirty_others_hang()
    {
        const int hanging = 30;
        var runner = new HangingRunner();
        var acting = Enumerable.Range(1, hanging).Select(number => new Cluster($"acting{number}", new CountingProber { NeedsAction = true }, runner));
        var (first, second) = (new CountingProber(), new CountingProber());
        using var host = await StartAsync(TimeProvider.System, [.. acting, new("first", first, new NoHands()), new("second", second, new NoHands())]);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(runner.Hanging == hanging), "the actions of thirty clusters hang");
        await MoreChecksAsync(first, "the first cluster is checked");
        await MoreChecksAsync(second, "the second cluster is checked");
        Assert.Equal(hanging, runner.Hanging);
        runner.End();
        await host.StopAsync(TestContext.Current.CancellationToken);
    }

    private static Task<IHost> StartAsync(TimeProvider clock, IProber prober) => StartAsync(clock, [new("main", prober, new NoHands())]);

    private static async Task<IHost> StartAsync(TimeProvider clock, ImmutableArray<Cluster> clusters)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddSingleton<TimeProvider>(new SteadyClock(clock));
        builder.Services.AddSingleton<IJournal>(new NoJournal(Looks.Known with { Following = ["beta"] }));
        builder.Services.AddSingleton<WatchdogMetrics>();
        builder.Services.AddSingleton<Notifier>();
        var specs = clusters.ToDictionary(cluster => cluster.Name, cluster => Looks.Spec with { Name = cluster.Name, Policy = Looks.Policy with { CheckInterval = Interval } });
        foreach (var (name, prober, runner) in clusters)
        {
            builder.Services.AddSingleton(provider =>
                ActivatorUtilities.CreateInstance<Watchdog>(provider, specs[name], prober, runner, FreezeWindows.None, TimeProvider.System));
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
        var before = prober.Checks;
        return SetUpTests.EventuallyAsync(() => Task.FromResult(prober.Checks >= before + 5), what);
    }

    private sealed record Cluster(string Name, IProber Prober, IActionRunner Runner);

    private sealed class WallClock : TimeProvider
    {
        public TimeSpan SetBack { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() - SetBack;
    }

    private sealed class CountingProber : IProber
    {
        private int checks;

        public int Checks => Volatile.Read(ref checks);

        public TimeSpan HoldsUpFor { get; set; }

        /// <summary>Beta is to be pointed at its primary; else all is well.</summary>
        public bool NeedsAction { get; init; }

        public string Boot => "";

        public async Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
        {
            Interlocked.Increment(ref checks);
            await Task.Delay(HoldsUpFor, cancellation);
            var now = TimeProvider.System.GetElapsedTime(0).TotalSeconds;
            return NeedsAction ? Looks.At(now, Looks.Alone(), Looks.Standby(streams: false)) : Looks.At(now, Looks.Primary(), Looks.Standby());
        }
    }

    /// <summary>No action comes to its end before the test says so.</summary>
    private sealed class HangingRunner : IActionRunner
    {
        private readonly TaskCompletionSource end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int hanging;

        public int Hanging => Volatile.Read(ref hanging);

        public void End() => end.SetResult();

        public async Task<ActionOutcome> RunAsync(WatchdogAction action, long epoch, CancellationToken cancellation)
        {
            Interlocked.Increment(ref hanging);
            await end.Task;
            Interlocked.Decrement(ref hanging);
            return new ActionOutcome(false, "", TimeSpan.Zero);
        }
    }
}
