using Microsoft.Extensions.Logging.Abstractions;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Scheduling;

namespace PgReplWatchdog.Simulation;

/// <summary>
/// A second real watchdog of the same cluster, on a host and with a journal of its own (docs/decisions/0018). It has a thread of its own, and a turn
/// whenever its time has come: the world stands still meanwhile, and goes on while it waits.
/// </summary>
internal sealed class SecondWatchdog : IDisposable
{
    private readonly World world;
    private readonly Clock clock;
    private readonly WatchdogMetrics metrics;
    private readonly Crash crash;
    private readonly Journal journal;
    private readonly SemaphoreSlim turn = new(0), back = new(0);
    private readonly Thread thread;
    private double until;
    private bool stopsInOrder, isOver;

    /// <param name="world">The world.</param>
    /// <param name="clock">Its host's clocks go like those of the first one's.</param>
    /// <param name="metrics">Its metrics.</param>
    /// <param name="copied">What was on record in the state directory of which it has a copy; null where it has an empty one.</param>
    /// <param name="isNamesake">Its host has the first one's machine-id as well, and so it has the name that is in the copy.</param>
    public SecondWatchdog(World world, Clock clock, WatchdogMetrics metrics, ClusterMemory? copied, bool isNamesake)
    {
        (this.world, this.clock, this.metrics, IsNamesake) = (world, clock, metrics, isNamesake);
        Station = new Station(world.Nodes.Length + 1, isNamesake ? world.Setting.Spec : world.Setting.Spec with { Owner = "3d2c1b0a" }) { Sign = "second: " };
        crash = new Crash(world);
        journal = new Journal(world, Station, crash) { Restored = copied };
        thread = new Thread(Run) { IsBackground = true };
    }

    public Station Station { get; }

    /// <summary>It has the first one's name.</summary>
    public bool IsNamesake { get; }

    /// <summary>It is what runs now: time passes for it by <see cref="Wait"/>.</summary>
    public bool HasTurn { get; private set; }

    /// <summary>What is in its journal.</summary>
    public ClusterMemory Record => journal.Memory;

    /// <summary>It has begun a failover, or gone on with one of which its copy of the record told: the first one's record says nothing of it.</summary>
    public bool HasDecided => journal.Told.ContainsKey(EventKind.FailoverDecided) || journal.Told.ContainsKey(EventKind.FailoverStep);

    /// <summary>It was stopped in order, or is lost: what it has promoted and replaced nobody looks after.</summary>
    public bool HasEnded => world.Now >= until;

    /// <summary>Starts its first process. Later it is stopped in order, or its host is lost; where that is now, before its first look.</summary>
    public void Start(double until, bool stopsInOrder, int? crashesAfter)
    {
        (this.until, this.stopsInOrder) = (until, stopsInOrder);
        if (crashesAfter is { } steps)
            crash.After(steps);
        thread.Start();
        world.At(world.Now, TakeTurn);
    }

    /// <summary>Called by itself: the world goes on, and it has its next turn then.</summary>
    public void Wait(double seconds)
    {
        world.At(world.Now + seconds, TakeTurn);
        back.Release();
        turn.Wait();
        ObjectDisposedException.ThrowIf(isOver, this);
    }

    private void TakeTurn()
    {
        HasTurn = true;
        turn.Release();
        back.Wait();
        HasTurn = false;
    }

    private void Run()
    {
        turn.Wait();
        try
        {
            for (var ends = isOver; !ends; ends = isOver || HasEnded)
                RunProcess();
        }
        catch (ObjectDisposedException) when (isOver)
        {
        }
        // I7: whatever it is, it is the engine's, and a violation.
        catch (Exception failure)
        {
            world.Truth.Violated("I7", $"the second watchdog throws {failure}");
        }
        finally
        {
            back.Release();
        }
    }

    private void RunProcess()
    {
        var prober = new Prober(world, Station, clock, crash);
        (journal.Decided, journal.Adopted) = (prober.Judge, prober.JudgeAdoption);
        var watchdog = new Watchdog(Station.Spec, prober, new Runner(world, Station, journal, prober, crash), FreezeWindows.None, journal, metrics, Notifier.Nobody,
            clock, NullLogger<Watchdog>.Instance);
        try
        {
            // Its lease is the other one's: it must not start beside it. One with a name of its own does no harm, and is not refused here.
            if (IsNamesake && IsRefused(prober))
            {
                world.Tell($"the second watchdog is refused: another one is alive");
                world.Ends(Station);
                Wait(5);
                return;
            }
            while (world.Now < until)
            {
                var next = watchdog.TickAsync(CancellationToken.None).GetAwaiter().GetResult();
                var interval = Station.Spec.Policy.CheckInterval;
                Wait((next is { } sooner && sooner < interval ? sooner : interval).TotalSeconds / world.Setting.WatchdogRate);
            }
            if (stopsInOrder)
                watchdog.DisarmAsync(CancellationToken.None).GetAwaiter().GetResult();
            world.Tell($"the second watchdog {(stopsInOrder ? "is stopped in order" : "is lost")}");
            world.Ends(Station);
        }
        catch (SimulatedCrashException)
        {
            var away = world.Between(0.1, 15);
            world.Ends(Station);
            world.Tell($"the second watchdog's process ends; another starts in {away:0.0} s");
            Wait(away);
        }
    }

    /// <summary>As `pgwatchdog run` asks before its first check.</summary>
    private bool IsRefused(Prober prober)
    {
        var look = prober.ObserveAsync(new Inquiry(null, false, []), CancellationToken.None).GetAwaiter().GetResult();
        return Ownership.Alive(Station.Spec, look) is not null;
    }

    public void Dispose()
    {
        isOver = true;
        turn.Release();
        if (thread.IsAlive)
            thread.Join();
        turn.Dispose();
        back.Dispose();
    }
}
