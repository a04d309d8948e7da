using System.CommandLine;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog config validate`.</summary>
public static class ConfigCommand
{
    public static Command Create()
    {
        var validate = new Command("validate", Text.ConfigValidate);
        validate.SetAction(async (parsed, _) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var installation = InstallationLoader.Load(file);
            foreach (var cluster in installation.Clusters)
                await Console.Out.WriteLineAsync($"{cluster.Spec.Name}: {string.Join(", ", cluster.Spec.Nodes.Select(node => $"{node.Name} ({node.Host}:{node.Port})"))}");
            await Console.Out.WriteLineAsync($"{file} is right");
            return ExitCode.Ok;
        });
        return new Command("config", "See to the configuration.") { validate };
    }
}
