using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PgReplWatchdog.Configuration;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog watch`: the status once a second, on a screen of its own that goes away with the command.</summary>
public static class WatchCommand
{
    private const string OwnScreen = "\u001b[?1049h\u001b[H";
    private const string FormerScreen = "\u001b[?1049l";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Rows for what stands around the events: title, header, table, gates.</summary>
    private const int RowsBeside = 16;
    private const int FewestEvents = 3;

    public static Command Create()
    {
        var name = Commands.Cluster(required: false);
        var json = new Option<bool>("--json") { Description = "The status each second, one JSON object a line." };
        var command = new Command("watch", Text.Watch) { name, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var options = InstallationLoader.LoadOptions(file);
            var wanted = parsed.GetValue(name) is { } given ? Commands.Choose(options, given, file).Name : null;
            var screen = Commands.Screen();
            var show = parsed.GetValue(json) ? AsJson() : screen.Profile.Capabilities.Ansi && !Console.IsOutputRedirected ? null : AsLines(screen);
            if (show is not null)
                await RepeatAsync(options, wanted, show, cancellation);
            else
                await OnOwnScreenAsync(screen, live => RepeatAsync(options, wanted, live, cancellation));
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>Asks and shows until interrupted, which is how it ends.</summary>
    private static async Task RepeatAsync(WatchdogOptions options, string? wanted, Action<StatusDocument?, string> show, CancellationToken cancellation)
    {
        using var ticks = new PeriodicTimer(Interval);
        try
        {
            do
            {
                var (status, whyNot) = await ServiceClient.AskAsync<StatusDocument>(new Uri(options.Listen), Endpoints.StatusPath, cancellation);
                show(status is null ? null : status with { Clusters = [.. status.Clusters.Where(cluster => wanted is null || cluster.Name == wanted)] }, whyNot);
            }
            while (await ticks.WaitForNextTickAsync(cancellation));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Ctrl-C
        }
    }

    private static Action<StatusDocument?, string> AsJson() => (status, whyNot) =>
        Console.Out.WriteLine(status is null ? JsonSerializer.Serialize(new NoAnswer(whyNot), Json.Line) : JsonSerializer.Serialize(status, Json.Line));

    /// <summary>What `watch --json` prints where there is no status.</summary>
    private sealed record NoAnswer(string Error);

    /// <summary>In a pipe or a file: a line a cluster, where it is another one than before.</summary>
    private static Action<StatusDocument?, string> AsLines(IAnsiConsole screen)
    {
        var shown = new Dictionary<string, string>();
        return (status, whyNot) =>
        {
            if (status is null)
                Show("", whyNot);
            foreach (var cluster in status?.Clusters ?? [])
            {
                Show(cluster.Name, string.Create(CultureInfo.InvariantCulture,
                    $"{cluster.Name}  {cluster.Verdict}  primary {cluster.IntendedPrimary ?? "unknown"}  epoch {cluster.Epoch}  failover {(cluster.FailoverReady ? "ready" : "NOT ready")}")
                    + string.Concat(cluster.Gates.Select(gate => $"  {gate.Gate}")) + (cluster.Procedure is { } procedure ? $"  failover {StatusView.StepOf(procedure)}" : ""));
            }

            void Show(string of, string line)
            {
                if (shown.GetValueOrDefault(of) == line)
                    return;
                shown[of] = line;
                screen.MarkupLineInterpolated($"{TimeProvider.System.GetUtcNow():yyyy-MM-dd HH:mm:ss}Z  {line}");
            }
        };
    }

    /// <summary>Whatever ends it, the former screen and its cursor are there again.</summary>
    private static async Task OnOwnScreenAsync(IAnsiConsole screen, Func<Action<StatusDocument?, string>, Task> repeat)
    {
        StatusDocument? last = null;
        screen.Write(new ControlCode(OwnScreen));
        try
        {
            await screen.Live(new Spectre.Console.Text("")).AutoClear(true).Overflow(VerticalOverflow.Crop).Cropping(VerticalOverflowCropping.Bottom).StartAsync(live =>
                repeat((status, whyNot) =>
                {
                    last = status ?? last;
                    live.UpdateTarget(Printable.Harmless(View(last, status is null ? whyNot : null, screen.Profile.Height)));
                }));
        }
        finally
        {
            screen.Write(new ControlCode(FormerScreen));
        }
    }

    private static Rows View(StatusDocument? status, string? whyNot, int height)
    {
        var clusters = status?.Clusters ?? [];
        return new Rows(
        [
            Markup.FromInterpolated($"[dim]{TimeProvider.System.GetUtcNow():yyyy-MM-dd HH:mm:ss}Z  pgwatchdog watch, Ctrl-C ends it[/]"),
            .. whyNot is null ? Array.Empty<IRenderable>() : [StatusView.Line($"[red]•[/] ", $"{whyNot}{(status is null ? "" : "; this is what it said last")}")],
            new Spectre.Console.Text(""),
            .. clusters switch
            {
                [] => [],
                [var only] => [StatusView.Cluster(only, Math.Max(FewestEvents, height - RowsBeside))],
                _ => new IRenderable[]
                {
                    StatusView.Fleet(clusters),
                    new Rows(clusters.SelectMany(cluster => cluster.Events).OrderByDescending(entry => entry.Id).Take(Math.Max(FewestEvents, height - RowsBeside))
                        .Select(entry => StatusView.Event(entry with { Sentence = $"{entry.Cluster}: {entry.Sentence}" }, TimeProvider.System.GetUtcNow()))),
                },
            },
        ]);
    }
}
