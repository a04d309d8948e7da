using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// What must outlive the watchdog's process, journaled before anything is done with it. The one record that says who is to
/// be primary: nothing else decides which of two primaries is the right one.
/// </summary>
public sealed record ClusterMemory
{
    public static readonly ClusterMemory Empty = new();

    /// <summary>The node that is to be primary; null until one has been seen.</summary>
    public string? IntendedPrimary { get; init; }

    /// <summary>Grows by one each time the intended primary changes, and never shrinks.</summary>
    public long Epoch { get; init; }

    /// <summary>The cluster's system identifier, from the first primary seen.</summary>
    public ulong? SystemIdentifier { get; init; }

    /// <summary>The newest timeline seen on the intended primary.</summary>
    public uint NewestTimeline { get; init; }

    /// <summary>Where the primary's WAL was, recorded now and then, so that a restarted watchdog can still judge a candidate.</summary>
    public PrimaryPosition? LastPosition { get; init; }

    /// <summary>Nodes that a failover of ours replaced and that have not been seen as standbys since: fenced wherever they serve as primary.</summary>
    public ImmutableArray<string> Replaced { get; init; } = [];

    /// <summary>The procedure under way; null most of the time.</summary>
    public Procedure? Procedure { get; init; }

    /// <summary>The last automatic failover that ran to an end, good or bad.</summary>
    public FinishedFailover? LastFailover { get; init; }
}

/// <summary>A WAL position of the primary and when it was seen.</summary>
public sealed record PrimaryPosition(Lsn Lsn, DateTimeOffset Time);

/// <summary>A failover under way, as plain data: the next check goes on from here, also in a new process.</summary>
/// <param name="Epoch">The epoch this procedure began.</param>
/// <param name="From">The primary that was given up.</param>
/// <param name="To">The standby chosen.</param>
/// <param name="Step">What is being done.</param>
/// <param name="Attempts">How often the promotion was asked for.</param>
/// <param name="SilentSince">The primary's last sign of life, wall clock.</param>
/// <param name="DecidedAt">When the decision was made, wall clock.</param>
/// <param name="ExpectedLossBytes">WAL known to have been written that the candidate had not received at the decision.</param>
public sealed record Procedure(
    long Epoch, string From, string To, ProcedureStep Step, int Attempts,
    DateTimeOffset SilentSince, DateTimeOffset DecidedAt, long? ExpectedLossBytes);

/// <summary>The steps of a procedure. Later ones (fence, freeze, salvage, follow, rejoin) take their place here.</summary>
public enum ProcedureStep
{
    Unknown,

    /// <summary>The candidate is asked to promote itself until it says that it is primary.</summary>
    Promote,

    /// <summary>The request is taken back: the old primary serves again, or the candidate would not.</summary>
    Withdraw,
}

/// <summary>A failover that ran to its end.</summary>
public sealed record FinishedFailover(
    long Epoch, string From, string To, bool Succeeded,
    DateTimeOffset SilentSince, DateTimeOffset DecidedAt, DateTimeOffset FinishedAt, long? ExpectedLossBytes);
