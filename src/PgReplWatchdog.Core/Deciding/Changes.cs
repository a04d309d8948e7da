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
        if (before is null || !Readiness(before).SequenceEqual(Readiness(now)))
        {
            events.Add(new(EventKind.GatesChanged, now.IsReady
                ? "failover is ready"
                : "failover is not ready: " + string.Join("; ", now.Gates.Where(IsReadinessGate).Select(gate => gate.Sentence))));
        }
        if (now.Action is WatchdogAction.Fence fence && before?.Action != now.Action && now.Memory.Procedure is null
            && now.Events.All(told => told.Kind != EventKind.FencingDecided))
        {
            events.Add(new(EventKind.FencingDecided,
                $"{fence.Node} came back as a primary; {now.Memory.IntendedPrimary} replaced it (epoch {now.Memory.Epoch}): stopping {fence.Node}"));
        }
        return events.ToImmutable();
    }

    private static IEnumerable<(Gate, string?)> Readiness(Decision decision) => decision.Gates.Where(IsReadinessGate).Select(gate => (gate.Gate, gate.Node));

    private static bool IsReadinessGate(ShutGate gate) => gate.Gate != Gate.ThresholdNotReached;
}
