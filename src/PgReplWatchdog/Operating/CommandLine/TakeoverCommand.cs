using System.CommandLine;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog takeover`: an operator says that the other watchdog is lost for good. The service's next check does it, and this waits for it.</summary>
public static class TakeoverCommand
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var cluster = new Argument<string>("CLUSTER") { Description = "The cluster's name in the configuration." };
        var yes = new Option<bool>("--yes") { Description = "Do not ask for confirmation." };
        var command = new Command("takeover", Text.Takeover) { cluster, yes };
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var options = InstallationLoader.LoadOptions(file);
            var name = Commands.Choose(options, parsed.GetValue(cluster), file).Name;
            using var journal = new JournalReader(options.StateDirectory);
            if (journal.Memory(name).Other is not { } other)
            {
                await Console.Out.WriteLineAsync($"no other watchdog of {name} is on record");
                return ExitCode.Ok;
            }
            return parsed.GetValue(yes) || await ConfirmsAsync(name, other.Described, cancellation)
                ? await TakeOverAsync(journal, options.StateDirectory, name, cancellation) : ExitCode.Failed;
        });
        return command;
    }

    private static async Task<bool> ConfirmsAsync(string cluster, string other, CancellationToken cancellation)
    {
        await Console.Out.WriteLineAsync($"This watchdog replaces the lease of {other}.\nIf that one still runs where this one cannot see it, both may act on {cluster}: stop it first.");
        if (Console.IsInputRedirected)
        {
            await Console.Error.WriteLineAsync("nothing was changed: this asks for confirmation on a terminal; give --yes");
            return false;
        }
        await Console.Out.WriteAsync($"Type {cluster} to go on: ");
        if (await Console.In.ReadLineAsync(cancellation) == cluster)
            return true;
        await Console.Error.WriteLineAsync("nothing was changed");
        return false;
    }

    private static async Task<int> TakeOverAsync(JournalReader journal, string stateDirectory, string cluster, CancellationToken cancellation)
    {
        var last = journal.Events(cluster, 1) is [var newest, ..] ? newest.Id : 0;
        new OperatorWishes(stateDirectory, TimeProvider.System).TakeOver(cluster);
        var asked = TimeProvider.System.GetTimestamp();
        do
        {
            await Task.Delay(Pause, TimeProvider.System, cancellation);
            if (journal.Memory(cluster).Other is null)
            {
                await Console.Out.WriteLineAsync($"this watchdog watches {cluster} alone");
                return ExitCode.Ok;
            }
            if (journal.Events(cluster, 100, last).FirstOrDefault(told => told.Kind == EventKind.TakeoverWaits) is { } waits)
            {
                await Console.Error.WriteLineAsync(waits.Sentence);
                return ExitCode.Failed;
            }
        }
        while (TimeProvider.System.GetElapsedTime(asked) < LongestWait);
        await Console.Error.WriteLineAsync(FormattableString.Invariant(
            $"no check of {cluster} has taken the request in {LongestWait.TotalSeconds:0} s: does the service run (pgwatchdog status {cluster})? ")
            + FormattableString.Invariant($"The request ends after {Adoption.RequestHolds.TotalMinutes:0} min"));
        return ExitCode.Failed;
    }
}
