using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;
using Spectre.Console;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog replay`.</summary>
public static class ReplayCommand
{
    public static Command Create()
    {
        var name = Commands.Cluster(required: true);
        var threshold = new Option<TimeSpan?>("--threshold") { Description = "UnreachableThreshold, such as 5s, 500ms or 00:00:05.", HelpName = "TIME", CustomParser = Duration };
        var crashed = new Option<TimeSpan?>("--crashed-threshold") { Description = "CrashedThreshold.", HelpName = "TIME", CustomParser = Duration };
        var lag = new Option<long?>("--maximum-lag-bytes") { Description = "MaximumLagBytes.", HelpName = "N" };
        var from = new Option<DateTimeOffset?>("--from") { Description = "No look before, such as 2026-01-31 or 2026-01-31T12:00:00Z (UTC).", HelpName = "TIME", CustomParser = Moment };
        var to = new Option<DateTimeOffset?>("--to") { Description = "No look after.", HelpName = "TIME", CustomParser = Moment };
        var json = new Option<bool>("--json") { Description = "The incidents as JSON." };
        var command = new Command("replay", Text.Replay) { name, threshold, crashed, lag, from, to, json };
        command.SetAction(async (parsed, _) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var options = InstallationLoader.LoadOptions(file);
            var spec = InstallationLoader.Spec(Commands.Choose(options, parsed.GetValue(name), file));
            var policy = spec.Policy with
            {
                UnreachableThreshold = parsed.GetValue(threshold) ?? spec.Policy.UnreachableThreshold,
                CrashedThreshold = parsed.GetValue(crashed) ?? spec.Policy.CrashedThreshold,
                MaximumLagBytes = parsed.GetValue(lag) ?? spec.Policy.MaximumLagBytes,
            };
            using var journal = new JournalReader(options.StateDirectory);
            var (looks, notUnderstood) = journal.Looks(spec.Name, parsed.GetValue(from) ?? DateTimeOffset.MinValue, parsed.GetValue(to) ?? DateTimeOffset.MaxValue);
            var incidents = Replay.Run(spec with { Policy = policy, Owner = journal.Owner() }, looks);
            if (notUnderstood > 0)
                await Console.Error.WriteLineAsync($"{notUnderstood} looks were recorded by another version, are not understood and left out");
            if (parsed.GetValue(json))
                await Console.Out.WriteLineAsync(JsonSerializer.Serialize(incidents, Json.Indented));
            else
                Write(Commands.Screen(), spec.Name, looks, incidents);
            return ExitCode.Ok;
        });
        return command;
    }

    private static void Write(IAnsiConsole screen, string cluster, IReadOnlyList<Look> looks, ImmutableArray<Replay.Incident> incidents)
    {
        screen.MarkupLineInterpolated(looks.Count == 0
            ? (FormattableString)$"[bold]{cluster}[/]: no look is recorded for that time"
            : $"[bold]{cluster}[/]: {looks.Count} looks, {looks[0].Observation.Time:u} to {looks[^1].Observation.Time:u}; the primary was found failed {incidents.Length} times");
        if (incidents.IsEmpty)
            return;
        var table = new Table().Border(TableBorder.Rounded).AddColumns("began", "verdicts", "until it served", "decided then", "would be decided", "why not");
        foreach (var incident in incidents)
        {
            table.AddRow(
                FormattableString.Invariant($"{incident.Began:u}"), string.Join(", ", incident.Verdicts),
                incident.Ended is { } ended ? Seconds(ended - incident.Began) : "not recorded",
                incident.Decided is { } decided ? Seconds(decided.After) : "no", incident.WouldDecide is { } would ? $"[yellow]{Seconds(would.After)}[/]" : "no",
                Markup.Escape(incident.WouldDecide is null ? string.Join('\n', incident.ShutToTheLast.Select(gate => $"{gate.Gate}: {gate.Sentence}")) : ""));
        }
        screen.Write(table);
        foreach (var would in incidents.Select(incident => incident.WouldDecide).OfType<Replay.DecidedFailover>())
            screen.MarkupLineInterpolated($"  {would.Time:u}  {would.Sentence}");
    }

    private static string Seconds(TimeSpan time) => FormattableString.Invariant($"{time.TotalSeconds:0.0} s");

    private static TimeSpan? Duration(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        var (number, unit) = text.EndsWith("ms", StringComparison.Ordinal) ? (text[..^2], TimeSpan.FromMilliseconds(1))
            : text.EndsWith('s') ? (text[..^1], TimeSpan.FromSeconds(1))
            : text.EndsWith('m') ? (text[..^1], TimeSpan.FromMinutes(1))
            : ("", TimeSpan.Zero);
        if (double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count) && count <= TimeSpan.MaxValue / TimeSpan.FromDays(1))
            return count * unit;
        if (text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) && time >= TimeSpan.Zero)
            return time;
        result.AddError($"'{text}' is no duration; give it such as 5s, 500ms or 00:00:05.");
        return null;
    }

    private static DateTimeOffset? Moment(ArgumentResult result)
    {
        if (DateTimeOffset.TryParse(result.Tokens[0].Value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
            return time;
        result.AddError($"'{result.Tokens[0].Value}' is no time; give it such as 2026-01-31 or 2026-01-31T12:00:00Z.");
        return null;
    }
}
