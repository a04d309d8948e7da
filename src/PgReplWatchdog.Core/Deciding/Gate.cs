namespace PgReplWatchdog.Deciding;

/// <summary>
/// Every reason not to fail over: a closed vocabulary, used as it stands in metrics, status, journal and runbook.
/// All gates are evaluated on every check, also while all is well: the shut ones answer whether a failover would work now.
/// </summary>
public enum Gate
{
    Unknown,

    /// <summary>The primary has not been found failed for the whole of that verdict's threshold. Shut while all is well; the one gate that waits for a fault.</summary>
    ThresholdNotReached,

    /// <summary>Automatic is false: the watchdog says what it would do and leaves it to a person.</summary>
    AutomaticOff,

    /// <summary>A person paused automatic failover on the watchdog's host.</summary>
    Paused,

    /// <summary>This moment lies in one of the FreezeWindows.</summary>
    FreezeWindow,

    /// <summary>An automatic failover ended less than MinimumInterval ago and was not acknowledged.</summary>
    RecentFailover,

    /// <summary>The journal could not be written; what is not on record is not done.</summary>
    JournalUnwritable,

    /// <summary>Another watchdog watches the same cluster, or its lease arms the guard.</summary>
    AnotherWatchdog,

    /// <summary>A host has a later role change on record than this watchdog, whose record is an old one.</summary>
    RecordIsOld,

    /// <summary>The primary's host says that its disk is full. That is no failure of the primary to be mended by another one: room has to be made.</summary>
    PrimaryDiskFull,

    /// <summary>
    /// Fencing is Required, and the old primary is not proven to be stopped: its host does not answer, its guard was not armed or may still be waiting, and there
    /// is no fence command. While all is well: a host that vanished could not be fenced.
    /// </summary>
    OldPrimaryNotFenced,

    /// <summary>The primary's host has not answered over SSH for 30 s: a hung server could not be told from a healthy one, and no WAL copied from it. A due failover goes on.</summary>
    PrimaryHostUnreachable,

    /// <summary>No standby may be promoted; the reasons of each follow.</summary>
    NoCandidate,

    /// <summary>Its priority is 0: the configuration says that it is never promoted.</summary>
    CandidateExcluded,

    /// <summary>It does not answer SQL.</summary>
    CandidateUnreachable,

    /// <summary>
    /// The watchdog's role may not read its replication views: what it hears and lacks is unknown. A primary that vanished would be found Unknown, whoever
    /// else could be promoted.
    /// </summary>
    CandidateUnreadable,

    /// <summary>It says that it is no standby.</summary>
    CandidateNotInRecovery,

    /// <summary>Its system identifier is not the cluster's.</summary>
    CandidateOtherSystem,

    /// <summary>It is not on the newest timeline known.</summary>
    CandidateTimeline,

    /// <summary>It lacks more WAL than MaximumLagBytes, or what it lacks is unknown.</summary>
    CandidateTooFarBehind,

    /// <summary>Its replay is paused.</summary>
    CandidateReplayPaused,

    /// <summary>
    /// It has received much WAL that it has not replayed, or its replay stands still: a promotion would wait. A due failover goes on.
    /// </summary>
    CandidateReplayBehind,

    /// <summary>Its host has not answered over SSH for 30 s, and a failover needs that. A due failover goes on.</summary>
    CandidateHostUnreachable,

    /// <summary>Its disk is full, or its storage does not answer: it cannot be detached, nor take WAL. A due failover goes on.</summary>
    CandidateDiskFull,

    /// <summary>The lines by which set-up tells it whom to follow have no effect: it cannot be detached. A due failover goes on.</summary>
    CandidateUndetachable,

    /// <summary>Its own synchronous_standby_names cannot be met without the old primary: commits on it would wait. A due failover goes on.</summary>
    CandidateCommitsWait,

    /// <summary>The primary replicates synchronously, and it would not, although another standby is there. A due failover goes on.</summary>
    CandidateNotSynchronous,

    /// <summary>It could not be promoted by any means: its host does not answer over SSH or the trigger file's way is blocked, and the watchdog's role may not execute pg_promote().</summary>
    PromotionUnavailable,
}

/// <summary>A shut gate with a sentence that a person can act on.</summary>
/// <param name="Gate">The word.</param>
/// <param name="Node">The standby it is about; null where it is about the cluster.</param>
/// <param name="Sentence">What holds, with limit and actual value, and what to do where something can be done.</param>
public sealed record ShutGate(Gate Gate, string? Node, string Sentence);
