using System.Globalization;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>What a procedure wants next: what to remember, what to do, what to tell.</summary>
public sealed record NextStep(ClusterMemory Memory, WatchdogAction Action, ImmutableArray<WatchdogEvent> Events);

/// <summary>
/// The failover as a small switch on step and facts. Level-triggered: each look decides from what is true now, so it goes on
/// wherever a watchdog that died left it.
/// </summary>
public static class Failover
{
    /// <summary>Puts the decision on record: from here on the candidate is the intended primary, and the old one is fenced where it returns.</summary>
    public static NextStep Begin(ClusterSpec spec, ClusterMemory memory, Candidate candidate, TimeSpan silence, ClusterObservation observation)
    {
        var from = memory.IntendedPrimary!;
        var epoch = memory.Epoch + 1;
        var procedure = new Procedure(
            epoch, from, candidate.Node, ProcedureStep.Promote, Attempts: 1,
            SilentSince: observation.Time - silence, DecidedAt: observation.Time, candidate.MissingBytes);
        return new NextStep(
            memory with
            {
                IntendedPrimary = candidate.Node,
                Epoch = epoch,
                Procedure = procedure,
                Replaced = [.. memory.Replaced.Remove(candidate.Node).Remove(from), from],
            },
            new WatchdogAction.Promote(candidate.Node, spec.Node(candidate.Node).TriggerFile),
            [new(EventKind.FailoverDecided, string.Create(CultureInfo.InvariantCulture,
                $"failover from {from} to {candidate.Node} (epoch {epoch}): {from} silent for {silence.TotalSeconds:0.0} s; ")
                + $"{candidate.Node} at {candidate.Position} lacks {candidate.MissingBytes} bytes of the WAL last seen")]);
    }

    /// <summary>Goes on with a procedure that is on record.</summary>
    public static NextStep Continue(ClusterSpec spec, ClusterMemory memory, Procedure procedure, Diagnosis diagnosis, ClusterObservation observation)
    {
        if (observation.Find(procedure.To) is { IsServingPrimary: true, Server: { } promoted } && promoted.SystemIdentifier == memory.SystemIdentifier)
            return Succeed(spec, memory, procedure, observation, promoted);
        if (procedure.Step == ProcedureStep.Withdraw)
        {
            var stillStandby = observation.Find(procedure.To) is { IsServingStandby: true } or { Reach: Reach.Refused };
            return observation.LastActionSucceeded && stillStandby ? GiveUp(spec, memory, procedure, observation) : WithdrawAgain(spec, memory, procedure);
        }
        if (WhyNot(spec.Policy, procedure, observation) is { } reason)
            return Withdraw(spec, memory, procedure, reason);
        // On record is not enough: it is asked for again only on the evidence that would begin it.
        return diagnosis.Verdict == Verdict.Down && observation.Find(procedure.To) is { IsServingStandby: true }
            ? TryAgain(spec, memory, procedure)
            : new NextStep(memory, WatchdogAction.Nothing, []);
    }

    /// <summary>Why a promotion on record must not be asked for again; null where nothing speaks against it.</summary>
    private static string? WhyNot(Policy policy, Procedure procedure, ClusterObservation observation)
    {
        var old = observation.Find(procedure.From);
        if (old is { IsServingPrimary: true })
            return $"{procedure.From} serves again before {procedure.To} was promoted";
        if (old is { Reach: Reach.Alive })
            return $"{procedure.From} is alive again ({old.Detail}) before {procedure.To} was promoted";
        if (observation.Nodes.FirstOrDefault(node => node.Server is { Role: Role.Standby, WalReceiver.IsStreaming: true }) is { } hearing)
            return $"{hearing.Node} streams again, so {procedure.From} lives";
        if (!policy.Automatic)
            return "Automatic is false";
        if (observation.Time - procedure.DecidedAt > policy.ProcedureLimit)
            return $"it was decided at {procedure.DecidedAt:u}, too long ago to go on with";
        return procedure.Attempts >= policy.PromotionAttempts ? $"{procedure.To} is not primary after {procedure.Attempts} attempts" : null;
    }

    private static NextStep Succeed(ClusterSpec spec, ClusterMemory memory, Procedure procedure, ClusterObservation observation, ServerFacts promoted)
    {
        var sinceDecision = observation.Time - procedure.DecidedAt;
        var sinceSilence = observation.Time - procedure.SilentSince;
        var oldServes = observation.Find(procedure.From) is { IsServingPrimary: true };
        return new NextStep(
            memory with
            {
                Procedure = null,
                NewestTimeline = Math.Max(memory.NewestTimeline, promoted.Timeline),
                LastFailover = Finished(procedure, observation, succeeded: true),
            },
            // A trigger file created after an earlier one was taken would stay, and promote this node when it is a standby again.
            oldServes ? new WatchdogAction.Fence(procedure.From) : new WatchdogAction.WithdrawPromotion(procedure.To, spec.Node(procedure.To).TriggerFile),
            [new(EventKind.FailoverSucceeded, string.Create(CultureInfo.InvariantCulture,
                $"{procedure.To} is primary on timeline {promoted.Timeline}, {sinceDecision.TotalSeconds:0.00} s after the decision ")
                + string.Create(CultureInfo.InvariantCulture, $"and {sinceSilence.TotalSeconds:0.0} s after the last sign of life of {procedure.From}"))]);
    }

    private static NextStep TryAgain(ClusterSpec spec, ClusterMemory memory, Procedure procedure) => new(
        memory with { Procedure = procedure with { Attempts = procedure.Attempts + 1 } },
        new WatchdogAction.Promote(procedure.To, spec.Node(procedure.To).TriggerFile),
        [new(EventKind.PromotionTried, $"{procedure.To} is not primary yet: attempt {procedure.Attempts + 1} of {spec.Policy.PromotionAttempts}")]);

    private static NextStep Withdraw(ClusterSpec spec, ClusterMemory memory, Procedure procedure, string why) => new(
        memory with { Procedure = procedure with { Step = ProcedureStep.Withdraw } },
        new WatchdogAction.WithdrawPromotion(procedure.To, spec.Node(procedure.To).TriggerFile),
        [new(EventKind.FailoverWithdrawn, $"taking the promotion of {procedure.To} back: {why}")]);

    /// <summary>A trigger file that is left behind would promote the standby later, unasked: until it is known to be gone, nothing else is done.</summary>
    private static NextStep WithdrawAgain(ClusterSpec spec, ClusterMemory memory, Procedure procedure) =>
        new(memory, new WatchdogAction.WithdrawPromotion(procedure.To, spec.Node(procedure.To).TriggerFile), []);

    /// <summary>
    /// The look after the withdrawal: still a standby, so the old primary is the intended one again. Only a candidate that would not be
    /// promoted counts as a failed failover, after which MinimumInterval has to pass.
    /// </summary>
    private static NextStep GiveUp(ClusterSpec spec, ClusterMemory memory, Procedure procedure, ClusterObservation observation)
    {
        var failed = procedure.Attempts >= spec.Policy.PromotionAttempts && observation.Find(procedure.From) is not { IsServingPrimary: true };
        return new NextStep(
            memory with
            {
                Procedure = null,
                IntendedPrimary = procedure.From,
                Epoch = memory.Epoch + 1,
                Replaced = memory.Replaced.Remove(procedure.From),
                LastFailover = failed ? Finished(procedure, observation, succeeded: false) : memory.LastFailover,
            },
            WatchdogAction.Nothing,
            [failed
                ? new(EventKind.FailoverFailed, $"{procedure.To} could not be promoted; a person has to see why, its server log first")
                : new(EventKind.FailoverWithdrawn, $"no failover: {procedure.From} is the intended primary as before")]);
    }

    private static FinishedFailover Finished(Procedure procedure, ClusterObservation observation, bool succeeded) => new(
        procedure.Epoch, procedure.From, procedure.To, succeeded,
        procedure.SilentSince, procedure.DecidedAt, observation.Time, procedure.ExpectedLossBytes);
}
