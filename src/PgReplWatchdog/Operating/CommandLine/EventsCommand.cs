using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog events`.</summary>
public static class EventsCommand
{
    private const int ShownByDefault = 50;
    private static readonly TimeSpan BetweenQuestions = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var name = Commands.Cluster(required: false);
        var limit = new Option<int>("--limit") { Description = $"How many, the newest ones. By default {ShownByDefault}.", HelpName = "N", DefaultValueFactory = _ => ShownByDefault };
        limit.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && int.TryParse(text, CultureInfo.InvariantCulture, out var given) && given is < 0 or > Endpoints.EventsLimit)
                result.AddError($"--limit is {text}; give a whole number from 0 to {Endpoints.EventsLimit}.");
        });
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with those that come, until interrupted." };
        var json = new Option<bool>("--json") { Description = "One JSON object a line." };
        var command = new Command("events", Text.Events) { name, limit, follow, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var options = InstallationLoader.LoadOptions(file);
            var cluster = parsed.GetValue(name) is { } given ? Commands.Choose(options, given, file).Name : null;
            var print = Printer(parsed.GetValue(json), withCluster: cluster is null && options.Clusters.Count > 1);
            var asked = parsed.GetValue(limit);
            var newest = await AskAsync(options, cluster, Math.Max(asked, 1), 0, cancellation); // what comes after it is followed, also where none is to be shown
            print([.. newest.Take(asked)]);
            var last = newest is [var first, ..] ? first.Id : 0;
            using var ticks = new PeriodicTimer(BetweenQuestions);
            while (parsed.GetValue(follow) && await NextAsync(ticks, cancellation))
                last = Math.Max(last, print(await AskAsync(options, cluster, Endpoints.EventsLimit, last, cancellation)));
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>The service knows them; else its journal on this host does.</summary>
    public static async Task<IReadOnlyList<JournalEntry>> AskAsync(WatchdogOptions options, string? cluster, int limit, long after, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        var told = new List<JournalEntry>();
        var whyNot = "";
        while (told.Count < limit)
        {
            var atOnce = Math.Min(limit - told.Count, Endpoints.EventsAtOnce);
            var path = $"{Endpoints.EventsPath}?limit={atOnce}&after={after}{(cluster is null ? "" : $"&cluster={cluster}")}{(told.Count == 0 ? "" : $"&before={told[^1].Id}")}";
            (var answer, whyNot) = await ServiceClient.AskAsync<EventsDocument>(new Uri(options.Listen), path, cancellation);
            if (answer is null)
                break;
            told.AddRange(answer.Events);
            if (answer.Events.Length < atOnce || told.Count >= limit)
                return told;
        }
        try
        {
            using var journal = new JournalReader(options.StateDirectory);
            return journal.Events(cluster, limit, after);
        }
        catch (JournalUnreadableException failure)
        {
            throw new JournalUnreadableException($"{whyNot}; and {failure.Message}");
        }
    }

    /// <summary>Prints them oldest first, and returns the newest one's number.</summary>
    private static Func<IReadOnlyList<JournalEntry>, long> Printer(bool json, bool withCluster)
    {
        var screen = Commands.Screen();
        return entries =>
        {
            foreach (var entry in entries.Reverse())
            {
                if (json)
                    Console.Out.WriteLine(JsonSerializer.Serialize(entry, Json.Line));
                else
                    screen.Write(StatusView.Line($"[dim]{entry.Time.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff}Z[/]  ",
                        $"{(withCluster ? entry.Cluster + "  " : "")}[{StatusView.Colour(entry.Kind)}]{entry.Kind}[/]  {entry.Sentence}"));
            }
            return entries.Count > 0 ? entries[0].Id : 0;
        };
    }

    /// <summary>False when interrupted: that is how following ends.</summary>
    private static async Task<bool> NextAsync(PeriodicTimer ticks, CancellationToken cancellation)
    {
        try
        {
            return await ticks.WaitForNextTickAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
