using System.CommandLine;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Lab.Chaos;
using Spectre.Console;

var screen = AnsiConsole.Create(new AnsiConsoleSettings());
if (Console.IsOutputRedirected)
    screen.Profile.Width = 1000;

var keep = new Option<bool>("--keep") { Description = "Leave the lab's folder with PostgreSQL's logs and data." };
var demo = new System.CommandLine.Command("demo", "Set up, watch, kill the primary, fail over, fence; then end.") { keep };
demo.SetAction((parsed, ct) => new Demo(screen).RunAsync(parsed.GetValue(keep), ct));

var playground = new System.CommandLine.Command("playground", "The same hosts, set up and watched, left running until Ctrl-C.");
playground.SetAction((_, ct) => Playground.RunAsync(screen, ct));

var minutes = new Option<double>("--minutes") { Description = "No round begins later than this.", DefaultValueFactory = _ => 20 };
var seed = new Option<int>("--seed") { Description = "What faults and times are drawn from.", DefaultValueFactory = _ => 1 };
var only = new Option<string[]>("--only") { Description = "Only faults of these numbers, as F4 F5.", AllowMultipleArgumentsPerToken = true };
var log = new Option<string>("--log") { Description = "Where the rounds are written.", DefaultValueFactory = _ => "chaos.log" };
var replay = new Option<string?>("--replay") { Description = "Runs the rounds of such a log instead of drawing them." };
var chaos = new System.CommandLine.Command("chaos", "Three hosts, clients, and faults at random; 1 when something was violated.") { minutes, seed, only, log, replay, keep };
chaos.SetAction((parsed, ct) => new ChaosRun(screen, new ChaosOptions
{
    Time = TimeSpan.FromMinutes(parsed.GetValue(minutes)),
    Seed = parsed.GetValue(seed),
    Only = parsed.GetValue(only) ?? [],
    Log = parsed.GetValue(log)!,
    Replay = parsed.GetValue(replay),
    Keep = parsed.GetValue(keep),
}).RunAsync(ct));

try
{
    return await new RootCommand("Real PostgreSQL hosts for demo and play.") { demo, playground, chaos }.Parse(args)
        .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (LabException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 1;
}
catch (OperationCanceledException)
{
    return 130; // Ctrl-C; the lab has tidied up
}
