using System.CommandLine;
using System.Text.Json;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog status`.</summary>
public static class StatusCommand
{
    public static Command Create()
    {
        var name = Commands.Cluster(required: false);
        var json = new Option<bool>("--json") { Description = "The status as JSON, as the API gives it." };
        var command = new Command("status", Text.Status) { name, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var listen = new Uri(InstallationLoader.LoadOptions(parsed.GetValue(Commands.Config)!).Listen);
            var (status, whyNot) = await ServiceClient.AskAsync<StatusDocument>(listen, Endpoints.StatusPath, cancellation);
            if (status is null)
            {
                await Console.Error.WriteLineAsync(whyNot);
                return ExitCode.Unavailable;
            }
            var wanted = parsed.GetValue(name);
            var clusters = status.Clusters.Where(cluster => wanted is null || cluster.Name == wanted).ToImmutableArray();
            if (clusters.IsEmpty)
            {
                await Console.Error.WriteLineAsync($"the service watches no cluster {wanted}; there are {string.Join(", ", status.Clusters.Select(cluster => cluster.Name))}");
                return ExitCode.Usage;
            }
            if (parsed.GetValue(json))
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(status with { Clusters = clusters }, Json.Indented));
            else
                Commands.Screen().Write(clusters is [var only] ? StatusView.Cluster(only) : StatusView.Fleet(clusters));
            return ExitCode.Ok;
        });
        return command;
    }
}
