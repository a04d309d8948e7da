namespace PgReplWatchdog.Deciding;

/// <summary>
/// Every reason not to fail over: a closed vocabulary, used as it stands in metrics, status, journal and runbook.
/// All gates are evaluated on every check, also while all is well: the shut ones answer whether a failover would work now.
/// </summary>
public enum Gate
{
    Unknown,

    /// <summary>The primary has not been Down for the whole UnreachableThreshold. Shut while all is well; the one gate that waits for a fault.</summary>
    ThresholdNotReached,

    /// <summary>Automatic is false: the watchdog says what it would do and leaves it to a person.</summary>
    AutomaticOff,

    /// <summary>An automatic failover ended less than MinimumInterval ago.</summary>
    RecentFailover,

    /// <summary>The journal could not be written; what is not on record is not done.</summary>
    JournalUnwritable,

    /// <summary>No standby may be promoted; the reasons of each follow.</summary>
    NoCandidate,

    /// <summary>Its priority is 0: the configuration says that it is never promoted.</summary>
    CandidateExcluded,

    /// <summary>It does not answer SQL.</summary>
    CandidateUnreachable,

    /// <summary>The watchdog's role may not read its replication views: what it hears and lacks is unknown.</summary>
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

    /// <summary>It cannot be promoted by the means there are: no trigger file is configured, or another than the watchdog would create.</summary>
    PromotionUnavailable,
}

/// <summary>A shut gate with a sentence that a person can act on.</summary>
/// <param name="Gate">The word.</param>
/// <param name="Node">The standby it is about; null where it is about the cluster.</param>
/// <param name="Sentence">What holds, with limit and actual value, and what to do where something can be done.</param>
public sealed record ShutGate(Gate Gate, string? Node, string Sentence);
