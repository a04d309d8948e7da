using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Deciding;

/// <summary>A candidate that does not become primary makes room for the next one (docs/decisions/0015).</summary>
public static partial class Failover
{
    /// <summary>A candidate that is not primary after this time makes room for another one with the same WAL, or that can get it.</summary>
    private static readonly TimeSpan PromotionMayTake = TimeSpan.FromSeconds(10);

    /// <summary>One whose replay moves is given more time, up to this.</summary>
    private static readonly TimeSpan ReplayMayTake = TimeSpan.FromMinutes(1);

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
            ? TimeSpan.MaxValue : InVainFor(now, procedure);
        var isShipped = !procedure.SalvageFailed && now.Observation.Host(procedure.From) is { IsDead: true, StorageHangs: false };
        var all = elected.Value + (ulong)(procedure.SalvagedBytes ?? 0); // what was shipped it may not have replayed yet
        return now.Candidates.Any(other => other.IsEligible && other.Node != procedure.To
            && now.Observation.Find(other.Node) is { Server.Version.HasRecoveryFile: false }
            && took >= (isShipped || other.Position?.Value >= all ? PromotionMayTake : PromotionMayTakeForItsWal));
    }

    /// <summary>How long ago its promotion was asked for, or its replay moved last.</summary>
    private static TimeSpan InVainFor(Situation now, Procedure procedure)
    {
        var asked = now.Since(procedure.Phases[^1].At);
        var still = now.Observation.At - now.Replays.MovedAt(procedure.To);
        return still < asked && asked < ReplayMayTake ? still.Value : asked;
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

    /// <summary>Why the failover ends and nothing else is promoted; null as long as its host may prove that it is stopped.</summary>
    private static string? WhyNobodyElse(Situation now, Procedure procedure)
    {
        var (node, host) = (procedure.To, now.Observation.Host(procedure.To));
        if (host is { IsDead: true, StandbySignal: false })
            return $"{node} has become primary before it was stopped: remove recovery.conf from its data directory and start it";
        if (host is { IsFenced: true } || now.Since(procedure.Phases[^1].At) <= now.Policy.ProcedureLimit)
            return null;
        return host switch
        {
            { IsDead: true } => $"{node} is stopped, but the start block cannot be written, and {node} may become primary "
                + "when it starts: see to space and rights in its data directory, and start it",
            { IsReachable: true, StandbySignal: false } =>
                $"by its host {node} has become primary, but the watchdog cannot ask it: see to it",
            { IsReachable: true } => $"{node} cannot be stopped and may become primary: see to its host",
            _ => $"the host of {node} does not answer over SSH, and {node} may be primary or become it: see to its host",
        };
    }

    /// <summary>It stays the primary on record. If it serves, it is the primary; another failover has to fence it first.</summary>
    private static NextStep EndWith(Situation now, Procedure procedure, string why) => new(
        now.Memory with
        {
            Procedure = null,
            LastFailover = new(now.Memory.Epoch, procedure.From, procedure.To, false, now.Observation.Time, null, procedure),
        },
        WatchdogAction.Nothing,
        [new(EventKind.FailoverFailed,
            $"{why}. {procedure.To} stays the primary on record, and no other standby is promoted. If {procedure.To} is lost: "
            + $"make sure that it is off, promote another standby manually, and run pgwatchdog adopt {now.Spec.Name} NODE")]);
}
