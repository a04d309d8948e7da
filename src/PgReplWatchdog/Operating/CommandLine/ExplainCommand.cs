using System.CommandLine;
using System.Text.Json;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog explain`.</summary>
public static class ExplainCommand
{
    /// <summary>So far back a decision not to act is looked for.</summary>
    private const int EventsRead = 1000;

    public static Command Create()
    {
        var name = Commands.Cluster(required: true);
        var json = new Option<bool>("--json") { Description = "The cluster's status as JSON, as the API gives it." };
        var command = new Command("explain", Text.Explain) { name, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var options = InstallationLoader.LoadOptions(file);
            var cluster = Commands.Choose(options, parsed.GetValue(name), file);
            var events = await EventsCommand.AskAsync(options, cluster.Name, EventsRead, 0, cancellation);
            var (answer, _) = await ServiceClient.AskAsync<StatusDocument>(new Uri(options.Listen), Endpoints.StatusPath, cancellation);
            var status = answer?.Clusters.FirstOrDefault(watched => watched.Name == cluster.Name) ?? OnRecord(options, cluster, events);
            if (parsed.GetValue(json))
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(status, Json.Indented));
            else
                Explanation.Write(Commands.Screen(), status, events.FirstOrDefault(told => told.Kind is EventKind.FailoverNotBegun or EventKind.FailoverWithdrawn));
            return ExitCode.Ok;
        });
        return command;
    }

    private static ClusterStatus OnRecord(WatchdogOptions options, ClusterOptions cluster, IReadOnlyList<JournalEntry> events)
    {
        using var journal = new JournalReader(options.StateDirectory);
        return ClusterStatus.OnRecord(InstallationLoader.Spec(cluster), journal.Memory(cluster.Name), journal.Wish(cluster.Name), [.. events.Take(10)]);
    }
}
