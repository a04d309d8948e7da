using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog notify`.</summary>
public static class NotifyCommand
{
    public static Command Create()
    {
        var test = new Option<bool>("--test") { Description = "Send one test message to each address, and say what came of it." };
        var json = new Option<bool>("--json") { Description = "As JSON." };
        var command = new Command("notify", Text.Notify) { test, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var access = InstallationLoader.Load(parsed.GetValue(Commands.Config)!).Notifications;
            var destinations = new Destinations(access, new WatchdogMetrics(), NullLogger.Instance).Test().ToList();
            var results = await Task.WhenAll(destinations.Select(async one =>
            {
                using var destination = one.Destination;
                var delivery = parsed.GetValue(test) ? await destination.AttemptAsync(one.Message, cancellation) : null;
                return new Result(destination.Channel, destination.Address, delivery?.Succeeded, delivery?.Words);
            }));
            if (parsed.GetValue(json))
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(new Results([.. results]), Json.Indented));
            else
                await WriteAsync(results);
            return results.Length == 0 || results.Any(result => result.Taken == false) ? ExitCode.Failed : ExitCode.Ok;
        });
        return command;
    }

    /// <summary>What `notify --json` prints.</summary>
    private sealed record Results(ImmutableArray<Result> Destinations);

    /// <summary>An address and what came of a test; null where none was made.</summary>
    private sealed record Result(string Channel, string Address, bool? Taken, string? Answer);

    private static async Task WriteAsync(IReadOnlyCollection<Result> results)
    {
        if (results.Count == 0)
            await Console.Error.WriteLineAsync($"nobody is told: give {WatchdogOptions.SectionName}:Notifications AlertmanagerUrls, WebhookUrl or HeartbeatUrl in the configuration");
        var screen = Commands.Screen();
        foreach (var result in results)
        {
            FormattableString outcome = result.Taken switch { null => $"", true => $"[green]taken[/]  {result.Answer}", false => $"[red]NOT taken[/]  {result.Answer}" };
            screen.Write(StatusView.Line($"{result.Channel} at [bold]{result.Address}[/]  ", outcome));
        }
    }
}
