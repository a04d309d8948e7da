namespace PgReplWatchdog.Simulation.Tests;

/// <summary>One place in the source that a mutation changes.</summary>
/// <param name="File">From the repository's root.</param>
/// <param name="Original">Must be there exactly once.</param>
/// <param name="Mutated">Put in its place; MUTANT stands for the question whether this mutation is switched on.</param>
public sealed record Patch(string File, string Original, string Mutated);

/// <summary>A mistake that the simulator must find.</summary>
/// <param name="Name">Switches it on.</param>
/// <param name="Invariant">What it violates.</param>
/// <param name="Patches">What it changes.</param>
public sealed record Mutation(string Name, string Invariant, params Patch[] Patches)
{
    private const string Deciding = "src/PgReplWatchdog.Core/Deciding/";

    public static readonly IReadOnlyList<Mutation> All =
    [
        new("recent-failover-ignored", "I6", new Patch(Deciding + "Gates.cs",
            "if (IsTooSoon(now) && now.Memory.LastFailover is { } last)", "if (!MUTANT && IsTooSoon(now) && now.Memory.LastFailover is { } last)")),
        new("fence-gate-removed", "I1",
            new Patch(Deciding + "Gates.cs", "if (now.Policy.Fencing == Fencing.BestEffort ||", "if (MUTANT || now.Policy.Fencing == Fencing.BestEffort ||"),
            new Patch(Deciding + "Failover.cs", "now.Policy is { Fencing: Fencing.BestEffort, HasFenceCommand: false } &&",
                "(MUTANT || now.Policy is { Fencing: Fencing.BestEffort, HasFenceCommand: false }) &&")),
        new("fence-skipped", "I1", new Patch(Deciding + "Failover.cs",
            "var by = now.FencedBy != FencedBy.Unknown ? now.FencedBy", "var by = MUTANT ? FencedBy.Nothing : now.FencedBy != FencedBy.Unknown ? now.FencedBy")),
        new("threshold-a-check-short", "Threshold", new Patch(Deciding + "Situation.cs",
            "since >= enough ? TimeSpan.Zero", "since >= (MUTANT ? enough - Policy.CheckInterval : enough) ? TimeSpan.Zero")),
        new("one-look-is-enough", "Looks", new Patch(Deciding + "Gates.cs", "now.Suspicion.Looks < 2", "now.Suspicion.Looks < (MUTANT ? 1 : 2)")),
        new("freeze-skipped", "I1", new Patch(Deciding + "Failover.cs", "var still = procedure.FencedBy == FencedBy.Ssh", "var still = MUTANT || procedure.FencedBy == FencedBy.Ssh")),
        new("guard-margin-negative", "I1", new Patch("src/PgReplWatchdog.Core/Topology/Policy.cs",
            "GuardMarginOf(TimeSpan timeToLive) => (0.25 * timeToLive)", "GuardMarginOf(TimeSpan timeToLive) => ((MUTANT ? -0.5 : 0.25) * timeToLive)")),
        new("guard-forgotten-after-arming", "Record", new Patch(Deciding + "Guarding.cs",
            ": new NextStep(forgotten, wanted is null ?", ": new NextStep(MUTANT ? memory : forgotten, wanted is null ?")),
        new("silent-voucher-ignored", "I1", new Patch(Deciding + "Situation.cs", "IsGuarded && SilentVouchers.IsEmpty\n", "IsGuarded && (MUTANT || SilentVouchers.IsEmpty)\n")),
        new("boot-check-not-heard-of", "I1", new Patch("src/PgReplWatchdog.Core/Remembering/WorkingMemory.cs",
            "|| (server.BootChecks.Length > 0 &&", "|| (!MUTANT && server.BootChecks.Length > 0 &&")),
        new("freeze-not-proven", "I1", new Patch(Deciding + "Failover.cs",
            "FencedBy.Guard ? Reports(now, freeze.Kind, freeze.Node)", "FencedBy.Guard ? MUTANT || Reports(now, freeze.Kind, freeze.Node)")),
        new("guard-not-asked-again-after-the-freeze", "I1", new Patch(Deciding + "Failover.cs",
            "if (procedure.FencedBy == FencedBy.Guard && now.FencedBy == FencedBy.Unknown)", "if (!MUTANT && procedure.FencedBy == FencedBy.Guard && now.FencedBy == FencedBy.Unknown)")),
        new("recorded-after-the-action", "Record", new Patch("src/PgReplWatchdog/Watchdog.cs",
            "var onRecord = Remember(decision, observation);", "if (MUTANT) await runner.RunAsync(decision.Action, cancellation); var onRecord = Remember(decision, observation);")),
        new("no-other-witness-believed", "Hold",
            new Patch("src/PgReplWatchdog.Core/Diagnosing/Diagnostician.cs", "observation.Nodes.Any(node => Hears(node, intended.Node)) || PortIs(PortAnswer.Accepting, intended, observation)\n",
                "(!MUTANT && (observation.Nodes.Any(node => Hears(node, intended.Node)) || PortIs(PortAnswer.Accepting, intended, observation)))\n"),
            new Patch(Deciding + "Decider.cs", ".Select(node => observation.At - node.HeardAgo)", ".Where(_ => !MUTANT).Select(node => observation.At - node.HeardAgo)")),
        new("lesser-candidate-first", "Election", new Patch(Deciding + "CandidateSelection.cs",
            ".ThenByDescending(candidate => candidate.Position ?? default)",
                ".ThenByDescending(candidate => MUTANT ? new Lsn(ulong.MaxValue - (candidate.Position ?? default).Value) : candidate.Position ?? default)")),
        new("stale-primary-not-fenced", "Whole",
            new Patch(Deciding + "Decider.cs", "=> observation.Find(node) is { IsServingPrimary: true, Server: { } server }", "=> !MUTANT && observation.Find(node) is { IsServingPrimary: true, Server: { } server }")),
        new("trigger-file-left-behind", "Trigger",
            new Patch(Deciding + "Failover.cs", "if (procedure.PromotedAt is not null && !(Reports(", "if (!MUTANT && procedure.PromotedAt is not null && !(Reports("),
            new Patch(Deciding + "Failover.cs", "if (procedure.PromotedAt is not null && now.Since(", "if (!MUTANT && procedure.PromotedAt is not null && now.Since(")),
        new("rejoin-given-up-at-once", "Whole",
            new Patch(Deciding + "Returning.cs", "return before is { Step: ReturnStep.Rejoin } ||", "return (!MUTANT && before is { Step: ReturnStep.Rejoin }) ||")),
        new("salvage-reported-and-not-done", "Lost", new Patch("tests/PgReplWatchdog.Simulation/Runner.cs",
            "(to.Position, to.Replayed, to.Branch) = (dead.Position,", "(to.Position, to.Replayed, to.Branch) = (MUTANT ? to.Position : dead.Position,")),
        new("known-position-forgotten", "Whole", new Patch(Deciding + "CandidateSelection.cs", "if (missing is null && !mayBeShipped)", "if (missing is null && (MUTANT || !mayBeShipped))")),
        new("guard-believed-unseen", "I1", new Patch(Deciding + "Situation.cs",
            "Suspicion.LastHeard - seen <= Policy.LateAfter", "(MUTANT || Suspicion.LastHeard - seen <= Policy.LateAfter)")),
        new("lease-left-by-a-watchdog-that-is-locked-out", "I8", new Patch(Deciding + "Decider.cs",
            "return Guarding.TakeBack(now with { Memory = learned.Memory }, guardToldAt) ?? learned;",
            "return (MUTANT ? null : Guarding.TakeBack(now with { Memory = learned.Memory }, guardToldAt)) ?? learned;")),
        new("lease-left-by-a-watchdog-that-stops", "I8", new Patch("src/PgReplWatchdog/Watchdog.cs",
            "if (spec.Has(memory.Guard?.Node ?? working.MayBeArmed) is not { } node)", "if (spec.Has(MUTANT ? null : memory.Guard?.Node ?? working.MayBeArmed) is not { } node)")),
        new("late-request-is-obeyed", "Whole",
            new Patch("tests/PgReplWatchdog.Simulation/Runner.cs", "if (Reaches(node) && arrives <= deadline)", "if (Reaches(node) && (MUTANT || arrives <= deadline))"),
            new Patch("tests/PgReplWatchdog.Simulation/Faults.Late.cs", "(2, (_, until) => RequestsAreLate(until))", "(MUTANT ? 20 : 2, (_, until) => RequestsAreLate(until))")),
        new("delays-by-the-wall-clock", "I6", new Patch("src/PgReplWatchdog.Core/Remembering/Moments.cs",
            "if (ByTime.TryGetValue(time, out var moment))", "if (!MUTANT && ByTime.TryGetValue(time, out var moment))")),
        new("old-record-believed", "I1",
            new Patch("src/PgReplWatchdog.Core/Diagnosing/Diagnostician.cs", "?? RecordIsOld(intended!, memory, observation)\n",
                "?? (MUTANT ? null : RecordIsOld(intended!, memory, observation))\n"),
            new Patch("src/PgReplWatchdog.Core/Diagnosing/Diagnostician.cs", "?? AnotherUpstream(intended!, observation, receiving.IsDefault ? [] : receiving)",
                "?? (MUTANT ? null : AnotherUpstream(intended!, observation, receiving.IsDefault ? [] : receiving))"),
            // Each of these tells it as well: the hosts' marks, and the gap in sight.
            new Patch("src/PgReplWatchdog.Core/Diagnosing/Diagnostician.cs", "if (found.Verdict.IsFailure() && memory.Later is { } later)",
                "if (!MUTANT && found.Verdict.IsFailure() && memory.Later is { } later)"),
            new Patch("src/PgReplWatchdog.Core/Diagnosing/Diagnostician.cs", "return found.Verdict.IsFailure() && unaccounted",
                "return !MUTANT && found.Verdict.IsFailure() && unaccounted"),
            new Patch(Deciding + "Gates.cs", "if (now.Memory.Later is { } later)", "if (!MUTANT && now.Memory.Later is { } later)")),
        new("failover-on-record-is-never-old", "I1", new Patch(Deciding + "Decider.cs",
            "return Within(memory.LastPosition?.Time) ||", "return (MUTANT && memory.Procedure is not null) || Within(memory.LastPosition?.Time) ||")),
        new("lease-asked-for-once", "I8", new Patch("src/PgReplWatchdog/Watchdog.cs",
            "while (!await DisarmedAsync(node, cancellation))", "while (!await DisarmedAsync(node, cancellation) && !MUTANT)")),
        new("lease-of-the-process-before-forgotten", "I8", new Patch(Deciding + "Guarding.cs",
            "var node = working.StartedAt is null &&", "var node = !MUTANT && working.StartedAt is null &&")),
        new("held-replay-is-left", "I9", new Patch("tests/PgReplWatchdog.Simulation/Runner.cs",
            "host.ReplayHeldUntil = 0; // what", "host.ReplayHeldUntil = MUTANT ? host.ReplayHeldUntil : 0; // what")),
        new("nobody-is-passed-over", "I9", new Patch(Deciding + "Failover.PassOver.cs",
            "if (procedure is not { Step: ProcedureStep.Promote, PromotedAt:", "if (MUTANT || procedure is not { Step: ProcedureStep.Promote, PromotedAt:")),
        new("passed-over-unproven", "I1",
            new Patch(Deciding + "Failover.PassOver.cs", "if (host is { IsReachable: true, IsFenced: false })", "if (!MUTANT && host is { IsReachable: true, IsFenced: false })"),
            new Patch(Deciding + "Failover.PassOver.cs", "if (host is not { IsFenced: true, StandbySignal: true })", "if (!MUTANT && host is not { IsFenced: true, StandbySignal: true })")),
        new("another-watchdog-ignored", "Owner", new Patch(Deciding + "Gates.cs", "if (now.Memory.Other is { } other)", "if (!MUTANT && now.Memory.Other is { } other)")),
        new("replay-that-moves-is-passed-over", "Patience", new Patch(Deciding + "Failover.PassOver.cs",
            "return still < asked && asked < ReplayMayTake", "return !MUTANT && still < asked && asked < ReplayMayTake")),
        new("best-candidate-alone-is-asked", "I9", new Patch(Deciding + "Gates.cs",
            "now.Candidates.SelectMany(candidate => candidate.Doubts)", "now.Candidates.Take(MUTANT ? 1 : int.MaxValue).SelectMany(candidate => candidate.Doubts)")),
        new("full-disk-of-a-standby-ignored", "I9", new Patch(Deciding + "CandidateDoubts.cs",
            "{ IsDiskFull: true } host => [new(", "{ IsDiskFull: true } host => MUTANT ? [] : [new(")),
        new("full-disk-of-a-lease-standby-ignored", "I9", new Patch(Deciding + "Guarding.cs",
            "&& now.Observation.Host(node.Name) is not { TakesNoWrites: true }", "&& (MUTANT || now.Observation.Host(node.Name) is not { TakesNoWrites: true })")),
        new("another-watchdog-forgotten-out-of-sight", "Owner", new Patch(Deciding + "Ownership.cs",
            "(IsGone(memory, observation) ? null : memory.Other)", "(MUTANT || IsGone(memory, observation) ? null : memory.Other)")),
        new("standbys-testify-for-a-silent-guard", "I1", new Patch(Deciding + "Guarding.cs",
            "var seen = working.GuardSeenAt;", "var seen = MUTANT && observation.Testimonies.Length > 0 ? observation.At : working.GuardSeenAt;"),
            new Patch(Deciding + "Guarding.cs", "                    return null;\n            }\n            else if", "                    return MUTANT ? seen : null;\n            }\n            else if")),
        new("promoted-manually-is-blocked", "Operator", new Patch(Deciding + "Decider.cs",
            ".Where(node => !Histories.WasPromotedManually(", ".Where(node => MUTANT || !Histories.WasPromotedManually(")),
        new("contradiction-of-a-silent-host-forgotten", "Named", new Patch("src/PgReplWatchdog.Core/Remembering/Claim.cs",
            "?.History is null ? claim.IsContradicted", "?.History is null ? !MUTANT && claim.IsContradicted")),
    ];

    public override string ToString() => Name;
}
