using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Deciding;

/// <summary>What one check concluded: everything the shell has to remember, do and show. Values only.</summary>
public sealed record Decision
{
    public required Diagnosis Diagnosis { get; init; }

    /// <summary>All shut gates.</summary>
    public required ImmutableArray<ShutGate> Gates { get; init; }

    /// <summary>Every node but the primary, best candidate first.</summary>
    public required ImmutableArray<Candidate> Candidates { get; init; }

    /// <summary>Every standby's lag by node name.</summary>
    public required ImmutableDictionary<string, Lag> Lags { get; init; }

    /// <summary>How long no vantage point has had a sign of life of the primary.</summary>
    public required TimeSpan Silence { get; init; }

    /// <summary>What must be on record before <see cref="Action"/> is carried out. The same instance as before where nothing changed.</summary>
    public required ClusterMemory Memory { get; init; }

    public required WorkingMemory Working { get; init; }

    /// <summary>At most one thing that changes the world.</summary>
    public required WatchdogAction Action { get; init; }

    /// <summary>What happened, for the journal and the log, oldest first.</summary>
    public required ImmutableArray<WatchdogEvent> Events { get; init; }

    /// <summary>What the next look should ask beyond SQL.</summary>
    public required Inquiry Inquiry { get; init; }

    /// <summary>What a failover now would lose: WAL that the best candidate lacks, bytes; null where nobody knows.</summary>
    public long? ExpectedLossBytes => Candidates is [{ IsEligible: true } best, ..] ? best.MissingBytes : null;

    /// <summary>The next look should be no later than this; null where the schedule's next check will do.</summary>
    public TimeSpan? LookAgainIn { get; init; }

    /// <summary>And no sooner: a scheduled look in between would not have ended when the one that counts has to begin.</summary>
    public bool NotSooner { get; init; }

    /// <summary>Whether a failover would work right now.</summary>
    public bool IsReady => Deciding.Gates.AreReady(Gates);
}

/// <summary>Something worth keeping: what happened, in a word of the vocabulary and in a sentence.</summary>
public sealed record WatchdogEvent(EventKind Kind, string Sentence);

/// <summary>The kinds of events, as the journal and the log name them.</summary>
public enum EventKind
{
    Unknown,
    VerdictChanged,
    GatesChanged,
    PrimaryAdopted,

    /// <summary>Somebody began a set-up, or its removal, with this plan.</summary>
    SetUpBegun,

    /// <summary>That came to an end, or stopped.</summary>
    SetUpEnded,

    /// <summary>Somebody gave a wrong token over HTTP.</summary>
    TokenRefused,

    /// <summary>An operator asked for a node to be adopted as primary.</summary>
    AdoptionAsked,

    /// <summary>That has to wait.</summary>
    AdoptionWaits,

    /// <summary>An operator asked to take over from another watchdog.</summary>
    TakeoverAsked,

    /// <summary>That has to wait.</summary>
    TakeoverWaits,

    /// <summary>The other watchdog's lease may be replaced from now on.</summary>
    TakenOver,
    FailoverDecided,
    FailoverStep,
    FailoverSucceeded,
    FailoverFailed,
    FailoverWithdrawn,
    PromotionTried,
    FencingDecided,
    NodeReplacedReturned,
    NodeReturning,
    NodeNotReturning,
    GuardChanged,
    ActionSucceeded,
    ActionFailed,

    /// <summary>A verdict that might have led to a failover ended, and none was begun: which gates were shut, and for how long it stood.</summary>
    FailoverNotBegun,

    /// <summary>A person asked for it on the watchdog's host.</summary>
    Paused,
    Resumed,
    Acknowledged,

    /// <summary>The journal holds something that this version does not understand.</summary>
    MemoryNotUnderstood,
}
