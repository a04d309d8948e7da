using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>What is remembered from check to check and goes with the process: a watchdog that starts anew counts silence anew.</summary>
public sealed record WorkingMemory
{
    public static readonly WorkingMemory Empty = new();

    public Suspicion Suspicion { get; init; } = Suspicion.None;
    public PrimaryTrail Trail { get; init; } = PrimaryTrail.Empty;

    /// <summary>What each standby had received when it was last asked.</summary>
    public ImmutableDictionary<string, Lsn> Received { get; init; } = ImmutableDictionary<string, Lsn>.Empty;

    /// <summary>The process's first look, on the monotonic clock.</summary>
    public TimeSpan? StartedAt { get; init; }

    /// <summary>When the guard was last told something, on the monotonic clock.</summary>
    public TimeSpan? GuardToldAt { get; init; }
}

/// <summary>Since when the primary has been silent, and since when the present finding stands, on the watchdog's monotonic clock.</summary>
/// <param name="LastCheckAt">The last look; null before the first.</param>
/// <param name="LastSignOfLife">
/// The last moment at which any vantage point had a sign of life of the primary, or at which this watchdog could not have noticed its absence
/// (its start, a pause of its own, an answer that says nothing).
/// </param>
public sealed record Suspicion(TimeSpan? LastCheckAt, TimeSpan LastSignOfLife)
{
    public static readonly Suspicion None = new(null, TimeSpan.Zero);

    /// <summary>The verdict that has stood without a break, if it is one that may lead to a failover; else empty.</summary>
    public string Finding { get; init; } = "";

    /// <summary>Since when it stands.</summary>
    public TimeSpan FindingSince { get; init; }

    /// <summary>How many looks in a row found it: one alone never leads to a failover, however long the silence.</summary>
    public int Looks { get; init; }

    public TimeSpan SilenceAt(TimeSpan now) => now > LastSignOfLife ? now - LastSignOfLife : TimeSpan.Zero;

    public TimeSpan StandsFor(TimeSpan now) => Looks > 0 ? now - FindingSince : TimeSpan.Zero;

    /// <summary>One more look. <paramref name="signOfLife"/> is null where the look brought none; <paramref name="finding"/> is empty where it found nothing to act on.</summary>
    public Suspicion Looked(TimeSpan at, TimeSpan? signOfLife, TimeSpan lateAfter, string finding)
    {
        var watchdogWasAway = LastCheckAt is not { } last || at - last > lateAfter;
        var sign = watchdogWasAway ? at : signOfLife ?? LastSignOfLife;
        var stands = !watchdogWasAway && finding.Length > 0 && finding == Finding;
        return new Suspicion(at, sign > LastSignOfLife || LastCheckAt is null ? sign : LastSignOfLife)
        {
            Finding = finding,
            FindingSince = stands ? FindingSince : at,
            Looks = finding.Length == 0 ? 0 : stands ? Looks + 1 : 1,
        };
    }
}
