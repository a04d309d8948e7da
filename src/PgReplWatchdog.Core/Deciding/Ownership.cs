using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>A cluster has one watchdog: two would disarm each other's guard and promote different standbys (docs/decisions/0018).</summary>
public static class Ownership
{
    /// <summary>
    /// A session that has asked nothing for longer is a watchdog that is gone, unless it checks seldom, or a guard lives long: it may be on the other
    /// side of a partition, and count on its lease until the guard has surely stopped the primary.
    /// </summary>
    private static readonly TimeSpan GoneAfter = TimeSpan.FromSeconds(10);

    /// <summary>
    /// What this look says of other watchdogs. One that was seen stays on record until the expected primary serves and shows neither its session nor its
    /// lease: what cannot be seen may be on the other side of a partition. The same instance where nothing changes.
    /// </summary>
    public static ClusterMemory Looked(ClusterSpec spec, ClusterMemory memory, ClusterObservation observation, TakeoverRequest? refused = null)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(observation);
        if (spec.Owner.Length == 0)
            return memory;
        var alive = Alive(spec, observation);
        var other = alive ?? Leased(spec, memory, observation) ?? (IsGone(memory, observation) ? null : memory.Other);
        var lost = alive?.Owner == memory.LostOwner || IsReplaced(spec, memory, observation) ? "" : memory.LostOwner;
        // One that was refused while the other one was alive is asked anew: that one may only be out of sight now.
        if (alive is null && Request(memory, observation) is { } request && request != refused && (other is null || other.Owner == request.Owner))
            (other, lost) = (null, request.Owner);
        return other == memory.Other && lost == memory.LostOwner ? memory : memory with { Other = other, LostOwner = lost };
    }

    /// <summary>Another watchdog that has asked a node of the cluster something lately; null where no node shows one.</summary>
    public static OtherWatchdog? Alive(ClusterSpec spec, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(observation);
        var patience = 3 * (spec.Policy.CheckInterval + spec.Policy.ProbeTimeout);
        var limit = new[] { patience, GoneAfter, spec.Policy.GuardSurelyStopped }.Max().TotalSeconds;
        return observation.Nodes.Where(node => node.Server is not null)
            .SelectMany(node => node.Server!.Watchdogs, (node, session) => (node.Node, Session: session))
            .Where(seen => (seen.Session.Owner != spec.Owner || !seen.Session.FromHere) && seen.Session.AskedSecondsAgo <= limit)
            .Select(seen => new OtherWatchdog(seen.Session.Owner, seen.Node, seen.Session.Address))
            .FirstOrDefault();
    }

    /// <summary>
    /// A watchdog with the same name watches as well: nobody can tell whose lease it is. The other one may be cut off, and count on it. It is neither renewed nor taken away. The
    /// process that saw the lease until just now, or is taking it away, holds it. Where none does, and the other one has just asked the primary, it has seen this one there as well,
    /// and counts on nothing: then the lease is taken away.
    /// </summary>
    public static bool LeavesLease(ClusterSpec spec, ClusterMemory memory, WorkingMemory working, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(working);
        ArgumentNullException.ThrowIfNull(observation);
        if (!IsNamesake(spec, memory))
            return false;
        var (now, late, holding) = (observation.At, spec.Policy.LateAfter, spec.Policy.LateAfter + Guarding.BetweenAttempts);
        var holds = now - working.GuardSeenAt <= late || now - working.GuardToldAt <= holding;
        var isSeen = now - working.NamesakeAt > holding && now - working.ServedAt <= late
            && observation.Find(memory.IntendedPrimary)?.Server is { Role: Role.Primary } primary && primary.Watchdogs.Any(session => session.Owner == spec.Owner && !session.FromHere
                && session.AskedSecondsAgo <= (spec.Policy.CheckInterval + spec.Policy.ProbeTimeout).TotalSeconds);
        return !holds && !isSeen;
    }

    /// <summary>The other watchdog on record has this one's name.</summary>
    public static bool IsNamesake(ClusterSpec spec, ClusterMemory memory)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(memory);
        return memory.Other is { } other && other.Owner == spec.Owner;
    }

    /// <summary>What is done about an operator's request to take over, and what keeps it waiting, is told once.</summary>
    public static NextStep Tell(ClusterMemory before, TakeoverRequest? told, ClusterSpec spec, ClusterObservation observation, NextStep step)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(observation);
        ArgumentNullException.ThrowIfNull(step);
        if (Request(before, observation) is not { } request)
            return step;
        if (step.Memory.LostOwner == request.Owner)
            return With(EventKind.TakenOver, $"this watchdog takes over from watchdog {request.Owner}, as {request.By} asked");
        return request != told && Alive(spec, observation) is { } alive
            ? With(EventKind.TakeoverWaits, $"{request.By} asked to take over: {alive.Described} is alive. Stop it first, then run pgwatchdog takeover {spec.Name} again")
            : step;

        NextStep With(EventKind kind, string sentence) => step with { Events = step.Events.Insert(0, new(kind, sentence)) };
    }

    /// <summary>The request that is about the watchdog on record; null where there is none.</summary>
    private static TakeoverRequest? Request(ClusterMemory memory, ClusterObservation observation) =>
        observation.Wish.TakeOver is { } request && request.Owner == memory.Other?.Owner
            && observation.Time >= request.At && observation.Time - request.At <= Adoption.RequestHolds ? request : null;

    /// <summary>The guard of a primary lives by another watchdog's order.</summary>
    private static OtherWatchdog? Leased(ClusterSpec spec, ClusterMemory memory, ClusterObservation observation) =>
        observation.Nodes.Where(node => node.IsServingPrimary && IsForeign(spec, memory, node.Server!.GuardOwner))
            .Select(node => new OtherWatchdog(node.Server!.GuardOwner, node.Node, "")).FirstOrDefault();

    /// <summary>The expected primary lives by this watchdog's lease: what another one armed later was not declared lost.</summary>
    private static bool IsReplaced(ClusterSpec spec, ClusterMemory memory, ClusterObservation observation) =>
        observation.Find(memory.IntendedPrimary) is { IsServingPrimary: true, Server: { GuardOrderId.Length: > 0 } server } && server.GuardOwner == spec.Owner;

    /// <summary>The owner is neither this watchdog nor one that an operator has declared lost.</summary>
    public static bool IsForeign(ClusterSpec spec, ClusterMemory memory, string owner)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(owner);
        return owner.Length > 0 && owner != spec.Owner && owner != memory.LostOwner;
    }

    /// <summary>The expected primary tells who asks it and what its guard lives by, and the other one is not among them. A guard without a session tells nothing.</summary>
    private static bool IsGone(ClusterMemory memory, ClusterObservation observation) =>
        observation.Nodes.Any(node => node is { IsServingPrimary: true, Server: { ReadsStatistics: true } server }
            && (memory.IntendedPrimary ?? node.Node) == node.Node
            && (memory.Other is not { Address: "" } || server.GuardOrderId is not null));
}
