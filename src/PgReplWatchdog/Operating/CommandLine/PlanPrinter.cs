using System.Text.RegularExpressions;
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;
using PgReplWatchdog.Planning;
using Spectre.Console;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>A set-up plan for a person: a line a step, and for files what changes in them.</summary>
public static partial class PlanPrinter
{
    public static void Write(IAnsiConsole screen, SetupPlan plan)
    {
        var number = 0;
        foreach (var step in plan.Steps)
        {
            screen.MarkupLineInterpolated($"{++number,4}  [bold]{step.Node}[/]: {step.Title}");
            if (step is SetupStep.WriteFile file)
                WriteDiff(screen, file);
            if (step.Note.Length > 0)
                screen.MarkupLineInterpolated($"      {step.Note}");
            screen.MarkupLineInterpolated($"      [dim]to undo: {step.Undo}[/]");
        }
    }

    public static void WriteWarnings(IAnsiConsole screen, SetupPlan plan)
    {
        foreach (var warning in plan.Warnings.Concat(plan.NotNow))
            screen.MarkupLineInterpolated($"[yellow]Warning:[/] {warning}");
    }

    private static void WriteDiff(IAnsiConsole screen, SetupStep.WriteFile file)
    {
        foreach (var line in Changes(file))
        {
            if (line[0] == '+')
                screen.MarkupLineInterpolated($"      [green]{line}[/]");
            else
                screen.MarkupLineInterpolated($"      [red]{line}[/]");
        }
    }

    /// <summary>The lines that come, "+ ", and those that go, "- ". A password that somebody wrote into one is not shown.</summary>
    public static IEnumerable<string> Changes(SetupStep.WriteFile file) => InlineDiffBuilder.Diff((file.Before ?? "").TrimEnd('\n'), file.After.TrimEnd('\n')).Lines
        .Where(line => line.Type == ChangeType.Inserted || (line.Type == ChangeType.Deleted && line.Text.Length > 0))
        .Select(line => (line.Type == ChangeType.Inserted ? "+ " : "- ") + Password().Replace(line.Text, "$1***"));

    [GeneratedRegex(@"(\bpassword\s*=\s*)('{1,2}.*?'{1,2}|\S+)", RegexOptions.IgnoreCase)]
    private static partial Regex Password();
}
