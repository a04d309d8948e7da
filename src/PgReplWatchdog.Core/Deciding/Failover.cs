using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>What a procedure wants next: what to remember, what to do, what to tell.</summary>
public sealed record NextStep(ClusterMemory Memory, WatchdogAction Action, ImmutableArray<WatchdogEvent> Events)
{
    public static NextStep Wait(ClusterMemory memory) => new(memory, WatchdogAction.Nothing, []);
}

/// <summary>
/// The failover as a small switch on step and facts: fence, freeze, salvage, promote. Level-triggered: each look decides from what is true now,
/// so it goes on wherever a watchdog that died left it. A step that finds its end reached passes on to the next one in the same look.
/// </summary>
public static partial class Failover
{
    /// <summary>How often a host that answers is told to fence before other means are tried.</summary>
    private const int FenceAttempts = 3;
    private const int FreezeAttempts = 3;
    private const int SalvageAttempts = 2;

    /// <summary>How often each means of promotion is tried before the next.</summary>
    private const int AttemptsPerMethod = 3;

    /// <summary>A server that had taken its promotion before it was taken back becomes primary within this time.</summary>
    private static readonly TimeSpan PromotionTakes = TimeSpan.FromSeconds(7);

    /// <summary>Puts the decision on record. Who is to be primary does not change yet: until the promotion all of it can be taken back.</summary>
    public static NextStep Begin(Situation now, Candidate candidate)
    {
        ArgumentNullException.ThrowIfNull(now);
        ArgumentNullException.ThrowIfNull(candidate);
        var verdict = now.Diagnosis.Verdict;
        var procedure = new Procedure(now.Memory.IntendedPrimary!, candidate.Node, ProcedureStep.Unknown, verdict.ToString(),
            SilentSince: now.Observation.Time - Max(now.Silence, now.Suspicion.StandsFor(now.Observation.At)), DecidedAt: now.Observation.Time)
        {
            Boot = now.Observation.Boot,
            ExpectedLossBytes = candidate.MissingBytes,
            KnownPosition = now.KnownPosition,
            Evidence = now.Diagnosis.Evidence,
        };
        var decided = new WatchdogEvent(EventKind.FailoverDecided, FormattableString.Invariant(
            $"failover from {procedure.From} (verdict {verdict} for {Max(now.Silence, now.Suspicion.StandsFor(now.Observation.At)).TotalSeconds:0.0} s); ")
            + (candidate.MissingBytes is { } missing ? FormattableString.Invariant($"candidate {candidate.Node} at {candidate.Position} lacks {missing} bytes of the WAL last seen")
                : $"what candidate {candidate.Node} at {candidate.Position} lacks is not known: it is shipped from {procedure.From} before the promotion"));
        var step = now.Policy.HasHookBefore ? HookBefore(now, Enter(now, procedure, ProcedureStep.HookBefore)) : Fence(now, Enter(now, procedure, ProcedureStep.Fence));
        return step with { Events = step.Events.Insert(0, decided) };
    }

    /// <summary>Goes on with a procedure that is on record.</summary>
    public static NextStep Continue(Situation now, Procedure procedure)
    {
        ArgumentNullException.ThrowIfNull(now);
        ArgumentNullException.ThrowIfNull(procedure);
        if (procedure.Step == ProcedureStep.HookAfter)
            return HookAfter(now, procedure);
        if (procedure.PromotedAt is not null && now.Observation.Find(procedure.To) is { IsServingPrimary: true, Server: { } promoted }
            && promoted.SystemIdentifier == now.Memory.SystemIdentifier)
            return IsNextTimeline(now, promoted) ? Succeed(now, procedure, promoted) : NextStep.Wait(now.Memory);
        // Of a copied record: the watchdog that began it may go on with it.
        if (now.Memory.Other is not null && procedure.Boot != now.Observation.Boot)
            return NextStep.Wait(now.Memory);
        if (procedure.Step == ProcedureStep.Withdraw)
            return GoOnWithdrawing(now, procedure);
        if (WhyNot(now, procedure) is { } reason)
            return Withdraw(now, procedure, reason);
        if (procedure.Step == ProcedureStep.PassOver && WhyNobodyElse(now, procedure) is { } why)
            return EndWith(now, procedure, why);
        // Whatever stopped it from afar: now that its host answers, it is made sure there, before it starts again.
        if (procedure is { PromotedAt: null, FencedBy: FencedBy.Guard or FencedBy.Command } && now.Diagnosis.Verdict.IsFailure()
            && now.Observation.Host(procedure.From) is { IsReachable: true, IsFenced: false })
        {
            var unsure = procedure with { FencedBy = FencedBy.Unknown };
            return Fence(now with { Memory = now.Memory with { Procedure = unsure } }, Enter(now, unsure, ProcedureStep.Fence));
        }
        // On record is not enough: each step is taken only on the evidence that would begin it.
        return !now.Diagnosis.Verdict.IsFailure() ? NextStep.Wait(now.Memory) : procedure.Step switch
        {
            ProcedureStep.HookBefore => HookBefore(now, procedure),
            ProcedureStep.Fence => Fence(now, procedure),
            ProcedureStep.Freeze => Freeze(now, procedure),
            ProcedureStep.Salvage => Salvage(now, procedure),
            ProcedureStep.Promote => Promote(now, procedure),
            ProcedureStep.PassOver => PassOver(now, procedure),
            _ => Withdraw(now, procedure, "the journal names a step that this version does not know"),
        };
    }

    /// <summary>Why a failover on record must not be gone on with; null where nothing speaks against it.</summary>
    private static string? WhyNot(Situation now, Procedure procedure)
    {
        var fenced = procedure.FencedBy is not (FencedBy.Unknown or FencedBy.Nothing);
        return now.Diagnosis switch
        {
            { Verdict: Verdict.Serving, Primary: { } primary } => $"{primary} serves as primary before {procedure.To} was promoted",
            { Verdict: Verdict.TwoPrimaries } => "two nodes serve as primary",
            { Verdict: Verdict.Busy or Verdict.ServingElsewhere } when procedure is not { Step: ProcedureStep.Fence, Attempts: > 0 } =>
                $"{procedure.From} is alive: {string.Join("; ", now.Diagnosis.Evidence)}",
            _ when !fenced && !now.Policy.Automatic => "Automatic is false",
            _ when !fenced && now.Observation.Wish.Paused => "failover was paused",
            _ when !fenced && now.Memory.Other is { } other => $"{other.Described} watches the cluster as well",
            _ when !fenced && now.Since(procedure.DecidedAt) > now.Policy.ProcedureLimit => $"it was decided at {procedure.DecidedAt:u}, too long ago to go on with",
            _ when !fenced && !now.Moments.IsKnown(procedure.DecidedAt, now.Observation) =>
                $"it was decided at {procedure.DecidedAt:u}, which is in the future: a wall clock is wrong, and nobody knows how long ago it was",
            _ when MayPassOver(now, procedure) => null,
            _ when procedure.Step == ProcedureStep.Promote && procedure.Attempts >= now.Policy.PromotionAttempts => $"{procedure.To} is not primary after {procedure.Attempts} attempts",
            _ when procedure is { Step: ProcedureStep.Promote, Phases: [.., { At: var asked }] } && now.Observation.Find(procedure.To) is not { IsServingStandby: true }
                && now.Since(asked) > now.Policy.ProcedureLimit => $"{procedure.To} does not answer any more since its promotion was asked for at {asked:u}",
            _ => null,
        };
    }

    /// <summary>Once: whatever becomes of it, a hook does not keep a cluster from being mended.</summary>
    private static NextStep HookBefore(Situation now, Procedure procedure) => procedure.Attempts > 0
        ? Fence(now, Enter(now, procedure, ProcedureStep.Fence))
        : Do(now, procedure, new WatchdogAction.RunHook(procedure.To, HookMoment.Before, procedure.From, now.Memory.Epoch, procedure.Verdict, procedure.ExpectedLossBytes));

    private static NextStep Fence(Situation now, Procedure procedure)
    {
        var host = now.Observation.Host(procedure.From);
        var justTried = now.Observation.Report is { Action: nameof(WatchdogAction.Fence) } report && report.Node == procedure.From;
        var by = now.FencedBy != FencedBy.Unknown ? now.FencedBy
            : Reports(now, nameof(WatchdogAction.FenceByCommand), procedure.From) ? FencedBy.Command
            // A start block that cannot be written (disk full) is not what keeps two from writing: that nothing runs is. But it has to be so now: a host that was away may have room
            // again. As long as the block is the guard's, the guard may start it again.
            : host is { IsDead: true, BlockedByGuard: false } && procedure.Attempts >= FenceAttempts && justTried ? FencedBy.Ssh
            : now.Policy is { Fencing: Fencing.BestEffort, HasFenceCommand: false } && (host is not { IsReachable: true } || procedure.Attempts >= FenceAttempts) ? FencedBy.Nothing
            : FencedBy.Unknown;
        if (by != FencedBy.Unknown)
        {
            // A watchdog that was started anew knows no receipt of before, but the silence that is on record. Both are known to within a look.
            var unheard = by == FencedBy.Nothing || now.Receipts.Since(procedure.To) is not { } since ? (TimeSpan?)null
                : Max(now.Observation.At - since, SilentFor(now, procedure)) + now.Policy.CheckInterval + (2 * now.Policy.ProbeTimeout);
            var next = Freeze(now, Enter(now, procedure with { FencedBy = by, NotReceivedFor = unheard }, ProcedureStep.Freeze));
            return by != FencedBy.Nothing ? next : next with
            {
                Events = next.Events.Insert(0, new(EventKind.FailoverStep, $"{procedure.From} is NOT fenced: going on because Fencing is BestEffort; it may still take writes that will be lost")),
            };
        }
        if (host is { IsReachable: true } && (procedure.Attempts < FenceAttempts || (host.IsDead && !justTried)))
            return Do(now, procedure, new WatchdogAction.Fence(procedure.From));
        return now.Policy.HasFenceCommand ? Do(now, procedure, new WatchdogAction.FenceByCommand(procedure.From)) : NextStep.Wait(With(now, procedure));
    }

    /// <summary>
    /// Where the old primary's host says that nothing runs there, positions stand still by themselves. Else a half-dead primary could go on feeding some
    /// standby after the election. One that its guard has stopped may start anew as long as a voucher says that it follows it: all of them are pointed
    /// nowhere, and none has said it since.
    /// </summary>
    private static NextStep Freeze(Situation now, Procedure procedure)
    {
        if (!procedure.PassedOver.IsEmpty)
            return Elect(now, procedure); // all standbys have been frozen before the first election
        // Until 12 it takes a restart, after which nobody knows what was received and not replayed: only where a guard's time has to be relied on.
        var standbys = now.Observation.Nodes.Where(node => node.IsServingStandby && node.Node != procedure.From
            && (node.Server!.Version.ReloadsUpstream || procedure.FencedBy == FencedBy.Guard)).ToList();
        var freeze = new WatchdogAction.Freeze([.. standbys.Select(node => node.Node).Where(node => procedure.FencedBy != FencedBy.Guard || IsVoucher(now, node))])
        {
            Restarts = standbys.Any(node => !node.Server!.Version.ReloadsUpstream),
        };
        var still = procedure.FencedBy == FencedBy.Ssh
            || (procedure.FencedBy == FencedBy.Guard ? Reports(now, freeze.Kind, freeze.Node)
                : (procedure.Attempts > 0 && standbys.All(node => node.Server!.WalReceiver is null)) || procedure.Attempts >= FreezeAttempts);
        if (procedure.FencedBy == FencedBy.Guard && now.FencedBy == FencedBy.Unknown)
            return Fence(now, Enter(now, procedure with { FencedBy = FencedBy.Unknown }, ProcedureStep.Fence));
        if (!still)
            return Do(now, procedure with { Frozen = [.. procedure.Frozen.Union(freeze.Nodes)] }, freeze);
        return Elect(now, procedure);
    }

    private static NextStep Elect(Situation now, Procedure procedure)
    {
        if (now.Candidates is not [{ IsEligible: true } elected, ..])
            return NextStep.Wait(With(now, procedure)); // the gates say why; as soon as one is eligible again, it goes on
        procedure = procedure with { To = elected.Node, SalvagedBytes = elected.Node == procedure.To ? procedure.SalvagedBytes : null };
        return procedure.KnownPosition is null || (!procedure.SalvageFailed && now.Observation.Host(procedure.From) is { IsDead: true })
            ? Salvage(now, Enter(now, procedure, ProcedureStep.Salvage))
            : Promote(now, Enter(now, procedure, ProcedureStep.Promote));
    }

    private static bool IsVoucher(Situation now, string node) => now.Memory.Guard is { } guard && guard.Order.Vouchers.Contains(node);

    private static NextStep Salvage(Situation now, Procedure procedure)
    {
        if (Reports(now, nameof(WatchdogAction.Salvage), procedure.From))
            return Promote(now, Enter(now, procedure with { SalvagedBytes = now.Observation.Report!.Bytes ?? 0 }, ProcedureStep.Promote));
        var began = procedure.Phases[^1].At;
        var standby = now.Observation.Find(procedure.To)?.Server;
        var known = procedure.KnownPosition is not null; // else nobody knows what would be lost: it is tried until it works
        if (known && (procedure.Attempts >= SalvageAttempts || now.Since(began) >= now.Policy.SalvageLimit))
        {
            // What one lacks is not to be had any more: the one with the most WAL is elected then, whatever else is said of it. The next look knows which one that is.
            procedure = Enter(now, procedure with { SalvageFailed = true }, ProcedureStep.Promote);
            return now.Candidates.Any(other => other.IsEligible && other.Node != procedure.To) ? NextStep.Wait(With(now, procedure)) : Promote(now, procedure);
        }
        if (now.Observation.Host(procedure.From) is not { IsDead: true } || standby is null || Position(standby) is not { } position)
            return known ? Promote(now, Enter(now, procedure, ProcedureStep.Promote)) : NextStep.Wait(With(now, procedure));
        return Do(now, procedure, new WatchdogAction.Salvage(procedure.From, procedure.To, standby.ReplayedLsn ?? position, position, standby.Timeline)
        {
            SystemIdentifier = now.Memory.SystemIdentifier ?? standby.SystemIdentifier,
        });
    }

    /// <summary>The first time: from here on the candidate is the intended primary, and the old one is fenced where it returns. On disk before anything is asked.</summary>
    private static NextStep Promote(Situation now, Procedure procedure)
    {
        // Between election and promotion much time may have passed: the elected one is gone, or a better one is back. What was shipped was shipped to that one.
        if (procedure.PromotedAt is null && now.Candidates is [{ IsEligible: true } best, ..] && best.Node != procedure.To)
            return Freeze(now with { Observation = now.Observation with { Report = null } }, Enter(now, procedure with { SalvagedBytes = null }, ProcedureStep.Freeze));
        if (MayPassOver(now, procedure))
            return BeginPassingOver(now, procedure);
        if (now.Observation.Find(procedure.To) is not { IsServingStandby: true, Server: { } server })
            return NextStep.Wait(With(now, procedure));
        var memory = now.Memory;
        if (procedure.PromotedAt is null)
        {
            if (!now.Candidates.Any(candidate => candidate.IsEligible && candidate.Node == procedure.To))
                return Freeze(now, Enter(now, procedure, ProcedureStep.Freeze)); // it was when it was elected
            procedure = procedure with { PromotedAt = Position(server) ?? new Lsn(0) };
            memory = memory with
            {
                IntendedPrimary = procedure.To,
                Epoch = memory.Epoch + 1,
                Replaced = [.. memory.Replaced.Remove(procedure.To).Remove(procedure.From), procedure.From],
                Following = [.. now.Spec.Nodes.Select(node => node.Name).Where(node => node != procedure.To && node != procedure.From && !memory.Replaced.Contains(node))],
                Returning = [],
                Guard = null,
            };
        }
        var attempt = procedure.Attempts + 1;
        var method = Method(now, procedure, server, attempt);
        return new NextStep(
            memory with { Procedure = procedure with { Attempts = attempt } },
            // One that nothing stops may go on feeding it: BestEffort means to promote all the same.
            new WatchdogAction.Promote(procedure.To, method) { Elected = procedure.FencedBy == FencedBy.Nothing ? null : procedure.PromotedAt },
            [attempt == 1
                ? new(EventKind.FailoverStep, $"promoting {procedure.To} at {procedure.PromotedAt} (epoch {memory.Epoch}); {procedure.From} is {Fenced(procedure)}{Salvaged(procedure)}")
                : new(EventKind.PromotionTried, $"{procedure.To} is not primary yet: attempt {attempt} of {now.Policy.PromotionAttempts}, by {method}")]);
    }

    private static PromotionMethod Method(Situation now, Procedure procedure, ServerFacts server, int attempt)
    {
        var host = now.Observation.Host(procedure.To);
        List<PromotionMethod> methods = [];
        if (CandidateSelection.WhyNotOverSsh(now.Spec.Node(procedure.To), server, host) is null)
            methods.Add(server.Version.HasTriggerFile ? PromotionMethod.TriggerFile : PromotionMethod.PgCtl);
        if (server.MayPromote)
            methods.Add(PromotionMethod.Sql);
        if (!methods.Contains(PromotionMethod.PgCtl))
            methods.Add(PromotionMethod.PgCtl);
        return methods[(attempt - 1) / AttemptsPerMethod % methods.Count];
    }

    /// <summary>
    /// A promotion begins the next timeline. Another one takes two looks: an archive has the next one, or it is nonsense.
    /// </summary>
    private static bool IsNextTimeline(Situation now, ServerFacts promoted) =>
        promoted.Timeline <= now.Memory.NewestTimeline + 1 || promoted.Timeline == now.SeenTimeline;

    private static NextStep Succeed(Situation now, Procedure procedure, ServerFacts promoted)
    {
        // What was salvaged it may have replayed only now.
        if (now.Observation.Host(procedure.To)?.History is { SwitchPoint: { } reached } history
            && history.Timeline == promoted.Timeline && reached > procedure.PromotedAt)
            procedure = procedure with { PromotedAt = reached };
        var finished = procedure with { Phases = [.. procedure.Phases, new(ProcedureStep.HookAfter, now.Observation.Time)], Attempts = 0, Step = ProcedureStep.HookAfter };
        var sinceDecision = now.Since(procedure.DecidedAt);
        var loss = EstimatedLoss(procedure);
        var memory = now.Memory with
        {
            Procedure = now.Policy.HasHookAfter ? finished : null,
            NewestTimeline = Math.Max(now.Memory.NewestTimeline, promoted.Timeline),
            LastFailover = new(now.Memory.Epoch, procedure.From, procedure.To, Succeeded: true, now.Observation.Time, loss, finished),
        };
        return new NextStep(
            memory,
            // A trigger file created after an earlier one was taken would stay, and promote this node when it is a standby again.
            Decider.IsStale(memory, now.Observation, procedure.From) ? new WatchdogAction.Fence(procedure.From) : new WatchdogAction.WithdrawPromotion(procedure.To),
            [new(EventKind.FailoverSucceeded, FormattableString.Invariant(
                $"{procedure.To} is primary on timeline {promoted.Timeline}, {sinceDecision.TotalSeconds:0.00} s after the decision ")
                + FormattableString.Invariant($"and {SilentFor(now, procedure).TotalSeconds:0.0} s after the last sign of life of {procedure.From}; ")
                + $"estimated loss: {(loss is { } bytes ? $"{bytes} bytes of WAL" : "unknown")}{Unseen(procedure)}{Salvaged(procedure)}")]);
    }

    private static NextStep HookAfter(Situation now, Procedure procedure) => procedure.Attempts > 0
        ? NextStep.Wait(now.Memory with { Procedure = null })
        : Do(now, procedure, new WatchdogAction.RunHook(procedure.To, HookMoment.After, procedure.From, now.Memory.Epoch, procedure.Verdict, EstimatedLoss(procedure)));

    /// <summary>Also after a salvage: what was known to be there and is not, is lost.</summary>
    private static long? EstimatedLoss(Procedure procedure) => procedure switch
    {
        { PromotedAt: { } promoted, KnownPosition: { } known } => known.BytesSince(promoted),
        { SalvagedBytes: not null } => 0,
        _ => null,
    };

    private static NextStep Withdraw(Situation now, Procedure procedure, string why) => GoOnWithdrawing(
        now with { Observation = now.Observation with { Report = null } }, Enter(now, procedure, ProcedureStep.Withdraw),
        new(EventKind.FailoverWithdrawn, $"taking the failover to {procedure.To} back: {why}"));

    /// <summary>
    /// A trigger file that is left behind would promote the standby later, unasked, and a server that has taken it goes on to its promotion: until the file is
    /// known to be gone and the standby still is one some time later, nothing else is done.
    /// </summary>
    private static NextStep GoOnWithdrawing(Situation now, Procedure procedure, WatchdogEvent? told = null)
    {
        // One that is stopped may have been promoted before: then its standby.signal is gone.
        var stillStandby = now.Observation.Find(procedure.To) is { IsServingStandby: true }
            || (now.Observation.Find(procedure.To) is { Reach: Reach.Refused } && now.Observation.Host(procedure.To) is { IsReachable: true, StandbySignal: true });
        var isWithdrawn = Reports(now, nameof(WatchdogAction.WithdrawPromotion), procedure.To);
        // What it acknowledged is on it alone: a person decides.
        if (procedure.PromotedAt is not null && (procedure.Attempts > 0 || isWithdrawn) && now.Observation.Host(procedure.To) is { IsDead: true, StandbySignal: false })
        {
            var isTold = procedure.Attempts > 0;
            return new NextStep(With(now, isTold ? procedure : procedure with { Attempts = 1 }), WatchdogAction.Nothing, isTold ? [] :
                [new(EventKind.FailoverStep, $"{procedure.To} is stopped, and is no standby any more: it was promoted before that could be taken back. "
                    + $"{procedure.From} and {procedure.To} may both have taken writes: choose one with pgwatchdog adopt {now.Spec.Name} NODE")]);
        }
        if (procedure.PromotedAt is not null && !(isWithdrawn && stillStandby))
            return new NextStep(With(now, procedure), new WatchdogAction.WithdrawPromotion(procedure.To), told is null ? [] : [told]);
        if (procedure.PromotedAt is not null && now.Since(procedure.Phases[^1].At) < PromotionTakes)
            return NextStep.Wait(With(now, procedure));
        return GiveUp(now, procedure, told is null ? [] : [told]);
    }

    /// <summary>
    /// The candidate stays a standby: the old primary is the intended one, as before. Only a candidate that would not be promoted counts as a failed
    /// failover, after which MinimumInterval has to pass.
    /// </summary>
    private static NextStep GiveUp(Situation now, Procedure procedure, ImmutableArray<WatchdogEvent> told)
    {
        var failed = procedure.PromotedAt is not null && now.Diagnosis.Verdict.IsFailure();
        var blocked = procedure.FencedBy == FencedBy.Ssh ? $"; {procedure.From} was fenced: remove recovery.conf from its data directory to start it again"
            : now.Observation.Host(procedure.From) is { StartBlocked: true } ? $"; remove recovery.conf from the data directory of {procedure.From}: with it, it does not start again"
            : "";
        if (!procedure.PassedOver.IsEmpty)
            blocked += $"; {string.Join(", ", procedure.PassedOver)} may be stopped and blocked by recovery.conf as well";
        return new NextStep(
            now.Memory with
            {
                Procedure = null,
                IntendedPrimary = procedure.From,
                Epoch = procedure.PromotedAt is null ? now.Memory.Epoch : now.Memory.Epoch + 1,
                Replaced = [.. now.Memory.Replaced.Remove(procedure.From).Union(procedure.PassedOver)],
                Following = [.. now.Memory.Following.Union(procedure.Frozen)],
                LastFailover = failed
                    ? new(now.Memory.Epoch + 1, procedure.From, procedure.To, Succeeded: false, now.Observation.Time, null, procedure)
                    : now.Memory.LastFailover,
            },
            WatchdogAction.Nothing,
            [.. told, failed
                ? new WatchdogEvent(EventKind.FailoverFailed, $"{procedure.To} could not be promoted; a person has to see why, its server log first{blocked}")
                : new WatchdogEvent(EventKind.FailoverWithdrawn, $"no failover: {procedure.From} is the intended primary as before{blocked}")]);
    }

    private static string Fenced(Procedure procedure) => procedure.FencedBy switch
    {
        FencedBy.Ssh => "stopped and kept from starting",
        FencedBy.Guard => "stopped by its guard",
        FencedBy.Command => "fenced by command",
        _ => "NOT fenced",
    };

    private static string Salvaged(Procedure procedure) => procedure.SalvagedBytes is { } bytes ? $", {bytes} bytes of WAL salvaged from it" : "";

    /// <summary>A position is seen once a check: what was written after it nobody knows.</summary>
    private static string Unseen(Procedure procedure) => procedure switch
    {
        { SalvagedBytes: not null } => "",
        { NotReceivedFor: { } time } => FormattableString.Invariant($" seen and not received, and what was acknowledged unseen in the {time.TotalSeconds:0.0} s before it was found fenced"),
        { FencedBy: FencedBy.Nothing } => " seen and not received, and what is acknowledged unseen until it is stopped",
        _ => "",
    };

    private static TimeSpan SilentFor(Situation now, Procedure procedure) => now.Since(procedure.DecidedAt) + (procedure.DecidedAt - procedure.SilentSince);

    private static Procedure Enter(Situation now, Procedure procedure, ProcedureStep step) =>
        procedure with { Step = step, Attempts = 0, Phases = [.. procedure.Phases, new(step, now.Observation.Time)] };

    private static NextStep Do(Situation now, Procedure procedure, WatchdogAction action) =>
        new(With(now, procedure with { Attempts = procedure.Attempts + 1 }), action, []);

    private static ClusterMemory With(Situation now, Procedure procedure) =>
        ReferenceEquals(now.Memory.Procedure, procedure) ? now.Memory : now.Memory with { Procedure = procedure };

    private static bool Reports(Situation now, string action, string node) =>
        now.Observation.Report is { Succeeded: true } report && report.Action == action && report.Node == node;

    private static Lsn? Position(ServerFacts server) => Lsn.Greater(server.ReceivedLsn, server.ReplayedLsn);

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
