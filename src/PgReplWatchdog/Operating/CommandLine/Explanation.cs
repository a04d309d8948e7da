using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Remembering;
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
        Say(screen, "Evidence", cluster.Evidence.AddRange(Sentences.Witnesses(cluster)));
        Say(screen, "What would happen", Sentences.WhatWouldHappen(cluster));
        if (cluster.LastCheck is not null)
            screen.Write(Gates(cluster));
        if (!cluster.Candidates.IsEmpty)
            screen.Write(Candidates(cluster));
        Say(screen, "Besides", Sentences.Besides(cluster), afterTable: cluster.LastCheck is not null);
        if (cluster.Procedure is { } procedure)
            Write(screen, $"The failover under way, from {procedure.From} to {procedure.To}", procedure, []);
        if (cluster.LastFailover is { } last)
        {
            Write(screen, Invariant($"The last failover, from {last.From} to {last.To}: {(last.Succeeded ? "succeeded" : "FAILED")} {last.FinishedAt:u} (epoch {last.Epoch})"), last.Procedure,
                [$"estimated loss: {Sentences.Loss(last)}"]);
        }
        if (notDone is not null)
            Say(screen, "Why nothing was done the last time", [Invariant($"{notDone.Time:u} {notDone.Sentence}")]);
    }

    private static Table Gates(ClusterStatus cluster)
    {
        var table = StatusView.Columns("gate", "", "why");
        foreach (var gate in Enum.GetValues<Gate>().Where(gate => gate != Gate.Unknown && !Sentences.IsOfACandidate(gate)))
        {
            var shut = cluster.Gates.Where(other => other.Gate == gate).Select(other => other.Sentence).ToList();
            table.AddRow(gate.ToString(), shut.Count == 0 ? "[green]open[/]" : gate == Gate.ThresholdNotReached ? "waits" : "[yellow]shut[/]", Markup.Escape(string.Join('\n', shut)));
        }
        return table;
    }

    private static Table Candidates(ClusterStatus cluster)
    {
        var table = StatusView.Columns("candidate", "", "position", "lacks", "why not");
        foreach (var candidate in cluster.Candidates)
        {
            table.AddRow(
                Markup.Escape(candidate.Node), candidate.Eligible ? "[green]eligible[/]" : "[yellow]not[/]", candidate.Position?.ToString() ?? "unknown",
                Sentences.Bytes(candidate.MissingBytes), Markup.Escape(string.Join('\n', candidate.Reasons.Select(reason => $"{reason.Gate}: {reason.Sentence}"))));
        }
        return table;
    }

    private static void Write(IAnsiConsole screen, string title, Procedure procedure, IEnumerable<string> more)
    {
        Say(screen, title,
        [
            Sentences.Decided(procedure),
            .. procedure.Evidence.Select(sentence => $"it rested on: {sentence}"),
            $"the old primary was fenced by: {Sentences.Fenced(procedure.FencedBy)}",
            $"WAL salvaged from it: {Sentences.Salvaged(procedure)}",
            $"expected loss at the decision: {Sentences.Bytes(procedure.ExpectedLossBytes)}",
            .. more,
            .. Sentences.Phases(procedure.Phases).Select(Phase),
        ]);
    }

    private static string Phase((string Name, DateTimeOffset At, TimeSpan? Took) phase) =>
        Invariant($"{phase.At:HH:mm:ss.fff} {phase.Name}") + (phase.Took is { } took ? Invariant($": {took.TotalSeconds:0.00} s") : "");

    private static void Say(IAnsiConsole screen, string title, IEnumerable<string> sentences, bool afterTable = false)
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
