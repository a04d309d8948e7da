using Microsoft.Extensions.Logging.Abstractions;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Scheduling;

/// <summary>A watchdog that stood still since it looked neither acts on that look nor counts it as an attempt.</summary>
public sealed class LateLookTests
{
    private static readonly TimeSpan Late = Looks.Policy.ProbeTimeout + Looks.Policy.LateAfter + TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Attempt_counts_where_its_action_begins()
    {
        var (world, journal) = (new World(), new Journal());
        var watchdog = Watching(world, journal);
        world.StandsStillFor = Late;
        await watchdog.TickAsync(TestContext.Current.CancellationToken);
        Assert.Empty(world.Done);
        Assert.Empty(journal.Memory.Returning);
        Assert.True(watchdog.Last?.Observation.IsLate);

        world.StandsStillFor = TimeSpan.Zero;
        await watchdog.TickAsync(TestContext.Current.CancellationToken);
        Assert.Equal(nameof(WatchdogAction.Repoint), world.Done[0].Kind);
        Assert.Equal(("beta", 1), (journal.Memory.Returning.Single().Node, journal.Memory.Returning.Single().Attempts));
    }

    /// <summary>What came of the action before is for the look that goes on with it.</summary>
    [Fact]
    public async Task Outcome_of_an_action_is_kept_for_the_next_look()
    {
        var (world, journal) = (new World(), new Journal());
        var watchdog = Watching(world, journal);
        await watchdog.TickAsync(TestContext.Current.CancellationToken);
        world.StandsStillFor = Late;
        await watchdog.TickAsync(TestContext.Current.CancellationToken);
        world.StandsStillFor = TimeSpan.Zero;
        await watchdog.TickAsync(TestContext.Current.CancellationToken);
        Assert.Equal(nameof(WatchdogAction.Repoint), watchdog.Last?.Observation.Report?.Action);
    }

    private static Watchdog Watching(World world, Journal journal) =>
        new(Looks.Spec, world, world, FreezeWindows.None, journal, new WatchdogMetrics(), Notifier.Nobody, world, NullLogger<Watchdog>.Instance);

    /// <summary>Beta has to be pointed at its primary. Time passes while it is looked at, and no other.</summary>
    private sealed class World : TimeProvider, IProber, IActionRunner
    {
        private TimeSpan now = TimeSpan.FromSeconds(1);

        public TimeSpan StandsStillFor { get; set; }
        public List<WatchdogAction> Done { get; } = [];

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => now.Ticks;
        public override DateTimeOffset GetUtcNow() => Looks.Start + now;

        public string Boot => "";

        public Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
        {
            var look = Looks.At(now.TotalSeconds, Looks.Alone(), Looks.Standby(streams: false));
            now += StandsStillFor;
            return Task.FromResult(look);
        }

        public Task<ActionOutcome> RunAsync(WatchdogAction action, long epoch, CancellationToken cancellation)
        {
            Done.Add(action);
            return Task.FromResult(new ActionOutcome(false, "", TimeSpan.Zero));
        }
    }

    private sealed class Journal : IJournal
    {
        public ClusterMemory Memory { get; private set; } = Looks.Known with { Following = ["beta"] };

        public ClusterMemory Load(string cluster) => Memory;
        public void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events) => Memory = memory;
        public void Saw(string cluster, Look look, bool keep)
        {
        }

        public OperatorWish Wish(string cluster) => OperatorWish.None;
        public IReadOnlyList<JournalEntry> Recent(string? cluster, int limit, long after = 0, long before = long.MaxValue, params ReadOnlySpan<EventKind> kinds) => [];
    }
}
