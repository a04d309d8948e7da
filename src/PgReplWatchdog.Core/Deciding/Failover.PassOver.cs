using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Deciding;

/// <summary>A candidate that does not become primary makes room for the next one (docs/decisions/0015).</summary>
public static partial class Failover
{
    /// <summary>A candidate that is not primary after this time makes room for another one with the same WAL, or that can get it.</summary>
    private static readonly TimeSpan PromotionMayTake = TimeSpan.FromSeconds(10);

    /// <summary>The same for another one that lacks WAL, within MaximumLagBytes.</summary>
    private static readonly TimeSpan PromotionMayTakeForItsWal = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The candidate's time is over, its host can stop it, and another one can be promoted.
    /// Until PostgreSQL 11 there is no start block for a standby: it could become primary after all.
    /// </summary>
    private static bool MayPassOver(Situation now, Procedure procedure)
    {
        if (procedure is not { Step: ProcedureStep.Promote, PromotedAt: { } elected }
            || !now.Diagnosis.Verdict.IsFailure() || now.Observation.Host(procedure.To) is not { IsReachable: true })
            return false;
        var took = procedure.Attempts >= now.Policy.PromotionAttempts
            ? TimeSpan.MaxValue : now.Since(procedure.Phases[^1].At);
        var isShipped = !procedure.SalvageFailed && now.Observation.Host(procedure.From) is { IsDead: true, StorageHangs: false };
        var all = elected.Value + (ulong)(procedure.SalvagedBytes ?? 0); // what was shipped it may not have replayed yet
        return now.Candidates.Any(other => other.IsEligible && other.Node != procedure.To
            && now.Observation.Find(other.Node) is { Server.Version.HasRecoveryFile: false }
            && took >= (isShipped || other.Position?.Value >= all ? PromotionMayTake : PromotionMayTakeForItsWal));
    }

    private static NextStep BeginPassingOver(Situation now, Procedure procedure)
    {
        var passed = procedure with { PassedOver = [.. procedure.PassedOver, procedure.To] };
        var next = PassOver(now, Enter(now, passed, ProcedureStep.PassOver));
        var told = FormattableString.Invariant(
            $"{procedure.To} has not become primary in {now.Since(procedure.Phases[^1].At).TotalSeconds:0} s: ")
            + "stopping it, then another standby is promoted";
        return next with { Events = next.Events.Insert(0, new(EventKind.FailoverStep, told)) };
    }

    /// <summary>
    /// It may still become primary. So nothing else is promoted before its host proves that it is stopped, that it cannot
    /// start, and that it was a standby to the last.
    /// </summary>
    private static NextStep PassOver(Situation now, Procedure procedure)
    {
        var host = now.Observation.Host(procedure.To);
        if (host is { IsReachable: true, IsFenced: false })
            return Do(now, procedure, new WatchdogAction.Fence(procedure.To) { OnlyStandby = true });
        if (host is { IsFenced: true, StandbySignal: false } && Reports(now, nameof(WatchdogAction.Fence), procedure.To))
        {
            var promoted = $"{procedure.To} had become primary when it was stopped: no other standby is promoted. "
                + $"Remove recovery.conf from its data directory and start it: {procedure.To} is then the primary";
            return NextStep.Wait(With(now, procedure)) with { Events = [new(EventKind.FailoverStep, promoted)] };
        }
        if (host is not { IsFenced: true, StandbySignal: true })
            return NextStep.Wait(With(now, procedure));
        var memory = now.Memory with
        {
            IntendedPrimary = procedure.From,
            Epoch = now.Memory.Epoch + 1,
            Replaced = [.. now.Memory.Replaced.Remove(procedure.From).Remove(procedure.To), procedure.To],
        };
        var next = Freeze(now with { Memory = memory, Observation = now.Observation with { Report = null } },
            Enter(now, procedure with { PromotedAt = null, SalvagedBytes = null }, ProcedureStep.Freeze));
        var told = $"{procedure.To} is stopped and kept from starting, and was not promoted: electing another standby";
        return next with { Events = next.Events.Insert(0, new(EventKind.FailoverStep, told)) };
    }
}
