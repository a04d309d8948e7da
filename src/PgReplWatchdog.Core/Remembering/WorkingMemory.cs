using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Remembering;

/// <summary>What is remembered from check to check and goes with the process: a watchdog that starts anew counts silence anew.</summary>
public sealed record WorkingMemory
{
    public static readonly WorkingMemory Empty = new();

    public Suspicion Suspicion { get; init; } = Suspicion.None;
    public PrimaryTrail Trail { get; init; } = PrimaryTrail.Empty;
}

/// <summary>Since when the primary has been silent, on the watchdog's monotonic clock.</summary>
/// <param name="LastCheckAt">The last look; null before the first.</param>
/// <param name="LastSignOfLife">
/// The last moment at which any vantage point had a sign of life of the primary, or at which this watchdog could not have noticed its absence
/// (its start, a pause of its own, an answer that says nothing).
/// </param>
/// <param name="DownLooks">How many looks in a row found the primary down: one alone never leads to a failover, however long the silence.</param>
public sealed record Suspicion(TimeSpan? LastCheckAt, TimeSpan LastSignOfLife, int DownLooks = 0)
{
    public static readonly Suspicion None = new(null, TimeSpan.Zero);

    public TimeSpan SilenceAt(TimeSpan now) => now > LastSignOfLife ? now - LastSignOfLife : TimeSpan.Zero;

    /// <summary>One more look. <paramref name="signOfLife"/> is null where the look brought none.</summary>
    public Suspicion Looked(TimeSpan at, TimeSpan? signOfLife, TimeSpan lateAfter, bool down)
    {
        var watchdogWasAway = LastCheckAt is not { } last || at - last > lateAfter;
        var sign = watchdogWasAway ? at : signOfLife ?? LastSignOfLife;
        return new Suspicion(at, sign > LastSignOfLife || LastCheckAt is null ? sign : LastSignOfLife, down ? DownLooks + 1 : 0);
    }
}
