using System.CommandLine;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog pause`, `resume`, `acknowledge`: what a person asks of the service on this host.</summary>
public static class WishCommands
{
    public static Command Pause() => Create("pause", Text.Pause, (wishes, cluster) =>
        (wishes.Pause(cluster, paused: true) ? $"{cluster} is paused: no failover begins until pgwatchdog resume {cluster}" : $"{cluster} was paused already", ExitCode.Ok));

    public static Command Resume() => Create("resume", Text.Resume, (wishes, cluster) =>
        (wishes.Pause(cluster, paused: false) ? $"{cluster} is watched as before" : $"{cluster} was not paused", ExitCode.Ok));

    public static Command Acknowledge() => Create("acknowledge", Text.Acknowledge, (wishes, cluster) => wishes.Acknowledge(cluster) is { } epoch
        ? (FormattableString.Invariant($"the last failover of {cluster} (epoch {epoch}) is acknowledged: the next may begin"), ExitCode.Ok)
        : ($"{cluster} has had no failover that was not acknowledged already", ExitCode.Failed));

    private static Command Create(string name, string description, Func<OperatorWishes, string, (string Words, int Code)> wish)
    {
        var cluster = Commands.Cluster(required: true);
        var command = new Command(name, description) { cluster };
        command.SetAction(async (parsed, _) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var options = InstallationLoader.LoadOptions(file);
            var (words, code) = wish(new OperatorWishes(options.StateDirectory, TimeProvider.System), Commands.Choose(options, parsed.GetValue(cluster), file).Name);
            await (code == ExitCode.Ok ? Console.Out : Console.Error).WriteLineAsync(words);
            return code;
        });
        return command;
    }
}
