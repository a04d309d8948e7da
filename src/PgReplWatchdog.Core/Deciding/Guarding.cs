using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>
/// The primary's guard is armed while a standby could take its place, with the standbys whose acknowledgement counts, and disarmed when none could.
/// What is remembered as armed is forgotten, on disk, before anything about it is changed: a promotion must never rest on an order that may not hold.
/// </summary>
public static class Guarding
{
    /// <summary>How often a guard that does not do as told is told again.</summary>
    internal static readonly TimeSpan BetweenAttempts = TimeSpan.FromSeconds(3);

    /// <summary>A guard looks at its order now and then: what it shows may be what it was told before. A new process does not know what that was.</summary>
    private static readonly TimeSpan SettlesWithin = TimeSpan.FromSeconds(2);

    /// <summary>By then a guard that has an order shows it, however slow its host is.</summary>
    private static readonly TimeSpan ShowsWithin = TimeSpan.FromSeconds(10);

    /// <summary>Replay that is paused for a moment, a lag, a host that misses one probe: each change of the order leaves the guard out of use for some 3 s.</summary>
    private static readonly TimeSpan NobodyFor = TimeSpan.FromSeconds(10);

    /// <summary>Called while the intended primary serves and nothing else is under way.</summary>
    /// <param name="now">What is known.</param>
    /// <param name="triedAt">When this process last told the guard something.</param>
    /// <param name="startedAt">This process's first look.</param>
    public static NextStep Next(Situation now, TimeSpan? triedAt, TimeSpan startedAt)
    {
        ArgumentNullException.ThrowIfNull(now);
        var memory = now.Memory;
        if (now.Observation.Find(memory.IntendedPrimary) is not { IsServingPrimary: true, Server: { } primary } node)
            return NextStep.Wait(memory);
        if (now.LeavesLease || Ownership.IsForeign(now.Spec, memory, primary.GuardOwner))
            return NextStep.Wait(memory.Guard is null ? memory : memory with { Guard = null });
        var wanted = Wanted(now, primary);
        var forgotten = memory.Guard is null ? memory : memory with { Guard = null };
        var mayHaveOrder = now.MayBeArmed == node.Node && primary.Version.HasGuard && now.Observation.Host(node.Node) is { IsReachable: true };
        var isTakenBack = wanted is null && IsNobodyForLong(now) && (primary.GuardOrderId is { Length: > 0 } || mayHaveOrder);
        ImmutableArray<WatchdogEvent> told = memory.Guard is null ? []
            : isTakenBack ? [new(EventKind.GuardChanged, $"taking back the lease of {node.Node}'s guard: no failover is possible: {WhyNobody(now)}")]
            : [Forgotten(node.Node)];
        if (primary.GuardOrderId == (wanted?.Id ?? ""))
        {
            var armed = wanted is null ? null : new ArmedGuard(node.Node, wanted, now.Observation.Time);
            return (armed is null && memory.Guard is null) || armed?.IsSameAs(memory.Guard) == true ? NextStep.Wait(memory)
                : armed is null || now.Observation.At - (triedAt ?? startedAt) < SettlesWithin ? new NextStep(forgotten, WatchdogAction.Nothing, told)
                : new NextStep(memory with { Guard = armed }, WatchdogAction.Nothing,
                    [new(EventKind.GuardChanged, $"the guard of {node.Node} is armed; vouchers: {string.Join(", ", wanted!.Vouchers)}")]);
        }
        if (wanted is null && primary.GuardOrderId is null && !mayHaveOrder)
            return new NextStep(forgotten, WatchdogAction.Nothing, told);
        return triedAt is { } tried && now.Observation.At - tried < BetweenAttempts
            ? new NextStep(forgotten, WatchdogAction.Nothing, told)
            : new NextStep(forgotten, wanted is null ? new WatchdogAction.DisarmGuard(node.Node, memory.LostOwner)
                : new WatchdogAction.ArmGuard(node.Node, wanted, memory.LostOwner), told);
    }

    /// <summary>The guard on record does not show its order.</summary>
    internal static WatchdogEvent Forgotten(string node) => new(EventKind.GuardChanged, $"the guard of {node} is not armed as it should be any more");

    /// <summary>
    /// The node whose guard may be armed: the one on record, or ordered by this process. A new process does not know what one before it has ordered, in this boot of its host.
    /// Cleared by the host's word that the order is gone, and where the guard shows that it has none, or another watchdog's.
    /// </summary>
    public static string? MayBeArmed(ClusterSpec spec, ClusterMemory memory, WorkingMemory working, ClusterObservation observation, bool leavesLease)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(working);
        ArgumentNullException.ThrowIfNull(observation);
        if (leavesLease)
            return null;
        if (memory.Guard is { } guard)
            return guard.Node;
        var node = working.StartedAt is null ? MayBeArmedBefore(spec, memory, observation.Boot) : working.MayBeArmed;
        var isGone = observation.Report is { Action: nameof(WatchdogAction.DisarmGuard), Succeeded: true } report && report.Node == node;
        // One that shows nothing at all has no session: it may have an order all the same.
        var showsNoOwn = observation.Find(node) is { IsServingPrimary: true, Server: { } server }
            && (server.GuardOrderId is "" || Ownership.IsForeign(spec, memory, server.GuardOwner));
        var wasJustTold = working.GuardToldAt is { } told && observation.At - told < ShowsWithin;
        return isGone || (showsNoOwn && !wasJustTold) ? null : node;
    }

    /// <summary>
    /// The node whose guard a process before this one may have armed, in this boot of its host: nobody knows what it has ordered. Null for a copy of the
    /// record: the lease is that of the watchdog that wrote it.
    /// </summary>
    public static string? MayBeArmedBefore(ClusterSpec spec, ClusterMemory memory, string boot)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(memory);
        return !memory.IsOf(boot) || Ownership.IsNamesake(spec, memory) ? null
            : memory.Guard?.Node ?? (spec.Policy.GuardTimeToLive > TimeSpan.Zero ? memory.IntendedPrimary : null);
    }

    /// <summary>
    /// The watchdog sees no answer of a primary that it cannot call failed: it does not renew the lease, and could not fail over. Where the host answers over
    /// SSH the lease is taken back, so that the primary does not depend on its standbys alone. Null where there is nothing to take back.
    /// </summary>
    public static NextStep? TakeBack(Situation now, TimeSpan? toldAt)
    {
        ArgumentNullException.ThrowIfNull(now);
        if (now.MayBeArmed is not { } node || now.Memory.Procedure is not null || now.Observation.Nodes.Any(other => other.IsServingPrimary))
            return null;
        if (now.Diagnosis.Verdict.IsFailure() || now.Observation.At - now.ServedAt < Patience(now.Policy))
            return null;
        // It lets others in. One that starts, recovers or shuts down may be gone the next moment, and then its guard is what counts.
        if (now.Observation.Host(node) is not { IsReachable: true, LocalAnswer: PortAnswer.Accepting } host || now.Observation.At - host.At > now.Policy.LateAfter)
            return null;
        var forgotten = now.Memory.Guard is null ? now.Memory : now.Memory with { Guard = null };
        ImmutableArray<WatchdogEvent> told = now.Memory.Guard is null ? []
            : [new(EventKind.GuardChanged, $"taking back the lease of {node}'s guard: {node} accepts connections, but the watchdog is not served and cannot renew the lease")];
        return now.Observation.At - toldAt < BetweenAttempts
            ? new NextStep(forgotten, WatchdogAction.Nothing, told)
            : new NextStep(forgotten, new WatchdogAction.DisarmGuard(node), told);
    }

    /// <summary>
    /// The watchdog does not see the primary, and standbys of its lease hear it: their hosts are asked for the guard's messages in the WAL that they receive.
    /// </summary>
    public static ImmutableArray<GuardQuestion> Questions(Situation now, FlushBounds bounds)
    {
        ArgumentNullException.ThrowIfNull(now);
        ArgumentNullException.ThrowIfNull(bounds);
        if (now.Memory.Guard is not { } guard || now.Memory.Procedure is not null
            || now.Diagnosis.Verdict != Verdict.ServingElsewhere || now.Diagnosis.Primary != guard.Node)
            return [];
        return
        [
            .. from node in now.Observation.Nodes
               where guard.Order.Vouchers.Contains(node.Node) && Diagnostician.Hears(node, guard.Node) && node.Server!.Version.ShowsMessages
               let after = bounds.AskAfter(node.Node, now.Observation.At)
               where after is not null
               select new GuardQuestion(node.Node, node.Server!.Timeline, after.Value),
        ];
    }

    /// <summary>
    /// Seen in this look, or when this process saw the guard last, or by the word of a standby. A new process goes by the record, unless that is older than
    /// a few checks or newer than the wall clock.
    /// </summary>
    public static TimeSpan? SeenAt(Policy policy, ClusterMemory memory, WorkingMemory working, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(working);
        ArgumentNullException.ThrowIfNull(observation);
        if (memory.Guard is not { } guard)
            return null;
        if (observation.Find(guard.Node) is { Server: { Role: Role.Primary } server, AnsweredAgo: var ago } && server.GuardOrderId == guard.Order.Id)
            return observation.At - ago;
        if (working.StartedAt is not null)
            return Testified(guard.Order, working, observation);
        var age = observation.Time - guard.SeenAt;
        return age >= TimeSpan.Zero && age <= policy.LateAfter ? observation.At - age : null;
    }

    /// <summary>
    /// When the guard was seen last, by this process or by the word of a standby. Null where a standby that hears the primary receives nothing from
    /// the guard any more: what was seen before does not count then.
    /// </summary>
    public static TimeSpan? Testified(GuardOrder order, WorkingMemory working, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(order);
        ArgumentNullException.ThrowIfNull(working);
        ArgumentNullException.ThrowIfNull(observation);
        var seen = working.GuardSeenAt;
        foreach (var testimony in observation.Testimonies.Where(testimony => order.Vouchers.Contains(testimony.Node)))
        {
            if (testimony.OrderId != order.Id || testimony.Owner != order.Owner)
            {
                var heardAt = observation.At - (observation.Find(testimony.Node)?.HeardAgo ?? TimeSpan.MaxValue / 2);
                if (testimony.OrderId.Length > 0 || working.FlushBounds.ShouldHaveMore(testimony.Node, testimony.After, heardAt))
                    return null;
            }
            else if (testimony.Flushed is { } flushed && working.FlushBounds.LastBefore(testimony.Node, flushed) is { } at && !(seen >= at))
                seen = at;
        }
        return seen;
    }

    /// <summary>Two missed checks.</summary>
    private static TimeSpan Patience(Policy policy) => 2 * (policy.CheckInterval + policy.ProbeTimeout);

    /// <summary>
    /// Since when no standby could take the place of a primary that vanished; null while one could. While one cannot say whether it hears the primary,
    /// the primary would not be found down. Nobody knows what was so between two checks that lie far apart.
    /// </summary>
    public static TimeSpan? NobodySince(
        Policy policy, WorkingMemory working, PrimaryTrail trail, ImmutableArray<Candidate> candidates, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(working);
        ArgumentNullException.ThrowIfNull(trail);
        ArgumentNullException.ThrowIfNull(observation);
        if (candidates.Any(CouldBePromoted) && !candidates.Any(candidate => candidate.IsUnreadable))
            return null;
        return observation.At - working.LookedAt?.At <= policy.LateAfter && working.NobodySince is { } before ? before : observation.At;

        // What is under way arrives: only a standby that lacks older WAL than the lease lasts renews nothing, and would be too far behind as well.
        bool CouldBePromoted(Candidate candidate) => candidate.Reasons.All(reason => reason.Gate == Gate.CandidateTooFarBehind
            && candidate.Position is { } position && !(trail.TimeSincePassed(position, observation.At) >= policy.GuardTimeToLive));
    }

    private static bool IsNobodyForLong(Situation now) => now.Observation.At - now.NobodySince >= NobodyFor;

    /// <summary>
    /// The standbys that the primary itself sees streaming and that can be detached. None while nobody could be promoted: the lease would stop a healthy
    /// primary for nothing. One that may be armed is kept for a while.
    /// </summary>
    private static GuardOrder? Wanted(Situation now, ServerFacts primary)
    {
        if (now.Memory is { Other: not null } or { Later: not null })
            return null; // no failover begins
        if (now.Policy.GuardTimeToLive <= TimeSpan.Zero || !primary.Version.HasGuard || !now.Policy.Automatic || now.Observation.Wish.Paused || now.Observation.InFreezeWindow || Gates.IsTooSoon(now))
            return null;
        var vouchers = now.Spec.Nodes
            .Where(node => node.Priority > 0 && now.Observation.Find(node.Name) is { IsServingStandby: true, Server: { } standby }
                && standby.Timeline >= now.Memory.NewestTimeline // gate CandidateTimeline
                && now.Hosts.IsProven(node.Name, now.Observation) // it has to be detached before a failover rests on the guard
                && now.Observation.Host(node.Name) is not { TakesNoWrites: true }
                && now.Observation.Host(node.Name) is not { DetachObstacle.Length: > 0 }
                && primary.WalSenders.Any(sender => sender.ApplicationName == node.Name && sender.State == "streaming"))
            .Select(node => node.Name).Order(StringComparer.Ordinal).ToImmutableArray();
        if (vouchers.IsEmpty)
            return null;
        var order = new GuardOrder(now.Policy.GuardTimeToLive, vouchers, now.Spec.Owner);
        return now.NobodySince is null || (now.MayBeArmed == now.Memory.IntendedPrimary && !IsNobodyForLong(now)) ? order : null;
    }

    private static string WhyNobody(Situation now) =>
        string.Join("; ", now.Candidates.SelectMany(candidate => candidate.Reasons).Select(reason => reason.Sentence));
}
