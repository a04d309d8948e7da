using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>Everything that a rule may look at: what was configured, remembered, seen and concluded so far in this check.</summary>
public sealed record Situation(ClusterSpec Spec, ClusterMemory Memory, Diagnosis Diagnosis, Suspicion Suspicion, ClusterObservation Observation)
{
    public Policy Policy => Spec.Policy;

    /// <summary>Since when each standby has received nothing new.</summary>
    public Receipts Receipts { get; init; } = Receipts.None;

    /// <summary>The times on record, on the monotonic clock.</summary>
    public Moments Moments { get; init; } = Moments.None;

    /// <summary>How long ago a time on record was.</summary>
    public TimeSpan Since(DateTimeOffset time) => Moments.Since(time, Observation);

    /// <summary>The timeline that the expected primary wrote in the look before.</summary>
    public uint SeenTimeline { get; init; }

    /// <summary>The system identifier that the primary showed in the look before; null where none was seen.</summary>
    public ulong? SeenSystem { get; init; }

    /// <summary>Whether the replay of each standby moves.</summary>
    public Replays Replays { get; init; } = Replays.None;

    /// <summary>When each host last answered over SSH.</summary>
    public HostProofs Hosts { get; init; } = HostProofs.None;

    /// <summary>Every node but the primary, best candidate first.</summary>
    public ImmutableArray<Candidate> Candidates { get; init; } = [];

    /// <summary><see cref="Guarding.NobodySince"/>, on the monotonic clock.</summary>
    public TimeSpan? NobodySince { get; init; }

    /// <summary>The primary's position when it was last seen; null where that says nothing any more.</summary>
    public Lsn? KnownPosition { get; init; }

    public TimeSpan Silence => Suspicion.SilenceAt(Observation.At);

    /// <summary>The node that a failover would replace, or is replacing.</summary>
    public string? OldPrimary => Memory.Procedure?.From ?? Diagnosis.Primary;

    /// <summary>How long is still to wait until the present finding may lead to a failover; null where it never does.</summary>
    public TimeSpan? StillToWait
    {
        get
        {
            var (since, threshold) = Diagnosis.Verdict switch
            {
                // Its guard has stopped it: it was silent for the guard's time, and does not start again by itself.
                Verdict.Crashed when Observation.Host(Diagnosis.Primary) is { IsDead: true, BlockedByGuard: true } => (TimeSpan.Zero, TimeSpan.Zero),
                Verdict.Crashed => (Suspicion.StandsFor(Observation.At), Policy.CrashedThreshold),
                Verdict.Stopped when Policy.FailoverWhenStopped => (Suspicion.StandsFor(Observation.At), Policy.UnreachableThreshold),
                Verdict.Hung => (Suspicion.StandsFor(Observation.At), Policy.UnreachableThreshold),
                Verdict.Down => (Silence, Policy.UnreachableThreshold),
                _ => (TimeSpan.Zero, (TimeSpan?)null),
            };
            return threshold is not { } enough ? null : since >= enough ? TimeSpan.Zero : enough - since;
        }
    }

    /// <summary>
    /// By what the old primary is known to be stopped, now. Unknown: by nothing.
    /// </summary>
    public FencedBy FencedBy =>
        Observation.Host(OldPrimary) is { IsFenced: true } ? FencedBy.Ssh
        : Memory.Procedure is { FencedBy: FencedBy.Command } ? FencedBy.Command
        : Observation.Host(OldPrimary) is { IsReachable: true } ? FencedBy.Unknown
        : GuardStillToWait is { } wait && wait <= TimeSpan.Zero ? FencedBy.Guard
        : FencedBy.Unknown;

    /// <summary>
    /// How long until the old primary's guard has surely stopped it; null where it was not armed or a voucher cannot be asked. Its time counts from the last
    /// sign of life of anybody, and from the look in which a voucher had received something new: between two looks, or while it could not be asked, it may
    /// have acknowledged what nobody saw it hear.
    /// </summary>
    public TimeSpan? GuardStillToWait => IsGuarded && SilentVouchers.IsEmpty
        ? Policy.SurelyStoppedAfter(Memory.Guard!.Order.TimeToLive) - Memory.Guard.Order.Vouchers.Select(node => Observation.At - (Receipts.Since(node) ?? Observation.At)).Append(Silence).Min()
        : null;

    /// <summary>
    /// The old primary's guard was seen armed within a few checks of the primary's last sign of life, and nothing has been changed about the guard since.
    /// A primary that goes on out of the watchdog's sight may lose its guard there.
    /// </summary>
    public bool IsGuarded => Policy.GuardTimeToLive > TimeSpan.Zero && Memory.Guard is { } guard && guard.Node == OldPrimary
        && GuardSeenAt is { } seen && Suspicion.LastHeard - seen <= Policy.LateAfter;

    /// <summary>When the guard with the order on record was seen last, on the monotonic clock; null where nobody knows.</summary>
    public TimeSpan? GuardSeenAt { get; init; }

    /// <summary><see cref="Ownership.LeavesLease"/>.</summary>
    public bool LeavesLease { get; init; }

    /// <summary>When the intended primary was seen serving last, on the monotonic clock.</summary>
    public TimeSpan ServedAt { get; init; }

    /// <summary>The node whose guard may be armed (<see cref="WorkingMemory.MayBeArmed"/>).</summary>
    public string? MayBeArmed { get; init; }

    /// <summary><see cref="WorkingMemory.WaitedAt"/>.</summary>
    public TimeSpan? WaitedAt { get; init; }

    /// <summary>Those whose acknowledgement counts for the guard and who cannot be asked whether they still give it.</summary>
    public ImmutableArray<string> SilentVouchers =>
        Memory.Guard is { } guard ? [.. guard.Order.Vouchers.Where(node => Observation.Find(node) is not { IsServingStandby: true, Server.ReadsStatistics: true })] : [];
}
