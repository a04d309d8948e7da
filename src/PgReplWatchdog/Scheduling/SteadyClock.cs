namespace PgReplWatchdog.Scheduling;

/// <summary>
/// The wall clock at the start plus the time that has passed since: what the scheduler runs by. A wall clock that is set back would make it wait
/// until the old time comes round again, and nobody would watch meanwhile.
/// </summary>
public sealed class SteadyClock(TimeProvider wall) : TimeProvider
{
    private readonly DateTimeOffset start = wall.GetUtcNow();
    private readonly long began = wall.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => start + wall.GetElapsedTime(began);
}
