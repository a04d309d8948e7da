using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Deciding;

/// <summary>What is new since the decision before: a verdict or gate that stays the same is not told again.</summary>
public static class Changes
{
    public static ImmutableArray<WatchdogEvent> Between(Decision? before, Decision now)
    {
        ArgumentNullException.ThrowIfNull(now);
        var events = ImmutableArray.CreateBuilder<WatchdogEvent>();
        if (before?.Diagnosis.Verdict != now.Diagnosis.Verdict || before.Diagnosis.Primary != now.Diagnosis.Primary)
        {
            events.Add(new(EventKind.VerdictChanged,
                $"{now.Diagnosis.Verdict}{(before is null ? "" : $" (was {before.Diagnosis.Verdict})")}: {string.Join("; ", now.Diagnosis.Evidence)}"));
        }
        if (before is not null && EndedWithoutFailover(before, now))
            events.Add(new(EventKind.FailoverNotBegun, WhyNot(before, now)));
        if (before is null || !Readiness(before).SequenceEqual(Readiness(now)))
        {
            events.Add(new(EventKind.GatesChanged, now.IsReady
                ? "failover is ready"
                : "failover is not ready: " + string.Join("; ", now.Gates.Where(IsReadinessGate).Select(gate => gate.Sentence))));
        }
        if (now.Action is WatchdogAction.Fence fence && before?.Action != now.Action && (now.Memory.Procedure is null or { Step: ProcedureStep.HookAfter })
            && now.Events.All(told => told.Kind != EventKind.FencingDecided))
        {
            events.Add(new(EventKind.FencingDecided,
                $"{fence.Node} came back as a primary; {now.Memory.IntendedPrimary} replaced it (epoch {now.Memory.Epoch}): stopping {fence.Node}"));
        }
        return events.ToImmutable();
    }

    /// <summary>The finding that stood in the last look does not stand any more, and nobody did anything about it.</summary>
    private static bool EndedWithoutFailover(Decision before, Decision now) =>
        before.Diagnosis.Verdict.IsFailure() && now.Diagnosis.Verdict != before.Diagnosis.Verdict && before.Memory.Procedure is null && now.Memory.Procedure is null
        && before.Memory.Epoch == now.Memory.Epoch;

    /// <summary>A decision not to act, with the evidence of a decision to act: the last look at which it stood.</summary>
    private static string WhyNot(Decision before, Decision now) =>
        FormattableString.Invariant($"no failover was begun: verdict {before.Diagnosis.Verdict} stood for {Stood(before, now).TotalSeconds:0.0} s and ended with {now.Diagnosis.Verdict}; ")
        + $"shut to the last: {(before.Gates.IsEmpty ? "none" : string.Join(", ", before.Gates.Select(gate => $"{gate.Gate} ({gate.Sentence})")))}; "
        + $"it rested on: {string.Join("; ", before.Diagnosis.Evidence)}";

    private static TimeSpan Stood(Decision before, Decision now) => now.Working.Suspicion.LastCheckAt - before.Working.Suspicion.FindingSince ?? TimeSpan.Zero;

    private static IEnumerable<(Gate, string?)> Readiness(Decision decision) => decision.Gates.Where(IsReadinessGate).Select(gate => (gate.Gate, gate.Node));

    private static bool IsReadinessGate(ShutGate gate) => gate.Gate != Gate.ThresholdNotReached;
}
