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
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Scheduling;

/// <summary>A watchdog that stood still since it looked neither acts on that look nor counts it as an attempt; one that has not looked yet goes by its record.</summary>
public sealed class LateLookTests
{
    private static readonly TimeSpan Late = Looks.Policy.ProbeTimeout + Looks.Policy.LateAfter + TimeSpan.FromSeconds(1);

    private const string ThisBoot = "00a1-5";

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

    /// <summary>Nobody knows then what the process before has ordered; but a copy of its record, on another host, is told from it by the boot, or by the original's session.</summary>
    [Theory]
    [InlineData(ThisBoot, null, true)]
    [InlineData("another boot", null, false)]
    [InlineData(ThisBoot, "0a1b2c3d", false)]
    public async Task Process_that_is_stopped_before_its_first_look_takes_back_the_lease_of_its_own_host_only(string boot, string? namesake, bool takesBack)
    {
        var world = new World { Boot = boot, Succeeds = true };
        var other = namesake is null ? null : new OtherWatchdog(namesake, "alpha", "192.0.2.9");
        var journal = new Journal { Memory = Looks.Known with { LastPosition = new(new Lsn(1), Looks.Start, ThisBoot), Other = other } };
        await Watching(world, journal, Looks.Spec with { Owner = "0a1b2c3d", Policy = new Policy() }).DisarmAsync(TestContext.Current.CancellationToken);
        Assert.Equal(takesBack ? ["DisarmGuard"] : [], world.Done.Select(action => action.Kind));
    }

    private static Watchdog Watching(World world, Journal journal, ClusterSpec? spec = null) =>
        new(spec ?? Looks.Spec, world, world, FreezeWindows.None, journal, new WatchdogMetrics(), Notifier.Nobody, world, NullLogger<Watchdog>.Instance);

    /// <summary>Beta has to be pointed at its primary. Time passes while it is looked at, and no other.</summary>
    private sealed class World : TimeProvider, IProber, IActionRunner
    {
        private TimeSpan now = TimeSpan.FromSeconds(1);

        public TimeSpan StandsStillFor { get; set; }
        public bool Succeeds { get; init; }
        public List<WatchdogAction> Done { get; } = [];

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
        public override long GetTimestamp() => now.Ticks;
        public override DateTimeOffset GetUtcNow() => Looks.Start + now;

        public string Boot { get; init; } = "";

        public Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
        {
            var look = Looks.At(now.TotalSeconds, Looks.Alone(), Looks.Standby(streams: false));
            now += StandsStillFor;
            return Task.FromResult(look);
        }

        public Task<ActionOutcome> RunAsync(WatchdogAction action, long epoch, CancellationToken cancellation)
        {
            Done.Add(action);
            return Task.FromResult(new ActionOutcome(Succeeds, "", TimeSpan.Zero));
        }
    }

    private sealed class Journal : IJournal
    {
        public ClusterMemory Memory { get; set; } = Looks.Known with { Following = ["beta"] };

        public ClusterMemory Load(string cluster) => Memory;
        public void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events) => Memory = memory;
        public void Saw(string cluster, Look look, bool keep)
        {
        }

        public OperatorWish Wish(string cluster) => OperatorWish.None;
        public IReadOnlyList<JournalEntry> Recent(string? cluster, int limit, long after = 0, long before = long.MaxValue, params ReadOnlySpan<EventKind> kinds) => [];
    }
}
