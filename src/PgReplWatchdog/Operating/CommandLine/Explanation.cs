using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;
using Spectre.Console;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>The last decision in words: what is the matter, what would be done, what stands in the way, how the last failover went.</summary>
public static class Explanation
{
    public static void Write(IAnsiConsole screen, ClusterStatus cluster, JournalEntry? notDone)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        screen.Write(StatusView.Header(cluster));
        screen.WriteLine();
        Sentences(screen, "Evidence", cluster.Evidence.AddRange(Witnesses(cluster)));
        Sentences(screen, "What would happen", WhatWouldHappen(cluster));
        if (cluster.LastCheck is not null)
            screen.Write(Gates(cluster));
        if (!cluster.Candidates.IsEmpty)
            screen.Write(Candidates(cluster));
        Sentences(screen, "Besides", Besides(cluster), afterTable: cluster.LastCheck is not null);
        if (cluster.Procedure is { } procedure)
            Write(screen, $"The failover under way, from {procedure.From} to {procedure.To}", procedure, []);
        if (cluster.LastFailover is { } last)
        {
            Write(screen, Invariant($"The last failover, from {last.From} to {last.To}: {(last.Succeeded ? "succeeded" : "FAILED")} {last.FinishedAt:u} (epoch {last.Epoch})"), last.Procedure,
                [$"estimated loss: {Bytes(last.EstimatedLossBytes)} seen and not received{Unseen(last.Procedure)}"]);
        }
        if (notDone is not null)
            Sentences(screen, "Why nothing was done the last time", [Invariant($"{notDone.Time:u} {notDone.Sentence}")]);
    }

    private static IEnumerable<string> WhatWouldHappen(ClusterStatus cluster)
    {
        if (cluster.LastCheck is null)
            return ["nothing, while no check is made"];
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

    private static IEnumerable<string> Witnesses(ClusterStatus cluster) => cluster.Verdict == Verdict.Serving ? [] :
    [
        .. cluster.Hosts.Select(host => $"host of {host.Node}: {host.Reach}{(host.Detail.Length > 0 ? ", " + host.Detail : "")}{(host.ControlState is { } state ? $", cluster state {state}" : "")}"),
    ];

    private static IEnumerable<string> Besides(ClusterStatus cluster)
    {
        if (cluster.Wish.Paused)
            yield return $"failover is paused: pgwatchdog resume {cluster.Name}";
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

    private static Table Gates(ClusterStatus cluster)
    {
        var table = StatusView.Columns("gate", "", "why");
        foreach (var gate in Enum.GetValues<Gate>().Where(gate => gate != Gate.Unknown && !IsOfACandidate(gate)))
        {
            var shut = cluster.Gates.Where(other => other.Gate == gate).Select(other => other.Sentence).ToList();
            table.AddRow(gate.ToString(), shut.Count == 0 ? "[green]open[/]" : gate == Gate.ThresholdNotReached ? "waits" : "[yellow]shut[/]", Markup.Escape(string.Join('\n', shut)));
        }
        return table;
    }

    private static bool IsOfACandidate(Gate gate) => gate is Gate.PromotionUnavailable || gate.ToString().StartsWith("Candidate", StringComparison.Ordinal);

    private static Table Candidates(ClusterStatus cluster)
    {
        var table = StatusView.Columns("candidate", "", "position", "lacks", "why not");
        foreach (var candidate in cluster.Candidates)
        {
            table.AddRow(Markup.Escape(candidate.Node), candidate.Eligible ? "[green]eligible[/]" : "[yellow]not[/]", candidate.Position?.ToString() ?? "unknown", Bytes(candidate.MissingBytes),
                Markup.Escape(string.Join('\n', candidate.Reasons.Select(reason => $"{reason.Gate}: {reason.Sentence}"))));
        }
        return table;
    }

    private static void Write(IAnsiConsole screen, string title, Procedure procedure, IEnumerable<string> more)
    {
        Sentences(screen, title,
        [
            Invariant($"decided {procedure.DecidedAt:u} on verdict {procedure.Verdict}, {(procedure.DecidedAt - procedure.SilentSince).TotalSeconds:0.0} s after the last sign of life"),
            .. procedure.Evidence.Select(sentence => $"it rested on: {sentence}"),
            $"the old primary was fenced by: {Fenced(procedure.FencedBy)}",
            $"WAL salvaged from it: {(procedure.SalvagedBytes is { } salvaged ? Bytes(salvaged) : "none, or not possible")}",
            $"expected loss at the decision: {Bytes(procedure.ExpectedLossBytes)}",
            .. more,
            .. Phases(procedure.Phases),
        ]);
    }

    private static string Unseen(Procedure procedure) => procedure is { SalvagedBytes: null, NotReceivedFor: { } time }
        ? Invariant($", and what was acknowledged unseen in the {time.TotalSeconds:0.0} s before it was found fenced")
        : "";

    /// <summary>A phase lasts until the next one begins; the last one in the list is where it ended, or is.</summary>
    private static IEnumerable<string> Phases(ImmutableArray<Phase> phases) => phases.Select((phase, index) => index + 1 < phases.Length
        ? Invariant($"{phase.At:HH:mm:ss.fff} {phase.Step}: {(phases[index + 1].At - phase.At).TotalSeconds:0.00} s")
        : Invariant($"{phase.At:HH:mm:ss.fff} {(phase.Step == ProcedureStep.HookAfter ? "writable" : phase.Step)}"));

    private static string Fenced(FencedBy by) => by switch
    {
        FencedBy.Ssh => "its host said over SSH that nothing of PostgreSQL is left",
        FencedBy.Guard => "its guard, whose time had passed",
        FencedBy.Command => "the fence command",
        FencedBy.Nothing => "NOTHING: Fencing is BestEffort",
        FencedBy.Unknown => "nothing yet",
    };

    private static string Bytes(long? bytes) => bytes is { } known ? Invariant($"{known} bytes") : "unknown";

    private static void Sentences(IAnsiConsole screen, string title, IEnumerable<string> sentences, bool afterTable = false)
    {
        var lines = sentences.ToList();
        if (lines.Count == 0)
            return;
        if (!afterTable) // which ends with an empty line
            screen.WriteLine();
        screen.MarkupLineInterpolated($"[bold]{title}[/]");
        foreach (var line in lines)
            screen.Write(StatusView.Line($"  • ", $"{line}"));
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
