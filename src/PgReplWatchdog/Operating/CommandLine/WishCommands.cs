using System.CommandLine;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog pause`, `resume`, `acknowledge`: what a person asks of the service on this host.</summary>
public static class WishCommands
{
    public static Command Pause() => Create(OperatorAction.Pause, Text.Pause);

    public static Command Resume() => Create(OperatorAction.Resume, Text.Resume);

    public static Command Acknowledge() => Create(OperatorAction.Acknowledge, Text.Acknowledge);

    private static Command Create(OperatorAction action, string description)
    {
        var cluster = Commands.Cluster(required: true);
        var command = new Command(action.Name, description) { cluster };
        command.SetAction(async (parsed, _) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var options = InstallationLoader.LoadOptions(file);
            var outcome = action.Ask(new OperatorWishes(options.StateDirectory, TimeProvider.System), Commands.Choose(options, parsed.GetValue(cluster), file).Name);
            await (outcome.Done ? Console.Out : Console.Error).WriteLineAsync(outcome.Sentence);
            return outcome.Done ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }
}
