namespace PgReplWatchdog.Simulation;

/// <summary>The watchdog host's clocks: they run too fast or too slow, and know nothing of it. The wall clock may be set.</summary>
internal sealed class Clock(World world) : TimeProvider
{
    public TimeSpan Elapsed => TimeSpan.FromSeconds(world.Now * world.Setting.WatchdogRate);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Whoever waits stands still, and the world goes on.</summary>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        world.Advance(dueTime.TotalSeconds / world.Setting.WatchdogRate);
        callback(state);
        return new Over();
    }

    private sealed class Over : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    public override long GetTimestamp() => Elapsed.Ticks;

    public override DateTimeOffset GetUtcNow() => world.WallClock;
}
