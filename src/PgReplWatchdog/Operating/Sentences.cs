using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Operating;

/// <summary>What is said of a cluster in words, the same at the terminal, on the page and in an incident report.</summary>
public static class Sentences
{
    /// <summary>What is done now, or would be were the primary to fail now, and what that would lose.</summary>
    public static IEnumerable<string> WhatWouldHappen(ClusterStatus cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        if (cluster.LastCheck is null)
            return ["nothing, while no check is made"];
        if (cluster.Stale)
            return [Invariant($"nothing can be said: the last check ended {cluster.AgeSeconds:0.#} s ago, and no later one has come to its end")];
        if (cluster.Procedure is { } procedure)
            return [$"a failover from {procedure.From} to {procedure.To} is under way, at step {procedure.Step}{(procedure.Attempts > 1 ? Invariant($", attempt {procedure.Attempts}") : "")}"];
        var shut = cluster.Gates.Where(gate => gate.Gate != Gate.ThresholdNotReached).ToList();
        var waits = cluster.Gates.FirstOrDefault(gate => gate.Gate == Gate.ThresholdNotReached);
        var best = cluster.Candidates.FirstOrDefault(candidate => candidate.Eligible);
        if (shut.Count > 0)
            return [(cluster.Verdict.IsFailure() ? "no failover begins: " : "were the primary to fail now, no failover would begin: ") + string.Join(", ", shut.Select(gate => gate.Gate).Distinct())];
        var loss = $"what {best?.Node} lacks of the WAL last seen and would be lost with a host that never returns: {Bytes(cluster.ExpectedLossBytes)}";
        return cluster.Verdict.IsFailure()
            ? [waits is null ? $"{best?.Node} is promoted" : $"{best?.Node} is promoted unless the primary recovers: {waits.Sentence}", loss]
            : [$"were the primary to fail now, {best?.Node} would be promoted{After(cluster.Policy)}", loss];
    }

    private static string After(Policy? policy) => policy is null ? "" : Invariant($", {policy.CrashedThreshold.TotalSeconds:0.#} s after PostgreSQL was found crashed on a host that answers, ")
        + Invariant($"{policy.UnreachableThreshold.TotalSeconds:0.#} s after the last sign of life of a host that does not");

    /// <summary>What the hosts said over SSH, while the primary does not serve.</summary>
    public static IEnumerable<string> Witnesses(ClusterStatus cluster) => cluster.Verdict == Verdict.Serving ? [] :
    [
        .. cluster.Hosts.Select(host => $"host of {host.Node}: {host.Reach}{(host.Detail.Length > 0 ? ", " + host.Detail : "")}{(host.ControlState is { } state ? $", cluster state {state}" : "")}"),
    ];

    /// <summary>Pause, guard, and nodes on their way back.</summary>
    public static IEnumerable<string> Besides(ClusterStatus cluster)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        if (cluster.Wish.Paused)
            yield return $"failover is paused: pgwatchdog resume {cluster.Name}";
        if (cluster.Wish.Adopt is { } request && request.Epoch == cluster.Epoch && request.Node != cluster.IntendedPrimary)
            yield return Invariant($"{request.By} asked at {request.At:u} to adopt {request.Node} as primary; the request ends at {request.At + Adoption.RequestHolds:u}");
        if (cluster.Guard is { } guard)
            yield return Invariant($"the guard of {guard.Node} is armed: without a word from outside for {guard.Order.TimeToLive.TotalSeconds:0.#} s it stops PostgreSQL; ")
                + $"vouchers: {string.Join(", ", guard.Order.Vouchers)}";
        else if (cluster.Policy is { } policy && policy.GuardTimeToLive > TimeSpan.Zero)
            yield return "no guard is armed";
        foreach (var node in cluster.Replaced)
            yield return $"{node} was replaced and does not stream yet";
        foreach (var back in cluster.Returning)
            yield return Invariant($"{back.Node} is on its way back: {back.Step}, attempt {back.Attempts}, last tried {back.TriedAt:u}");
    }

    /// <summary>When and on what it was decided, in one sentence.</summary>
    public static string Decided(Procedure procedure)
    {
        ArgumentNullException.ThrowIfNull(procedure);
        return Invariant($"decided {procedure.DecidedAt:u} on verdict {procedure.Verdict}, {(procedure.DecidedAt - procedure.SilentSince).TotalSeconds:0.0} s after the last sign of life");
    }

    /// <summary>By what the old primary was kept from writing.</summary>
    public static string Fenced(FencedBy by) => by switch
    {
        FencedBy.Ssh => "its host said over SSH that nothing of PostgreSQL is left",
        FencedBy.Guard => "its guard, whose time had passed",
        FencedBy.Command => "the fence command",
        FencedBy.Nothing => "NOTHING: Fencing is BestEffort",
        FencedBy.Unknown => "nothing yet",
    };

    public static string Salvaged(Procedure procedure) => procedure?.SalvagedBytes is { } salvaged ? Bytes(salvaged) : "none, or not possible";

    /// <summary>What a failover that ended lost, as far as anybody can know.</summary>
    public static string Loss(FinishedFailover failover)
    {
        ArgumentNullException.ThrowIfNull(failover);
        return $"{Bytes(failover.EstimatedLossBytes)} seen and not received{Unseen(failover.Procedure)}";
    }

    private static string Unseen(Procedure procedure) => procedure is { SalvagedBytes: null, NotReceivedFor: { } time }
        ? Invariant($", and what was acknowledged unseen in the {time.TotalSeconds:0.0} s before it was found fenced")
        : "";

    /// <summary>A phase lasts until the next one begins; the last one in the list is where it ended, or is: its time is null.</summary>
    public static IEnumerable<(string Name, DateTimeOffset At, TimeSpan? Took)> Phases(ImmutableArray<Phase> phases) => phases.Select((phase, index) => index + 1 < phases.Length
        ? (phase.Step.ToString(), phase.At, phases[index + 1].At - phase.At)
        : (phase.Step == ProcedureStep.HookAfter ? "writable" : phase.Step.ToString(), phase.At, (TimeSpan?)null));

    /// <summary>Gates that are about a standby, not about the cluster.</summary>
    public static bool IsOfACandidate(Gate gate) => gate is Gate.PromotionUnavailable || gate.ToString().StartsWith("Candidate", StringComparison.Ordinal);

    public static string Bytes(long? bytes) => bytes is { } known ? Invariant($"{known} bytes") : "unknown";

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
