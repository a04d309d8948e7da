using System.CommandLine;
using PgReplWatchdog.Lab;
using Spectre.Console;

var screen = AnsiConsole.Create(new AnsiConsoleSettings());
if (Console.IsOutputRedirected)
    screen.Profile.Width = 1000;

var keep = new Option<bool>("--keep") { Description = "Leave the lab's folder with PostgreSQL's logs and data." };
var demo = new System.CommandLine.Command("demo", "Set up, watch, kill the primary, fail over, fence; then end.") { keep };
demo.SetAction((parsed, ct) => new Demo(screen).RunAsync(parsed.GetValue(keep), ct));

var playground = new System.CommandLine.Command("playground", "The same hosts, set up and watched, left running until Ctrl-C.");
playground.SetAction((_, ct) => Playground.RunAsync(screen, ct));

try
{
    return await new RootCommand("Real PostgreSQL hosts for demo and play.") { demo, playground }.Parse(args)
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
