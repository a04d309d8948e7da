using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;

namespace PgReplWatchdog.Notifying;

/// <summary>
/// What people are told of: a closed vocabulary, in the words of verdicts, events and gates. docs/runbook.md has a row for each; a test keeps the two together.
/// </summary>
public enum Topic
{
    Unknown,

    /// <summary>The verdicts that are failures, and the one that costs rows; each for as long as it stands.</summary>
    Crashed,
    Stopped,
    Hung,
    Down,
    TwoPrimaries,

    /// <summary>For longer than NotReadyAfter a failover would not have worked, or the primary has not served.</summary>
    NotReady,

    /// <summary>The journal cannot be written: nothing is done meanwhile.</summary>
    JournalUnwritable,

    /// <summary>Another watchdog watches the cluster, or its lease arms the guard: no failover begins.</summary>
    AnotherWatchdog,

    /// <summary>What was decided and what came of it.</summary>
    FailoverDecided,
    FailoverSucceeded,
    FailoverFailed,
    FailoverWithdrawn,
    FencingDecided,
    NodeNotReturning,

    /// <summary>`pgwatchdog notify --test`.</summary>
    Test,
}

/// <summary>How much of a hurry there is: Alertmanager's label.</summary>
public enum Severity
{
    Unknown,
    Info,
    Warning,
    Critical,
}

/// <summary>What follows from the word alone.</summary>
public static class Topics
{
    /// <summary>The topic of a verdict, held for as long as that stands; Unknown for one that is not told by itself.</summary>
    public static Topic Of(Verdict verdict) => verdict switch
    {
        Verdict.Crashed => Topic.Crashed,
        Verdict.Stopped => Topic.Stopped,
        Verdict.Hung => Topic.Hung,
        Verdict.Down => Topic.Down,
        Verdict.TwoPrimaries => Topic.TwoPrimaries,
        // Where one of these lasts it is NotReady, with its evidence.
        Verdict.Unknown or Verdict.Serving or Verdict.Busy or Verdict.ServingElsewhere or Verdict.WatchdogIsolated => Topic.Unknown,
    };

    /// <summary>The topic of an event; Unknown for one that is not told.</summary>
    public static Topic Of(EventKind kind) => kind switch
    {
        EventKind.FailoverDecided => Topic.FailoverDecided,
        EventKind.FailoverSucceeded => Topic.FailoverSucceeded,
        EventKind.FailoverFailed => Topic.FailoverFailed,
        EventKind.FailoverWithdrawn => Topic.FailoverWithdrawn,
        EventKind.FencingDecided => Topic.FencingDecided,
        EventKind.NodeNotReturning => Topic.NodeNotReturning,
        EventKind.Unknown or EventKind.VerdictChanged or EventKind.GatesChanged or EventKind.PrimaryAdopted or EventKind.FailoverStep or EventKind.PromotionTried
            or EventKind.SetUpBegun or EventKind.SetUpEnded or EventKind.TokenRefused
            or EventKind.AdoptionAsked or EventKind.AdoptionWaits or EventKind.TakeoverAsked or EventKind.TakeoverWaits or EventKind.TakenOver
            or EventKind.NodeReplacedReturned or EventKind.NodeReturning or EventKind.GuardChanged or EventKind.ActionSucceeded or EventKind.ActionFailed or EventKind.FailoverNotBegun
            or EventKind.Paused or EventKind.Resumed or EventKind.Acknowledged or EventKind.MemoryNotUnderstood => Topic.Unknown,
    };

    /// <summary>Critical is what somebody is woken for.</summary>
    public static Severity SeverityOf(Topic topic) => topic switch
    {
        Topic.Crashed or Topic.Stopped or Topic.Hung or Topic.Down or Topic.TwoPrimaries or Topic.JournalUnwritable or Topic.FailoverFailed => Severity.Critical,
        Topic.NotReady or Topic.AnotherWatchdog or Topic.FailoverDecided or Topic.FailoverSucceeded or Topic.FailoverWithdrawn or Topic.FencingDecided or Topic.NodeNotReturning => Severity.Warning,
        Topic.Test or Topic.Unknown => Severity.Info,
    };

    /// <summary>The headline: nothing that a database said is in it.</summary>
    public static string Summary(Topic topic) => topic switch
    {
        Topic.Crashed => "PostgreSQL has crashed on the primary's host",
        Topic.Stopped => "PostgreSQL was shut down on the primary's host",
        Topic.Hung => "the primary hangs",
        Topic.Down => "nobody reaches the primary or its host",
        Topic.TwoPrimaries => "more than one node says that it is primary",
        Topic.NotReady => "a failover would not work now",
        Topic.JournalUnwritable => "the watchdog cannot write its journal, and does nothing meanwhile",
        Topic.AnotherWatchdog => "another watchdog watches the cluster; no failover begins meanwhile",
        Topic.FailoverDecided => "a failover has begun",
        Topic.FailoverSucceeded => "a failover has succeeded",
        Topic.FailoverFailed => "a failover has FAILED",
        Topic.FailoverWithdrawn => "a failover was taken back",
        Topic.FencingDecided => "a replaced primary came back and is stopped",
        Topic.NodeNotReturning => "a node does not return into the cluster by itself",
        Topic.Test => "a test of the watchdog's notifications; nothing is the matter",
        Topic.Unknown => "",
    };

    /// <summary>Under its own heading in the runbook, or where notifications are explained.</summary>
    public static string RunbookAnchor(Topic topic) => topic switch
    {
        Topic.Crashed or Topic.Stopped or Topic.Hung or Topic.Down or Topic.TwoPrimaries or Topic.JournalUnwritable or Topic.AnotherWatchdog => topic.ToString().ToLowerInvariant(),
        _ => "notifications",
    };
}
