using System.Globalization;
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
            memory with { IntendedPrimary = candidate.Node, Epoch = epoch, Procedure = procedure, Replaced = [.. memory.Replaced.Remove(candidate.Node).Remove(from), from] },
            new WatchdogAction.Promote(candidate.Node, spec.Node(candidate.Node).TriggerFile),
            [new(EventKind.FailoverDecided, string.Create(CultureInfo.InvariantCulture,
                $"failover from {from} to {candidate.Node}: {from} silent for {silence.TotalSeconds:0.0} s; {candidate.Node} at {candidate.Position} lacks {candidate.MissingBytes} bytes of the WAL last seen (epoch {epoch})"))]);
    }

    /// <summary>Goes on with a procedure that is on record.</summary>
    public static NextStep Continue(ClusterSpec spec, ClusterMemory memory, Procedure procedure, ClusterObservation observation)
    {
        var candidate = observation.Find(procedure.To);
        var candidateIsPrimary = candidate is { IsServingPrimary: true };
        var oldServes = observation.Find(procedure.From) is { IsServingPrimary: true };
        return (procedure.Step, candidateIsPrimary, oldServes) switch
        {
            (_, true, _) => Succeed(memory, procedure, observation, candidate!.Server!),
            (ProcedureStep.Promote, false, true) => Withdraw(spec, memory, procedure, $"{procedure.From} serves again before {procedure.To} was promoted"),
            (ProcedureStep.Promote, false, false) when procedure.Attempts >= spec.Policy.PromotionAttempts =>
                Withdraw(spec, memory, procedure, $"{procedure.To} is not primary after {procedure.Attempts} attempts"),
            (ProcedureStep.Promote, false, false) => TryAgain(spec, memory, procedure),
            _ => GiveUp(memory, procedure, observation, oldServes),
        };
    }

    private static NextStep Succeed(ClusterMemory memory, Procedure procedure, ClusterObservation observation, ServerFacts promoted) => new(
        memory with
        {
            Procedure = null,
            NewestTimeline = Math.Max(memory.NewestTimeline, promoted.Timeline),
            LastFailover = Finished(procedure, observation, succeeded: true),
        },
        WatchdogAction.Nothing,
        [new(EventKind.FailoverSucceeded, string.Create(CultureInfo.InvariantCulture,
            $"{procedure.To} is primary on timeline {promoted.Timeline}, {(observation.Time - procedure.DecidedAt).TotalSeconds:0.00} s after the decision and {(observation.Time - procedure.SilentSince).TotalSeconds:0.0} s after the last sign of life of {procedure.From}"))]);

    private static NextStep TryAgain(ClusterSpec spec, ClusterMemory memory, Procedure procedure) => new(
        memory with { Procedure = procedure with { Attempts = procedure.Attempts + 1 } },
        new WatchdogAction.Promote(procedure.To, spec.Node(procedure.To).TriggerFile),
        [new(EventKind.PromotionTried, $"{procedure.To} is not primary yet: attempt {procedure.Attempts + 1} of {spec.Policy.PromotionAttempts}")]);

    private static NextStep Withdraw(ClusterSpec spec, ClusterMemory memory, Procedure procedure, string why) => new(
        memory with { Procedure = procedure with { Step = ProcedureStep.Withdraw } },
        new WatchdogAction.WithdrawPromotion(procedure.To, spec.Node(procedure.To).TriggerFile),
        [new(EventKind.FailoverWithdrawn, $"taking the promotion of {procedure.To} back: {why}")]);

    /// <summary>The look after the withdrawal: still a standby, so the old primary is the intended one again. A failure counts as a failover, a return does not.</summary>
    private static NextStep GiveUp(ClusterMemory memory, Procedure procedure, ClusterObservation observation, bool oldServes) => new(
        memory with
        {
            Procedure = null,
            IntendedPrimary = procedure.From,
            Epoch = memory.Epoch + 1,
            Replaced = memory.Replaced.Remove(procedure.From),
            LastFailover = oldServes ? memory.LastFailover : Finished(procedure, observation, succeeded: false),
        },
        WatchdogAction.Nothing,
        [new(EventKind.FailoverFailed, oldServes
            ? $"no failover: {procedure.From} stays primary"
            : $"{procedure.To} could not be promoted; a person has to see why, its server log first")]);

    private static FinishedFailover Finished(Procedure procedure, ClusterObservation observation, bool succeeded) => new(
        procedure.Epoch, procedure.From, procedure.To, succeeded,
        procedure.SilentSince, procedure.DecidedAt, observation.Time, procedure.ExpectedLossBytes);
}
