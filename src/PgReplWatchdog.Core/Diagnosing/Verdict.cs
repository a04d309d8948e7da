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

    /// <summary>The watchdog does not reach the primary, but somebody does: a standby hears it, or its port answers from another host or its own.</summary>
    ServingElsewhere,

    /// <summary>No node of the cluster answers at all, or none of the reference addresses: the watchdog is most likely the one cut off.</summary>
    WatchdogIsolated,

    /// <summary>Its host answers, PostgreSQL is gone, and nobody shut it down. Leads to a failover after CrashedThreshold.</summary>
    Crashed,

    /// <summary>Its host answers and PostgreSQL was shut down in order. Leads to a failover only if FailoverWhenStopped.</summary>
    Stopped,

    /// <summary>
    /// Its host answers and the postmaster is there, but no new connection is served, not even on the host itself; or questions are answered, and WAL does not reach its
    /// disk. Leads to a failover after UnreachableThreshold.
    /// </summary>
    Hung,

    /// <summary>Nobody reaches server or host, and a standby that answers says so too. Leads to a failover after UnreachableThreshold.</summary>
    Down,

    /// <summary>More than one node says that it is primary.</summary>
    TwoPrimaries,
}

/// <summary>A verdict with what it rests on.</summary>
/// <param name="Verdict">The word.</param>
/// <param name="Primary">The node that serves as primary, or would have to; null where none is known.</param>
/// <param name="Evidence">One sentence a witness.</param>
public sealed record Diagnosis(Verdict Verdict, string? Primary, ImmutableArray<string> Evidence)
{
    /// <summary>What is wrong with a primary that serves: all that is said of it beyond that.</summary>
    public ImmutableArray<string> Warnings => Verdict == Verdict.Serving ? Evidence.RemoveAt(0) : [];
}

/// <summary>What follows from the word alone.</summary>
public static class Verdicts
{
    /// <summary>The verdicts that may lead to a failover, each after its own threshold.</summary>
    public static bool IsFailure(this Verdict verdict) => verdict is Verdict.Crashed or Verdict.Stopped or Verdict.Hung or Verdict.Down;
}
