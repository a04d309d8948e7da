using System.Globalization;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Setup;
using Spectre.Console;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>Carries a plan out before a person's eyes: bars on a terminal, lines elsewhere.</summary>
public static class SetupProgress
{
    /// <summary>Between two lines about a copy, where lines are kept.</summary>
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(10);

    public static async Task ApplyAsync(IAnsiConsole screen, ClusterAccess cluster, SetupHosts hosts, SetupPlan plan, CancellationToken cancellation)
    {
        if (Console.IsOutputRedirected)
            await WithLinesAsync(screen, cluster, hosts, plan, cancellation);
        else
            await WithBarsAsync(screen, cluster, hosts, plan, cancellation);
    }

    private static async Task WithLinesAsync(IAnsiConsole screen, ClusterAccess cluster, SetupHosts hosts, SetupPlan plan, CancellationToken cancellation)
    {
        foreach (var (step, index) in plan.Steps.Select((step, index) => (step, index)))
        {
            var started = TimeProvider.System.GetTimestamp();
            var (meter, said) = (new CopyMeter(TimeProvider.System), started);
            var runner = new SetupRunner(cluster, hosts, TimeProvider.System)
            {
                CopyProgress = (bytes, total) =>
                {
                    var text = meter.Text(bytes, total);
                    if (TimeProvider.System.GetElapsedTime(said) < LineInterval)
                        return;
                    said = TimeProvider.System.GetTimestamp();
                    screen.WriteLine($"{index + 1,4}/{plan.Steps.Length} {step.Node}: {text}");
                },
            };
            await runner.RunAsync(step, cancellation);
            screen.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{index + 1,4}/{plan.Steps.Length} {step.Node}: {step.Title}: done in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.0} s"));
        }
    }

    private static Task WithBarsAsync(IAnsiConsole screen, ClusterAccess cluster, SetupHosts hosts, SetupPlan plan, CancellationToken cancellation) => screen
        .Progress().Columns(new SpinnerColumn(), new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
        .StartAsync(async context =>
        {
            foreach (var step in plan.Steps)
            {
                var bar = context.AddTask(Markup.Escape($"{step.Node}: {Short(step.Title)}"));
                bar.IsIndeterminate = step is not SetupStep.CopyFromPrimary;
                var meter = new CopyMeter(TimeProvider.System);
                var runner = new SetupRunner(cluster, hosts, TimeProvider.System) { CopyProgress = (bytes, total) => ShowCopy(bar, step, meter, bytes, total) };
                await runner.RunAsync(step, cancellation);
                bar.IsIndeterminate = false;
                bar.Value = bar.MaxValue;
                bar.StopTask();
            }
        });

    private static void ShowCopy(ProgressTask bar, SetupStep step, CopyMeter meter, long bytes, long? total)
    {
        bar.MaxValue = Math.Max(total ?? bytes, bytes);
        bar.Value = bytes;
        bar.Description = Markup.Escape($"{step.Node}: {meter.Text(bytes, total)}");
    }

    private static string Short(string title) => title.Length <= 60 ? title : title[..57] + "...";
}
