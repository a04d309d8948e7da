using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;
using PgReplWatchdog.Planning;
using Spectre.Console;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>A set-up plan for a person: a line a step, and for files what changes in them.</summary>
public static class PlanPrinter
{
    public static void Write(IAnsiConsole screen, SetupPlan plan)
    {
        var number = 0;
        foreach (var step in plan.Steps)
        {
            screen.MarkupLineInterpolated($"{++number,4}  [bold]{step.Node}[/]: {step.Title}");
            if (step is SetupStep.WriteFile file)
                WriteDiff(screen, file);
            screen.MarkupLineInterpolated($"      [dim]to undo: {step.Undo}[/]");
        }
    }

    public static void WriteWarnings(IAnsiConsole screen, SetupPlan plan)
    {
        foreach (var warning in plan.Warnings)
            screen.MarkupLineInterpolated($"[yellow]Warning:[/] {warning}");
    }

    private static void WriteDiff(IAnsiConsole screen, SetupStep.WriteFile file)
    {
        foreach (var line in InlineDiffBuilder.Diff((file.Before ?? "").TrimEnd('\n'), file.After.TrimEnd('\n')).Lines)
        {
            if (line.Type == ChangeType.Inserted)
                screen.MarkupLineInterpolated($"      [green]+ {line.Text}[/]");
            else if (line.Type == ChangeType.Deleted && line.Text.Length > 0)
                screen.MarkupLineInterpolated($"      [red]- {line.Text}[/]");
        }
    }
}
