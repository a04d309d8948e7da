using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>A failover under way, as plain data: the next check goes on from here, also in a new process.</summary>
/// <param name="From">The primary that is given up.</param>
/// <param name="To">The standby chosen: provisional until the election after the freeze.</param>
/// <param name="Step">What is being done.</param>
/// <param name="Verdict">What the decision rests on.</param>
/// <param name="SilentSince">The primary's last sign of life, wall clock.</param>
/// <param name="DecidedAt">When the decision was made, wall clock.</param>
public sealed record Procedure(string From, string To, ProcedureStep Step, string Verdict, DateTimeOffset SilentSince, DateTimeOffset DecidedAt)
{
    /// <summary>The boot of the watchdog's host that began it (boot_id, random(4)); empty where a journal does not say.</summary>
    public string Boot { get; init; } = "";

    /// <summary>How often the present step was tried.</summary>
    public int Attempts { get; init; }

    /// <summary>WAL known to have been written that the candidate had not received at the decision.</summary>
    public long? ExpectedLossBytes { get; init; }

    /// <summary>The last position of the old primary that anybody knew of, at the decision.</summary>
    public Lsn? KnownPosition { get; init; }

    /// <summary>How the old primary was proven to be stopped.</summary>
    public FencedBy FencedBy { get; init; }

    /// <summary>
    /// For how long, when it was found fenced, the candidate had received nothing: what was acknowledged in that time is lost unless it is salvaged, whether anybody saw its
    /// position or not. Null where that is not known, or where nothing keeps the old primary from going on.
    /// </summary>
    public TimeSpan? NotReceivedFor { get; init; }

    /// <summary>Standbys whose walreceivers were pointed nowhere.</summary>
    public ImmutableArray<string> Frozen { get; init; } = [];

    /// <summary>WAL shipped from the dead primary; null where that was not possible.</summary>
    public long? SalvagedBytes { get; init; }

    /// <summary>Shipping it was tried and did not work: what a standby lacks is not to be had from the old primary.</summary>
    public bool SalvageFailed { get; init; }

    /// <summary>The candidate's position when its promotion was asked for first.</summary>
    public Lsn? PromotedAt { get; init; }

    /// <summary>Candidates that did not become primary in their time: stopped, or being stopped.</summary>
    public ImmutableArray<string> PassedOver { get; init; } = [];

    /// <summary>When each step began, in order.</summary>
    public ImmutableArray<Phase> Phases { get; init; } = [];

    /// <summary>What every vantage point said when it was decided.</summary>
    public ImmutableArray<string> Evidence { get; init; } = [];

    /// <summary>Without standbys that have left the configuration; null where one of its two nodes has. The same instance where none has.</summary>
    public Procedure? Within(ClusterSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        bool Left(string name) => spec.Has(name) is null;
        return Left(From) || Left(To) ? null
            : !Frozen.Any(Left) && !PassedOver.Any(Left) ? this
            : this with { Frozen = Frozen.RemoveAll(Left), PassedOver = PassedOver.RemoveAll(Left) };
    }
}

/// <summary>The steps of a failover, in order; the last one is the way back.</summary>
public enum ProcedureStep
{
    Unknown,

    /// <summary>The hook before runs.</summary>
    HookBefore,

    /// <summary>The old primary is stopped, or waited for until it surely has stopped itself.</summary>
    Fence,

    /// <summary>The candidates' walreceivers are pointed nowhere, so that their positions stand still.</summary>
    Freeze,

    /// <summary>WAL that the candidate lacks is shipped from the dead primary.</summary>
    Salvage,

    /// <summary>The candidate is asked to promote itself until it says that it is primary.</summary>
    Promote,

    /// <summary>The candidate has not become primary in its time. It is stopped, and then the next one is elected.</summary>
    PassOver,

    /// <summary>The new primary is writable; the hook after runs.</summary>
    HookAfter,

    /// <summary>The failover is taken back before the promotion: the old primary serves again.</summary>
    Withdraw,
}

/// <summary>How the old primary was kept from writing.</summary>
public enum FencedBy
{
    /// <summary>Not at all, yet.</summary>
    Unknown,

    /// <summary>Its host says over SSH that no process is left and that it cannot start.</summary>
    Ssh,

    /// <summary>Its guard has surely stopped it: it was armed, and the time has passed.</summary>
    Guard,

    /// <summary>The configured command says so.</summary>
    Command,

    /// <summary>By nothing: Fencing is BestEffort.</summary>
    Nothing,
}

/// <summary>When a step began.</summary>
public sealed record Phase(ProcedureStep Step, DateTimeOffset At);

/// <summary>A failover that ran to its end.</summary>
/// <param name="Epoch">The epoch of the new primary, or of the old one where it failed.</param>
/// <param name="From">The old primary.</param>
/// <param name="To">The new one, or the one that would not be promoted.</param>
/// <param name="Succeeded">To is primary.</param>
/// <param name="FinishedAt">When To was seen as primary, or it was given up.</param>
/// <param name="EstimatedLossBytes">WAL known to have been written that the new primary has not; null where nobody knows.</param>
/// <param name="Procedure">All the rest: steps with times, evidence, salvage.</param>
public sealed record FinishedFailover(
    long Epoch, string From, string To, bool Succeeded, DateTimeOffset FinishedAt, long? EstimatedLossBytes, Procedure Procedure);
