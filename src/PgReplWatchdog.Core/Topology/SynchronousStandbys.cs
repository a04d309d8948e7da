using System.Globalization;
using System.Text.RegularExpressions;

namespace PgReplWatchdog.Topology;

/// <summary>The setting synchronous_standby_names: how many standbys have to confirm a commit, and which may.</summary>
/// <param name="Needed">So many confirm; 0 where the setting is empty.</param>
/// <param name="Names">Their names; * is any.</param>
public sealed partial record SynchronousStandbys(int Needed, ImmutableArray<string> Names)
{
    /// <summary>Null where the text is not understood.</summary>
    public static SynchronousStandbys? Parse(string setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        if (setting.Trim().Length == 0)
            return new(0, []);
        if (Matched(setting) is not { Success: true } match)
            return null;
        var needed = match.Groups["needed"] is { Success: true } group ? group.Value : "1";
        return int.TryParse(needed, CultureInfo.InvariantCulture, out var number) && number > 0
            ? new(number, [.. match.Groups["name"].Captures.Select(name => name.Value.Trim('"').Replace("\"\"", "\"", StringComparison.Ordinal))])
            : null;
    }

    /// <summary>Null where it takes too long: what a server says must not end a check.</summary>
    private static Match? Matched(string setting)
    {
        try
        {
            return Syntax().Match(setting);
        }
        catch (RegexMatchTimeoutException)
        {
            return null;
        }
    }

    /// <summary>PostgreSQL compares application_name without regard to case.</summary>
    public bool IsMetBy(IEnumerable<string> standbys) =>
        standbys.Count(standby => Names.Any(name => name == "*" || name.Equals(standby, StringComparison.OrdinalIgnoreCase))) >= Needed;

    /// <summary>Null where these standbys can confirm a commit on the node; else why its commits wait.</summary>
    /// <param name="node">The primary, or who would be.</param>
    /// <param name="setting">Its synchronous_standby_names.</param>
    /// <param name="standbys">Who may confirm.</param>
    public static string? Lack(string node, string setting, IReadOnlyCollection<string> standbys) =>
        Parse(setting)?.IsMetBy(standbys) == true ? null
            : $"synchronous_standby_names on {node} is {setting}, and "
                + $"{(standbys.Count == 0 ? "there is no other standby" : $"the other standbys are {string.Join(", ", standbys)}")}: change it on {node}";

    [GeneratedRegex("""
        ^\s*(?:(?:(?:FIRST|ANY)\s+)?(?<needed>\d{1,4})\s*\(\s*(?<list>))?
        (?<name>\*|"(?:[^"]|"")+"|[^\s,()"*]+)(?:\s*,\s*(?<name>\*|"(?:[^"]|"")+"|[^\s,()"*]+))*
        \s*(?(list)\)\s*)$
        """, RegexOptions.IgnoreCase | RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex Syntax();
}
