using System.CommandLine;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog adopt`: an operator says which node is the primary. The service's next check does it, and this waits for it.</summary>
public static class AdoptCommand
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public static Command Create()
    {
        var cluster = new Argument<string>("CLUSTER") { Description = "The cluster's name in the configuration." };
        var node = new Argument<string>("NODE") { Description = "The node that is the primary." };
        var yes = new Option<bool>("--yes") { Description = "Do not ask for confirmation." };
        var command = new Command("adopt", Text.Adopt) { cluster, node, yes };
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var options = InstallationLoader.LoadOptions(file);
            var chosen = Commands.Choose(options, parsed.GetValue(cluster), file);
            var name = parsed.GetValue(node)!;
            if (!chosen.Nodes.Exists(one => one.Name == name))
                throw new UsageException($"{chosen.Name} has no node {name}; it has {string.Join(", ", chosen.Nodes.Select(one => one.Name))}");
            if (!parsed.GetValue(yes) && !await ConfirmsAsync(options.StateDirectory, chosen.Name, name, cancellation))
                return ExitCode.Failed;
            return await AdoptAsync(options.StateDirectory, chosen.Name, name, cancellation);
        });
        return command;
    }

    private static async Task<bool> ConfirmsAsync(string stateDirectory, string cluster, string node, CancellationToken cancellation)
    {
        using var journal = new JournalReader(stateDirectory);
        await Console.Out.WriteLineAsync(Meaning(cluster, node, journal.Memory(cluster).IntendedPrimary));
        if (Console.IsInputRedirected)
        {
            await Console.Error.WriteLineAsync("nothing was changed: this asks for confirmation on a terminal; give --yes");
            return false;
        }
        await Console.Out.WriteAsync($"Type {node} to go on: ");
        if (await Console.In.ReadLineAsync(cancellation) == node)
            return true;
        await Console.Error.WriteLineAsync("nothing was changed");
        return false;
    }

    /// <summary>What an operator has to know before.</summary>
    public static string Meaning(string cluster, string node, string? before) => before is null
        ? $"{node} becomes the primary of {cluster} on record."
        : $"{node} becomes the primary of {cluster} on record, in place of {before}. {before} is stopped where it serves as primary, and made a standby of {node}:\n"
            + $"rows that only {before} has are lost then. Save them first (pg_dump, or a copy of the data directory).";

    private static async Task<int> AdoptAsync(string stateDirectory, string cluster, string node, CancellationToken cancellation)
    {
        using var journal = new JournalReader(stateDirectory);
        var last = journal.Events(cluster, 1) is [var newest, ..] ? newest.Id : 0;
        if (new OperatorWishes(stateDirectory, TimeProvider.System).Adopt(cluster, node) is null)
        {
            await Console.Out.WriteLineAsync($"{node} is the primary of {cluster} on record already");
            return ExitCode.Ok;
        }
        var asked = TimeProvider.System.GetTimestamp();
        do
        {
            await Task.Delay(Pause, TimeProvider.System, cancellation);
            if (journal.Memory(cluster).IntendedPrimary == node)
            {
                await Console.Out.WriteLineAsync($"{node} is the primary of {cluster}");
                return ExitCode.Ok;
            }
            if (journal.Events(cluster, 100, last).FirstOrDefault(told => told.Kind == EventKind.AdoptionWaits) is { } waits)
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
