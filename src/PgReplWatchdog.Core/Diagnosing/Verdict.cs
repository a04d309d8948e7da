namespace PgReplWatchdog.Diagnosing;

/// <summary>
/// What is the matter with the primary: a closed vocabulary, used as it stands in metrics, status, journal and runbook.
/// One rule each in <see cref="Diagnostician"/>.
/// </summary>
public enum Verdict
{
    /// <summary>Nothing can be said: no primary was ever seen, or the answers say nothing. Never leads to action, never clears an alarm.</summary>
    Unknown,

    /// <summary>The primary answers as primary.</summary>
    Serving,

    /// <summary>The primary answers with an error that only a living server gives.</summary>
    Busy,

    /// <summary>The watchdog does not reach the primary, but a standby still streams from it: the watchdog is the one cut off.</summary>
    ServingElsewhere,

    /// <summary>No node of the cluster answers at all: the watchdog is most likely the one cut off.</summary>
    WatchdogIsolated,

    /// <summary>Neither the watchdog reaches the primary nor does a standby that answers. The only verdict that may lead to a failover.</summary>
    Down,

    /// <summary>More than one node says that it is primary.</summary>
    TwoPrimaries,
}

/// <summary>A verdict with what it rests on.</summary>
/// <param name="Verdict">The word.</param>
/// <param name="Primary">The node that serves as primary, or would have to; null where none is known.</param>
/// <param name="Evidence">One sentence a witness.</param>
public sealed record Diagnosis(Verdict Verdict, string? Primary, ImmutableArray<string> Evidence);
