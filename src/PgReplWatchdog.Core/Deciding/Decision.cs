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

    /// <summary>The next look should be no later than this; null where the schedule's next check will do.</summary>
    public TimeSpan? LookAgainIn { get; init; }

    /// <summary>Whether a failover would work right now.</summary>
    public bool IsReady => Deciding.Gates.AreReady(Gates);
}

/// <summary>What the watchdog can do to the world: a closed family, one at a time, each safe to repeat.</summary>
public abstract record WatchdogAction
{
    private WatchdogAction()
    {
    }

    public sealed record None : WatchdogAction;

    /// <summary>Create the trigger file on the node and wake its startup process until it is primary, within a limit.</summary>
    public sealed record Promote(string Node, string TriggerFile) : WatchdogAction;

    /// <summary>Remove the trigger file that was not heeded.</summary>
    public sealed record WithdrawPromotion(string Node, string TriggerFile) : WatchdogAction;

    /// <summary>Stop the node's PostgreSQL and see its port closed.</summary>
    public sealed record Fence(string Node) : WatchdogAction;

    public static readonly WatchdogAction Nothing = new None();
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
    FailoverDecided,
    FailoverSucceeded,
    FailoverFailed,
    FailoverWithdrawn,
    PromotionTried,
    FencingDecided,
    NodeReplacedReturned,
    ActionSucceeded,
    ActionFailed,
}
