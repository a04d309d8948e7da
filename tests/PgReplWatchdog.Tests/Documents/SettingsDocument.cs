using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Xml.Linq;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Tests.Documents;

/// <summary>docs/settings.md is written from the options and their doc comments.</summary>
public sealed class SettingsDocument
{
    private const string Rewrite = "PGWATCHDOG_REWRITE_DOCS";

    [Fact]
    public async Task The_settings_document_is_what_the_code_says()
    {
        var file = Path.Combine(Repository.Root, "docs", "settings.md");
        var wanted = Render();
        if (Environment.GetEnvironmentVariable(Rewrite) == "1")
            await File.WriteAllTextAsync(file, wanted, TestContext.Current.CancellationToken);
        Assert.True(File.Exists(file) && await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken) == wanted,
            $"docs/settings.md is not current: run the tests with {Rewrite}=1 and review the change");
    }

    private static string Render()
    {
        var comments = XDocument.Load(Path.Combine(AppContext.BaseDirectory, "pgwatchdog.xml"));
        var text = new StringBuilder("""
            # Settings

            Written from the code (`src/PgReplWatchdog/Configuration/WatchdogOptions.cs`); a test keeps it current.

            The file is JSON; all settings are in its section `PgReplWatchdog`. Environment variables override it: `PgReplWatchdog__Clusters__0__Automatic=false`.
            Durations are hours:minutes:seconds, `00:00:10`. Unknown keys and values out of range are errors; `pgwatchdog config validate` tells all of them at once.

            """);
        Section(text, comments, typeof(WatchdogOptions), "The section PgReplWatchdog");
        Section(text, comments, typeof(NotificationOptions), "Notifications");
        Section(text, comments, typeof(ClusterOptions), "Each of Clusters");
        Section(text, comments, typeof(NodeOptions), "Each of Nodes");
        return text.ToString();
    }

    private static void Section(StringBuilder text, XDocument comments, Type type, string title)
    {
        var defaults = Activator.CreateInstance(type)!;
        text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n| setting | default | range | meaning |\n| --- | --- | --- | --- |\n");
        foreach (var property in type.GetProperties())
        {
            var value = property.GetValue(defaults);
            var written = value is IList or "" or null || OptionsReader.IsGroup(property.PropertyType) ? (property.GetCustomAttribute<RequiredAttribute>() is null ? "" : "required") : $"`{Convert.ToString(value, CultureInfo.InvariantCulture)}`";
            var range = property.GetCustomAttribute<RangeAttribute>() is { } limits ? $"{limits.Minimum} to {limits.Maximum}"
                : property.PropertyType.IsEnum ? string.Join(", ", OptionsReader.Names(property.PropertyType)) : "";
            text.Append(CultureInfo.InvariantCulture, $"| {property.Name} | {written} | {range} | {Summary(comments, property)} |\n");
        }
    }

    private static string Summary(XDocument comments, PropertyInfo property)
    {
        var name = $"P:{property.DeclaringType!.FullName}.{property.Name}";
        var summary = comments.Descendants("member").FirstOrDefault(member => (string?)member.Attribute("name") == name)?.Element("summary")?.Value;
        Assert.False(string.IsNullOrWhiteSpace(summary), $"{property.Name} has no doc comment");
        return string.Join(' ', summary!.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Replace("|", "\\|", StringComparison.Ordinal);
    }
}
