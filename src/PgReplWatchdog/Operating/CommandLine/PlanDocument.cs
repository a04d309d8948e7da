using System.Text.Json;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog setup --plan --json`: a plan for programs. No secret is in it: a plan has none.</summary>
/// <param name="Cluster">The cluster's name.</param>
/// <param name="Primary">The node that is or will be primary; null where that cannot be told.</param>
/// <param name="ChangesPending">There is something to change, and it may be done: exit code 2.</param>
/// <param name="Steps">In their order; none where it is refused.</param>
/// <param name="Refusals">Why nothing may be done, each with what to do about it: exit code 1.</param>
public sealed record PlanDocument(string Cluster, string? Primary, bool ChangesPending, ImmutableArray<PlanStep> Steps, ImmutableArray<string> Refusals)
{
    public static PlanDocument Of(string cluster, SetupPlan plan) => new(cluster, plan.Primary, !plan.Steps.IsEmpty && !plan.IsRefused,
        [.. plan.Steps.Select(step => new PlanStep(step.Node, step.GetType().Name, step.Title, step.Undo,
            (step as SetupStep.WriteFile)?.Path, step is SetupStep.WriteFile file ? [.. PlanPrinter.Changes(file)] : []))], plan.Refusals);

    /// <summary>Returns the exit code, the same as without --json.</summary>
    internal static async Task<int> WriteAsync(ClusterAccess cluster, SetupPlan plan)
    {
        var document = Of(cluster.Spec.Name, plan);
        await Console.Out.WriteLineAsync(JsonSerializer.Serialize(document, Json.Indented));
        return plan.IsRefused ? ExitCode.Failed : document.ChangesPending ? ExitCode.ChangesPending : ExitCode.Ok;
    }
}

/// <param name="Node">The node whose host it changes.</param>
/// <param name="Kind">The name of the step: WriteFile, Restart, ...</param>
/// <param name="Title">What it changes, in a line.</param>
/// <param name="Undo">How a person takes it back.</param>
/// <param name="Path">The file that it writes; null for other steps.</param>
/// <param name="Changes">The lines that come ("+ ...") and go ("- ...") in that file.</param>
public sealed record PlanStep(string Node, string Kind, string Title, string Undo, string? Path, ImmutableArray<string> Changes);
