namespace PgReplWatchdog.Simulation;

/// <summary>The watchdog host's clocks: they run too fast or too slow, and know nothing of it. The wall clock may be set.</summary>
internal sealed class Clock(World world) : TimeProvider
{
    private static readonly DateTimeOffset Beginning = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public TimeSpan Elapsed => TimeSpan.FromSeconds(world.Now * world.Setting.WatchdogRate);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Elapsed.Ticks;

    public override DateTimeOffset GetUtcNow() => Beginning + Elapsed + world.WallClockStep;
}
