using System.CommandLine;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog takeover`: an operator says that the other watchdog is lost for good. The service's next check does it, and this waits for it.</summary>
public static class TakeoverCommand
{
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
            return parsed.GetValue(yes) || await OperatorRequest.ConfirmsAsync(Meaning(name, other.Described), name, cancellation)
                ? await TakeOverAsync(journal, options.StateDirectory, name, other.Owner, cancellation) : ExitCode.Failed;
        });
        return command;
    }

    private static string Meaning(string cluster, string other) => $"This watchdog replaces the lease of {other}.\n"
        + $"If that one still runs where this one cannot see it, both may act on {cluster}: stop it first.";

    private static async Task<int> TakeOverAsync(JournalReader journal, string stateDirectory, string cluster, string owner, CancellationToken cancellation)
    {
        var last = journal.Events(cluster, 1) is [var newest, ..] ? newest.Id : 0;
        new OperatorWishes(stateDirectory, TimeProvider.System).TakeOver(cluster, owner);
        return await OperatorRequest.UntilDoneAsync(journal, cluster, last, () => journal.Memory(cluster).Other is null,
            $"this watchdog watches {cluster} alone", EventKind.TakeoverWaits, cancellation);
    }
}
