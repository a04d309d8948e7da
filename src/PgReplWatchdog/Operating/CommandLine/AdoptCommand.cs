using System.CommandLine;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog adopt`: an operator says which node is the primary. The service's next check does it, and this waits for it.</summary>
public static class AdoptCommand
{
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
            using var journal = new JournalReader(options.StateDirectory);
            var seen = journal.Memory(chosen.Name); // what is confirmed is what is done
            if (!parsed.GetValue(yes)
                && !await OperatorRequest.ConfirmsAsync(
                    Meaning(chosen.Name, name, seen.IntendedPrimary), name, cancellation))
                return ExitCode.Failed;
            return await AdoptAsync(journal, options.StateDirectory, chosen.Name, name, seen.Epoch, cancellation);
        });
        return command;
    }

    /// <summary>What an operator has to know before.</summary>
    public static string Meaning(string cluster, string node, string? before) => before is null || before == node
        ? $"{node} becomes the primary of {cluster} on record."
        : $"{node} becomes the primary of {cluster} on record, in place of {before}. {before} is stopped where it serves as primary, and made a standby of {node}:\n"
            + $"rows that only {before} has are lost then. Save them first (pg_dump, or a copy of the data directory).";

    private static async Task<int> AdoptAsync(
        JournalReader journal, string stateDirectory, string cluster, string node, long epoch, CancellationToken cancellation)
    {
        var last = journal.Events(cluster, 1) is [var newest, ..] ? newest.Id : 0;
        if (new OperatorWishes(stateDirectory, TimeProvider.System).Adopt(cluster, node, epoch) is null)
        {
            await Console.Out.WriteLineAsync($"{node} is the primary of {cluster} on record already");
            return ExitCode.Ok;
        }
        return await OperatorRequest.UntilDoneAsync(
            journal, cluster, last, () => journal.Memory(cluster) is { Later: null } memory && memory.IntendedPrimary == node,
            $"{node} is the primary of {cluster}", EventKind.AdoptionWaits, cancellation);
    }
}
