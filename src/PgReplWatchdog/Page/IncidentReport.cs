using System.Globalization;
using System.Text;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Page;

/// <summary>A failover as Markdown, for the incident report.</summary>
public static class IncidentReport
{
    private const string Special = "\\`*_{}[]()#+-!|~";

    public static string Of(FailoverReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var (failover, procedure) = (report.Failover, report.Failover.Procedure);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Failover of {Plain(report.Cluster)} from {Plain(failover.From)} to {Plain(failover.To)}\n\n");
        text.Append("All times are UTC. Written by PgReplWatchdog from its journal.\n\n| | |\n| --- | --- |\n");
        foreach (var (what, value) in Facts(report))
            text.Append(CultureInfo.InvariantCulture, $"| {what} | {Plain(value)} |\n");
        text.Append("\n## Phases\n\n| began | phase | took |\n| --- | --- | --- |\n");
        foreach (var (name, at, took) in Phases(report))
            text.Append(CultureInfo.InvariantCulture, $"| {Words.Exact(at)} | {Plain(name)} | {(took is { } span ? Words.Span(span) : "")} |\n");
        text.Append("\n## What the decision rested on\n\n");
        foreach (var sentence in procedure.Evidence)
            text.Append(CultureInfo.InvariantCulture, $"- {Plain(sentence)}\n");
        text.Append("\n## Events\n\n| time | event | |\n| --- | --- | --- |\n");
        foreach (var entry in report.Events)
            text.Append(CultureInfo.InvariantCulture, $"| {Words.Exact(entry.Time)} | {entry.Kind} | {Plain(entry.Sentence)} |\n");
        return text.ToString();
    }

    /// <summary>What is to be known first, for page and report.</summary>
    public static IEnumerable<(string What, string Value)> Facts(FailoverReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var (failover, procedure) = (report.Failover, report.Failover.Procedure);
        yield return ("Result", failover.Succeeded ? $"{failover.To} is the primary (epoch {failover.Epoch.ToString(CultureInfo.InvariantCulture)})" : "failed");
        yield return ("Why", Words.Why(procedure));
        yield return ("Without a primary", $"{Words.Span(report.WithoutPrimary)}, from the last sign of life of {failover.From} until {failover.To} was seen writable");
        yield return ("Lost", Sentences.Loss(failover));
        yield return ("Expected loss at the decision", Words.Bytes(procedure.ExpectedLossBytes));
        yield return ("The old primary was fenced by", Sentences.Fenced(procedure.FencedBy));
        yield return ("WAL salvaged from it", Sentences.Salvaged(procedure));
        if (procedure.PromotedAt is { } promoted)
            yield return ("Promoted at", promoted.ToString());
    }

    /// <summary>From the last sign of life to the end; what a phase took is null for the last.</summary>
    public static IEnumerable<(string Name, DateTimeOffset At, TimeSpan? Took)> Phases(FailoverReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var (failover, procedure) = (report.Failover, report.Failover.Procedure);
        yield return ("Suspected: the last sign of life, then silence", procedure.SilentSince, procedure.DecidedAt - procedure.SilentSince);
        if (procedure.Phases is not [{ } first, ..] || first.At > procedure.DecidedAt)
            yield return ("Decided", procedure.DecidedAt, (procedure.Phases is [{ } next, ..] ? next.At : failover.FinishedAt) - procedure.DecidedAt);
        var ends = procedure.Phases.Skip(1).Select(phase => phase.At).Append(failover.FinishedAt);
        foreach (var (phase, end) in procedure.Phases.Zip(ends))
            yield return ($"{phase.Step}: {char.ToLowerInvariant(Words.Of(phase.Step)[0])}{Words.Of(phase.Step)[1..]}", phase.At, end > phase.At ? end - phase.At : null);
        if (procedure.Phases is not [.., { Step: ProcedureStep.HookAfter }])
            yield return (failover.Succeeded ? "Writable" : "Given up", failover.FinishedAt, null);
    }

    /// <summary>Whatever a database or a host said is text here: no markup of Markdown or HTML is left in it, and no line ends.</summary>
    private static string Plain(string text) => string.Concat(Printable.Of(text.Replace('\n', ' ')).Select(letter => letter switch
    {
        '<' => "&lt;",
        '>' => "&gt;",
        '&' => "&amp;",
        _ => Special.Contains(letter, StringComparison.Ordinal) ? $"\\{letter}" : $"{letter}",
    }));
}
