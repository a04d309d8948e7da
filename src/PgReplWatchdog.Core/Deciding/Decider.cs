using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>The only public door to a decision: configuration, memory and one look in, a decision out. No I/O, no clock, no randomness.</summary>
public static class Decider
{
    /// <summary>How often a replaced primary that may come back is looked at.</summary>
    private static readonly TimeSpan ReturnLookInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>One look alone never leads to a failover; where a host itself says that PostgreSQL is gone, the second comes soon.</summary>
    private static readonly TimeSpan SecondLookInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// Timers run out some milliseconds early. A look that ends just before the threshold decides nothing, and the next one takes as long again.
    /// </summary>
    private static readonly TimeSpan TimerMargin = TimeSpan.FromMilliseconds(20);

    public static Decision Decide(ClusterSpec spec, ClusterMemory memory, WorkingMemory working, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(working);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(observation);
        observation = observation.WithoutAliases(memory.IntendedPrimary);
        var followed = working.Followed.Looked(observation, memory.NewestTimeline);
        observation = followed.In(observation);
        working = working.Awake(observation, spec.Policy.LateAfter);
        var before = memory;
        // Of a copied record: another watchdog may count on that lease.
        if (working.StartedAt is null && memory.Guard is not null && !memory.IsOf(observation.Boot))
            memory = memory with { Guard = null };
        if (memory.Other is null && working.Other is not null)
            memory = memory with { Other = working.Other };
        memory = Ownership.Looked(spec, memory, observation, working.TakeoverTold);
        memory = Epochs.Looked(memory, observation);
        var looked = memory;
        var flushing = working.Flushing.Looked(observation, Diagnostician.Subject(memory, observation));
        var arrivals = working.Arrivals.Looked(observation, memory, spec.Policy.LateAfter);
        var claim = working.Claim.Looked(spec.Policy, memory, observation, Diagnostician.IsHeard(observation, memory),
            silentFor: observation.At - working.Suspicion.LastHeard);
        var sight = working.Sight.Looked(
            observation, memory, IsAlive(memory, observation), IsFresh(spec.Policy, memory, observation), spec.Policy.LateAfter);
        var diagnosis = Diagnostician.Diagnose(memory, observation, flushing.HangsFor(observation.At), claim.IsProven ? claim.Node : null,
            memory.Procedure is { Step: ProcedureStep.Salvage or ProcedureStep.Promote or ProcedureStep.PassOver } ? [] : arrivals.Receiving, // what is salvaged arrives as well
            sight.Unaccounted);
        var primary = observation.Find(diagnosis.Primary)?.Server is { Role: Role.Primary } serving
            && (memory.SystemIdentifier ?? serving.SystemIdentifier) == serving.SystemIdentifier ? serving : null; // another server's position is none of this cluster's
        var suspicion = working.Suspicion.Looked(observation.At, SignOfLife(diagnosis, observation), spec.Policy.LateAfter,
            diagnosis.Verdict.IsFailure() ? diagnosis.Verdict.ToString() : "", Heard(diagnosis, observation, arrivals, memory),
            observation.Find(diagnosis.Primary)?.AnsweredAgo ?? TimeSpan.Zero);
        var trail = primary?.CurrentLsn is { } current
            && (claim.IsProven || Learning.IsBelieved(memory, working.SeenTimeline, primary.Timeline))
            ? working.Trail.Add(observation.At, current) : working.Trail;
        var receipts = working.Receipts.Looked(observation);
        var replays = working.Replays.Looked(observation, observation.Find(memory.IntendedPrimary) is { IsServingPrimary: true });
        var hosts = working.Hosts.Looked(observation);
        var known = Known(spec.Policy, trail, memory, suspicion, observation);
        var flushBounds = working.FlushBounds.Looked(observation, 2 * spec.Policy.LateAfter);
        var guardSeenAt = Guarding.SeenAt(spec.Policy, memory, working with { FlushBounds = flushBounds }, observation);
        var leavesLease = Ownership.LeavesLease(spec, memory, working, observation);
        var mayBeArmed = Guarding.MayBeArmed(spec, memory, working, observation, leavesLease);
        var servedAt = observation.Find(memory.IntendedPrimary) is { IsServingPrimary: true } ? observation.At : working.ServedAt ?? observation.At;
        var candidates = CandidateSelection.Assess(spec, memory, known, diagnosis.Primary, observation, new CandidateDoubts(replays, hosts));
        var now = new Situation(spec, memory, diagnosis, suspicion, observation)
        {
            GuardSeenAt = guardSeenAt,
            LeavesLease = leavesLease,
            MayBeArmed = mayBeArmed,
            WaitedAt = WaitedAt(spec.Policy, working, observation, mayBeArmed),
            ServedAt = servedAt,
            KnownPosition = known,
            Receipts = receipts,
            Moments = working.Moments.Looked(memory, observation),
            SeenTimeline = working.SeenTimeline,
            SeenSystem = working.SeenSystem,
            Replays = replays,
            Hosts = hosts,
            Candidates = candidates,
            NobodySince = Guarding.NobodySince(spec.Policy, working, trail, candidates, observation),
        };
        var gates = Gates.Shut(now);
        var startedAt = working.StartedAt ?? observation.At;
        var step = Adoption.Tell(now, working.AdoptionTold, Next(now, gates, working, startedAt));
        step = Epochs.Tell(before, looked, step);
        step = Ownership.Tell(before, working.TakeoverTold, spec, observation, step);

        var lookAgainIn = LookAgainIn(now, step.Memory, gates);

        return new Decision
        {
            Diagnosis = diagnosis,
            Gates = gates,
            Candidates = now.Candidates,
            Lags = observation.Nodes.Where(node => node.Node != diagnosis.Primary)
                .ToImmutableDictionary(node => node.Node, node => Lag.Between(primary, node.Server, trail, observation.At)),
            Silence = now.Silence,
            Memory = step.Memory,
            Working = new WorkingMemory
            {
                LookedAt = (observation.At, observation.Time),
                Suspicion = suspicion,
                Trail = trail,
                Receipts = receipts,
                Replays = replays,
                Hosts = hosts,
                Flushing = flushing,
                Arrivals = arrivals,
                Claim = claim,
                Moments = now.Moments.Looked(step.Memory, observation),
                Sight = sight,
                FlushBounds = flushBounds,
                Followed = followed,
                SeenTimeline = observation.Find(memory.IntendedPrimary)?.Server is { Role: Role.Primary, Timeline: var timeline } ? timeline : 0,
                SeenSystem = observation.Find(diagnosis.Primary)?.Server?.SystemIdentifier,
                AdoptionTold = observation.Wish.Adopt,
                TakeoverTold = observation.Wish.TakeOver,
                Other = looked.Other,
                NamesakeAt = Ownership.IsNamesake(spec, looked) ? working.NamesakeAt ?? observation.At : null,
                MarkedAt = step.Action is WatchdogAction.RecordEpoch record
                    ? working.MarkedAt.SetItem(record.Node, observation.At) : working.MarkedAt,
                StartedAt = startedAt,
                GuardSeenAt = leavesLease ? null : step.Memory.Guard is { } armed && !armed.IsSameAs(memory.Guard) ? observation.At : guardSeenAt,
                GuardToldAt = step.Action is WatchdogAction.ArmGuard or WatchdogAction.DisarmGuard ? observation.At : working.GuardToldAt,
                ServedAt = servedAt,
                WaitedAt = now.WaitedAt,
                NobodySince = now.NobodySince,
                MayBeArmed = step.Action is WatchdogAction.ArmGuard arm ? arm.Node : step.Memory.Guard?.Node
                    // An order on a node that was replaced stays: without it that node might start as a primary.
                    ?? (mayBeArmed == step.Memory.IntendedPrimary ? mayBeArmed : null),
            },
            Action = step.Action,
            Events = step.Events,
            Inquiry = new Inquiry(spec.Has(step.Memory.Procedure?.From ?? step.Memory.IntendedPrimary), diagnosis.Verdict is not (Verdict.Serving or Verdict.Busy),
                [
                    .. Watched(step.Memory).Union(new[] { claim.Node, LeftTriggerFile(observation) }.OfType<string>()),
                ], Again: step is { Action: not WatchdogAction.None, Memory.Procedure: not null })
            {
                Guard = Guarding.Questions(now with { Memory = step.Memory }, flushBounds),
                Renews = leavesLease ? null : step.Memory.Procedure is { Step: ProcedureStep.Withdraw } takenBack ? takenBack.From : step.Memory.IntendedPrimary,
            },
            LookAgainIn = lookAgainIn,
            NotSooner = diagnosis.Verdict.IsFailure() && IsWaitedFor(now) && step.Memory.Procedure is null && lookAgainIn < spec.Policy.CheckInterval + spec.Policy.ProbeTimeout,
        };
    }

    /// <summary>The nodes whose hosts are asked in each look: something is done there, or may be.</summary>
    private static IEnumerable<string> Watched(ClusterMemory memory) =>
        memory.Replaced.Union(memory.Returning.Select(back => back.Node))
            .Union(memory.Procedure is { Step: ProcedureStep.Withdraw or ProcedureStep.Promote or ProcedureStep.PassOver } procedure ? [procedure.To] : []);

    /// <summary>
    /// The threshold is reached between two regular checks: one more is due so as to end just then. A dead host's primary is looked at again soon. And a replaced
    /// primary whose host answers may start at any moment: each second that it serves costs rows.
    /// </summary>
    private static TimeSpan? LookAgainIn(Situation now, ClusterMemory memory, ImmutableArray<ShutGate> gates)
    {
        if (memory.Procedure is not null)
            return ReturnLookInterval;
        if (now.Diagnosis.Verdict.IsFailure() && gates.All(gate => gate.Gate is Gate.ThresholdNotReached or Gate.OldPrimaryNotFenced) && now.StillToWait is { } wait)
        {
            // A look at a silent node takes as long as it is waited for: it is to end when the threshold is reached.
            // One that is answered takes about as long as the one before; it is not to end too soon.
            var takes = IsWaitedFor(now) ? now.Policy.ProbeTimeout - TimerMargin : 0.75 * now.Observation.Took;
            if (gates.All(gate => gate.Gate != Gate.OldPrimaryNotFenced))
                return Longest(wait - takes, SecondLookInterval);
            if (now.GuardStillToWait is { } guard)
                return Longest(wait - takes, guard - takes, SecondLookInterval);
        }
        // A walreceiver may not have noticed yet that its primary is gone: it does within milliseconds, unless a relay stands between the two.
        if (now.Diagnosis.Verdict == Verdict.ServingElsewhere && now.Observation.Host(now.OldPrimary) is { IsDead: true })
            return now.Observation.At - now.ServedAt < 2 * now.Policy.CheckInterval ? SecondLookInterval : ReturnLookInterval;
        return memory.Replaced.Any(node => now.Observation.Find(node) is { Reach: Reach.Refused or Reach.Alive }) ? ReturnLookInterval : null;
    }

    /// <summary>A look lasts as long as a silent server, or host, is waited for.</summary>
    private static bool IsWaitedFor(Situation now) =>
        now.Diagnosis.Verdict == Verdict.Down || now.Observation.Find(now.OldPrimary) is { Reach: Reach.Unreachable };

    private static TimeSpan Longest(params TimeSpan[] times) => times.Max();

    /// <summary>Fencing first (two primaries cost data by the second), then what is under way, then what is new, then what mends and keeps.</summary>
    private static NextStep Next(
        Situation now, ImmutableArray<ShutGate> gates, WorkingMemory working, TimeSpan startedAt)
    {
        var guardToldAt = working.GuardToldAt;
        if (now.Observation.IsLate)
            return Late(now);
        if (Adoption.AsRequested(now) is { } adopted)
            return adopted;
        // Nothing is done to any node by a record that is proven to be old.
        if (now.Memory.Later is null && Due(now, gates) is { } due)
            return due;
        var learned = Learning.Next(now);
        // A promotion that was asked for may still come about: the trigger file is removed.
        if (now.Memory.Procedure is { PromotedAt: not null } asked && learned.Memory.Procedure is null
            && learned.Memory.IntendedPrimary != asked.To)
            return learned with { Action = new WatchdogAction.WithdrawPromotion(asked.To) };
        if (now.Diagnosis.Verdict != Verdict.Serving || learned.Memory.IntendedPrimary != now.Diagnosis.Primary)
            return Guarding.TakeBack(now with { Memory = learned.Memory }, guardToldAt) ?? learned;
        now = now with { Memory = learned.Memory };
        var guarding = Guarding.Next(now, guardToldAt, startedAt); // first: a guard that is not as remembered is forgotten whatever else is done
        if (now.Observation.At - now.WaitedAt < now.Policy.CheckInterval + now.Policy.ProbeTimeout)
            return guarding with { Action = WatchdogAction.Nothing, Events = [.. learned.Events, .. guarding.Events] };
        if (now.Memory.Later is null && LeftTriggerFile(now.Observation) is { } promotes)
            return learned with { Action = new WatchdogAction.WithdrawPromotion(promotes) };
        var next = guarding.Action is WatchdogAction.None && now.Memory.Later is null
            ? Returning.Next(now with { Memory = guarding.Memory }) : guarding;
        next = next with { Events = [.. learned.Events, .. guarding.Events, .. ReferenceEquals(next, guarding) ? [] : next.Events] };
        return Epochs.Mark(now, working.MarkedAt, next);
    }

    /// <summary>Nothing is begun by a late look, nor counted as an attempt. A guard that did not show its order is not believed any more all the same.</summary>
    private static NextStep Late(Situation now) =>
        now.Memory is { Guard: { } guard, Procedure: null } && now.Observation.Find(guard.Node) is { IsServingPrimary: true, Server: { } server } && server.GuardOrderId != guard.Order.Id
            ? new NextStep(now.Memory with { Guard = null }, WatchdogAction.Nothing, [Guarding.Forgotten(guard.Node)])
            : NextStep.Wait(now.Memory);

    /// <summary>
    /// When an action last had to wait for a host while a lease may be armed. A guard hears in one question of what was seen in the one before: some questions lie between two such
    /// waits, or a primary that only the watchdog acknowledges is stopped (<see cref="Policy.BetweenRenewals"/>).
    /// </summary>
    private static TimeSpan? WaitedAt(Policy policy, WorkingMemory working, ClusterObservation observation, string? mayBeArmed) =>
        mayBeArmed is not null && observation.Report is not null && observation.At - working.LookedAt?.At > policy.CheckInterval + policy.ProbeTimeout
            ? observation.At : working.WaitedAt;

    /// <summary>
    /// Nobody is to be promoted, and a trigger file is there: of a promotion that a process before this one asked for, by a
    /// record that is gone. A standby that is started with it would become a second primary.
    /// </summary>
    private static string? LeftTriggerFile(ClusterObservation observation) =>
        observation.Hosts.FirstOrDefault(host => host is { IsReachable: true, HasTriggerFile: true })?.Node;

    /// <summary>Fencing, the failover under way, or one that begins; null where nothing of that is due.</summary>
    private static NextStep? Due(Situation now, ImmutableArray<ShutGate> gates)
    {
        var memory = now.Memory;
        // The one that is being replaced is the procedure's own business: if it serves again before it is replaced, the failover is taken back.
        var beingReplaced = memory.Procedure is { Step: not ProcedureStep.HookAfter } underWay ? underWay.From : null;
        if (memory.Replaced.FirstOrDefault(node => node != beingReplaced && IsStale(memory, now.Observation, node)) is { } replaced)
            return new NextStep(memory, new WatchdogAction.Fence(replaced), []);
        if (memory.Procedure is { } procedure)
        {
            var next = Failover.Continue(now, procedure);
            // Held, it may wait for one that is to be a standby, and may have become primary (Sight): until it is blocked.
            return next is { Action: WatchdogAction.None, Memory.Procedure: not null } && !now.Diagnosis.Verdict.IsFailure()
                ? Block(next.Memory, now.Observation, beingReplaced) ?? next : next;
        }
        if (gates.IsEmpty && now.Candidates is [{ IsEligible: true } candidate, ..])
            return Failover.Begin(now, candidate);
        return Block(memory, now.Observation);
    }

    private static NextStep? Block(ClusterMemory memory, ClusterObservation observation, string? except = null) =>
        Displaced(memory, observation).FirstOrDefault(node => node != except && MayStart(observation, node)) is not { } unblocked ? null
        : new NextStep(memory, new WatchdogAction.Fence(unblocked),
            [new(EventKind.FencingDecided, $"{unblocked} is to be a standby, is stopped, and has no start block of the watchdog: blocking it")]);

    /// <summary>
    /// A primary of this cluster on an older timeline than the one that replaced it. While the intended primary serves also a copy of it, and one on
    /// a timeline that an operator gave up. On a newer timeline, or on another one of the same or a lower number, an operator has promoted it since. With
    /// another system identifier it is another server. None of those is ours to stop.
    /// </summary>
    internal static bool IsStale(ClusterMemory memory, ClusterObservation observation, string node) => observation.Find(node) is { IsServingPrimary: true, Server: { } server }
        && server.SystemIdentifier == memory.SystemIdentifier
        && ((server.Timeline < memory.NewestTimeline && !Histories.IsOther(memory, observation, node, server.Timeline))
            || (node != memory.IntendedPrimary && observation.Find(memory.IntendedPrimary) is { IsServingPrimary: true, Server: { } intended }
                && intended.SystemIdentifier == memory.SystemIdentifier
                && (server.Timeline < intended.Timeline || memory.HasAbandoned(node, server.Timeline)
                    || (server.Timeline == intended.Timeline && Histories.IsCopied(memory, observation, node)))));

    /// <summary>Nodes whose data may be that of a primary: those that were replaced, and those on which a rewind or a copy was begun.</summary>
    private static IEnumerable<string> Displaced(ClusterMemory memory, ClusterObservation observation) =>
        memory.Replaced.Union(memory.Following.Where(node => observation.Host(node)?.Job?.Epoch == memory.Epoch))
            .Where(node => !Histories.WasPromotedManually(memory, observation, node));

    /// <summary>One that is stopped without a start block (its disk was full, it was fenced from afar). Where that just failed, the rest has its turn.</summary>
    private static bool MayStart(ClusterObservation observation, string node) =>
        observation.Host(node) is { IsDead: true, IsFenced: false, StandbySignal: false, Job: not { Running: true } }
        && observation.Report is not { Action: nameof(WatchdogAction.Fence), Succeeded: false };

    /// <summary>
    /// The newest moment at which somebody had a sign of life; null where this look brought none. An answer that says nothing
    /// counts as one: it must not bring a failover nearer.
    /// </summary>
    private static TimeSpan? SignOfLife(Diagnosis diagnosis, ClusterObservation observation)
    {
        if ((diagnosis.Verdict is not Verdict.ServingElsewhere && !diagnosis.Verdict.IsFailure()) || observation.Find(diagnosis.Primary) is { IsServingPrimary: true })
            return observation.At; // also where its storage hangs: it acknowledges what the watchdog has seen, and its guard goes by that
        if (diagnosis.Verdict == Verdict.ServingElsewhere && !observation.Nodes.Any(node => Diagnostician.Hears(node, diagnosis.Primary)))
            return observation.At; // its port was seen open
        return observation.Nodes.Where(node => node.MayHear(diagnosis.Primary))
            .Select(node => observation.At - node.HeardAgo)
            .Max();
    }

    /// <summary>When the primary was seen or heard to live; null where this look has no evidence of it. Silence of everybody is none.</summary>
    private static TimeSpan? Heard(Diagnosis diagnosis, ClusterObservation observation, Arrivals arrivals, ClusterMemory memory)
    {
        // A standby that is pointed nowhere replays what it has.
        var mayHaveHeard = arrivals.MayHaveHeard.Except(memory.Procedure?.Frozen ?? []).ToImmutableArray();
        var answered = observation.Nodes
            .Where(node => mayHaveHeard.Contains(node.Node) || (node.Node == diagnosis.Primary && node.Reach is Reach.Serving or Reach.Alive or Reach.Failed))
            .Max(node => (TimeSpan?)(observation.At - node.AnsweredAgo));
        // One that follows a newly promoted primary hears that one, whatever its address.
        var claimants = observation.Nodes.Where(node => Claim.IsNewer(memory, node)).ToList();
        var heard = diagnosis.Verdict == Verdict.ServingElsewhere ? SignOfLife(diagnosis, observation)
            : observation.Nodes.Where(node => node.MayHear(diagnosis.Primary) && !claimants.Exists(node.Confirms)).Max(node => observation.At - node.HeardAgo);
        return answered > heard || heard is null ? answered : heard;
    }

    /// <summary>The expected primary serves, or a standby on no newer timeline than the record's hears it.</summary>
    private static bool IsAlive(ClusterMemory memory, ClusterObservation observation) =>
        observation.Find(memory.IntendedPrimary) is { IsServingPrimary: true, Server: { } server } && server.SystemIdentifier == memory.SystemIdentifier
        || observation.Nodes.Any(node => Diagnostician.Hears(node, memory.IntendedPrimary) && node.Server!.Timeline <= memory.NewestTimeline);

    /// <summary>The record was written so short a time ago that nobody can have switched over since: the watchdog was restarted.</summary>
    private static bool IsFresh(Policy policy, ClusterMemory memory, ClusterObservation observation)
    {
        // From a backup that was made in the middle of a failover nobody knows how that ended.
        return (memory.IsOf(observation.Boot) && Within(memory.LastPosition?.Time))
            || (memory.Procedure is { } procedure && observation.Boot.Length > 0 && procedure.Boot == observation.Boot && Within(procedure.Phases.LastOrDefault()?.At));

        bool Within(DateTimeOffset? time) => time <= observation.Time && observation.Time - time <= Learning.PositionRecordInterval + policy.LateAfter;
    }

    /// <summary>
    /// Where the primary's WAL was when it fell silent, or was found failed. A position seen long before that says nothing of what was written since:
    /// then it is unknown. What was known when a failover was decided stays known as long as that goes on.
    /// </summary>
    private static Lsn? Known(Policy policy, PrimaryTrail trail, ClusterMemory memory, Suspicion suspicion, ClusterObservation observation)
    {
        if (memory.Procedure?.KnownPosition is { } decided)
            return trail.Newest > decided ? trail.Newest : decided;
        var (silent, stands) = (suspicion.SilenceAt(observation.At), suspicion.StandsFor(observation.At));
        var silence = silent > stands ? silent : stands; // a hung one is still heard
        var oldest = policy.UnreachableThreshold + Learning.PositionRecordInterval + policy.LateAfter;
        if (trail.Newest is { } newest)
            return observation.At - silence - trail.NewestAt <= oldest ? newest : null;
        // A position from the future says that the wall clock is wrong: how old it is nobody knows.
        return memory.LastPosition is { } last && last.Time <= observation.Time && observation.Time - silence - last.Time <= oldest ? last.Lsn : null;
    }
}
