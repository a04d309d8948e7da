using System.CommandLine;
using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Setup;
using Spectre.Console;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog setup`: facts, plan, steps.</summary>
public static class SetupCommand
{
    public static Command Create()
    {
        var cluster = Commands.Cluster(required: true);
        var plan = new Option<bool>("--plan") { Description = "Show what would be changed and change nothing." };
        var json = new Option<bool>("--json") { Description = "With --plan: the plan as one JSON document." };
        var overwrite = new Option<string[]>("--overwrite")
        {
            Description = "A node whose data may be moved aside although it holds something. May be given several times.",
            HelpName = "NODE",
            DefaultValueFactory = _ => [],
        };
        var removeGuard = new Option<bool>("--remove-guard") { Description = "Take the guard away from all nodes, and do nothing else." };
        var remove = new Option<bool>("--remove") { Description = "Take away what set-up has left; the standbys go on streaming. Stop the service first." };
        var lonePrimary = new Option<bool>("--lone-primary") { Description = "With --remove: stop the standbys, and leave nothing of set-up on the primary." };
        var command = new Command("setup", Text.Setup) { cluster, plan, json, overwrite, removeGuard, remove, lonePrimary };
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && !result.GetValue(plan))
                result.AddError("--json is for --plan.");
            if (result.GetValue(lonePrimary) && !result.GetValue(remove))
                result.AddError("--lone-primary is for --remove.");
            if (result.GetValue(remove) && (result.GetValue(removeGuard) || result.GetValue(overwrite)!.Length > 0))
                result.AddError("--remove goes with neither --remove-guard nor --overwrite.");
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var installation = InstallationLoader.Load(file);
            var access = Commands.Choose(installation, parsed.GetValue(cluster), file);
            var record = new SetupRecord(installation.StateDirectory, access.Spec.Name);
            var form = parsed.GetValue(json) ? PlanForm.Json : parsed.GetValue(plan) ? PlanForm.Text : PlanForm.None;
            if (parsed.GetValue(removeGuard))
                return await RemoveGuardAsync(access, record, form, cancellation);
            if (parsed.GetValue(remove))
            {
                var lone = parsed.GetValue(lonePrimary);
                return await RunAsync(access, record, facts => RemovalPlanner.Plan(access.Spec, facts, lone), form, _ => SetupRemoval.Nothing(access),
                    made => SetupRemoval.Done(access, made, lone), [], cancellation);
            }
            var stamp = TimeProvider.System.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
            var options = new SetupOptions([.. parsed.GetValue(overwrite)!], stamp);
            string AsWanted(SetupPlan made) => $"{made.Primary} is the primary of {access.Spec.Name}, and {Standbys(access, made)} from it.";
            return await RunAsync(access, record, facts => SetupPlanner.Plan(access.Spec, facts, options), form, AsWanted, AsWanted, options.Overwrite, cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(ClusterAccess cluster, SetupRecord record, Func<ImmutableArray<NodeFacts>, SetupPlan> planner, PlanForm form,
        Func<SetupPlan, string> nothing, Func<SetupPlan, string> done, ImmutableArray<string> overwrite, CancellationToken cancellation)
    {
        var screen = Commands.Screen();
        using var hosts = new SetupHosts(cluster);
        ImmutableArray<NodeFacts> facts;
        try
        {
            facts = await new FactsGatherer(cluster, hosts, overwrite).GatherAsync(cancellation);
        }
        catch (SshFailureException failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            await Console.Error.WriteLineAsync("nothing was changed");
            return ExitCode.Failed;
        }
        var plan = planner(facts);
        if (form == PlanForm.Json)
            return await PlanDocument.WriteAsync(cluster, plan);
        if (plan.IsRefused || (form == PlanForm.None && !plan.NotNow.IsEmpty))
        {
            foreach (var refusal in plan.Refusals.Concat(plan.NotNow))
                await Console.Error.WriteLineAsync(refusal);
            await Console.Error.WriteLineAsync("nothing was changed");
            return ExitCode.Failed;
        }
        PlanPrinter.WriteWarnings(screen, plan);
        if (plan.ChangesNothing)
        {
            screen.MarkupLineInterpolated($"[green]Nothing to change:[/] {nothing(plan)}");
            return ExitCode.Ok;
        }
        screen.MarkupLineInterpolated($"Set-up of [bold]{cluster.Spec.Name}[/], primary [bold]{plan.Primary!}[/], {plan.Steps.Length} steps:");
        return await ApplyAsync(screen, cluster, record, hosts, plan, form, done(plan), cancellation);
    }

    private static async Task<int> RemoveGuardAsync(ClusterAccess cluster, SetupRecord record, PlanForm form, CancellationToken cancellation)
    {
        if (cluster.Spec.Policy.GuardTimeToLive > TimeSpan.Zero)
        {
            // A watchdog that believes in a guard that is gone would promote beside a primary that nothing has stopped.
            Commands.Screen().MarkupLineInterpolated($"[red]Refused:[/] {cluster.Spec.Name} relies on its guard. Set GuardTimeToLive to 0, restart the service, then remove the guard.");
            return ExitCode.Failed;
        }
        using var hosts = new SetupHosts(cluster);
        var plan = SetupPlanner.WithoutGuard(cluster.Spec);
        if (form == PlanForm.Json)
            return await PlanDocument.WriteAsync(cluster, plan);
        return await ApplyAsync(Commands.Screen(), cluster, record, hosts, plan, form, $"no node of {cluster.Spec.Name} has a guard any more; the next set-up would install it again.", cancellation);
    }

    private static async Task<int> ApplyAsync(
        IAnsiConsole screen, ClusterAccess cluster, SetupRecord record, SetupHosts hosts, SetupPlan plan, PlanForm form, string done, CancellationToken cancellation)
    {
        if (form != PlanForm.None)
        {
            PlanPrinter.Write(screen, plan);
            screen.WriteLine("Nothing was changed. Without --plan these steps are carried out.");
            return ExitCode.ChangesPending;
        }
        await record.BeginAsync(plan);
        var outcome = "was interrupted";
        try
        {
            await SetupProgress.ApplyAsync(screen, cluster, hosts, plan, cancellation);
            outcome = "is done";
        }
        catch (SshFailureException failure)
        {
            outcome = $"stopped: {failure.Message}";
            await Console.Error.WriteLineAsync(failure.Message);
            await Console.Error.WriteLineAsync("set-up stopped there; what was done stays, and the next run goes on from it");
            return ExitCode.Failed;
        }
        finally
        {
            await record.EndAsync(outcome);
        }
        screen.MarkupLineInterpolated($"[green]Done:[/] {done}");
        return ExitCode.Ok;
    }

    /// <summary>Whether the plan is only shown, and how.</summary>
    private enum PlanForm
    {
        None,
        Text,
        Json,
    }

    private static string Standbys(ClusterAccess cluster, SetupPlan plan)
    {
        var names = cluster.Spec.Nodes.Select(node => node.Name).Where(name => name != plan.Primary).ToList();
        return $"{string.Join(", ", names)} {(names.Count == 1 ? "streams" : "stream")}";
    }
}
