using System.Text.RegularExpressions;

namespace PgReplWatchdog.Topology;

/// <summary>When and why a guard stopped its primary, by its start block (guard.sh, block_start).</summary>
/// <param name="At">The host's own time.</param>
/// <param name="Reason">The guard's reason; printable and short.</param>
public sealed partial record GuardBlock(string At, string Reason)
{
    private const int LongestReason = 300;

    /// <summary>Null where the text is not a guard's start block.</summary>
    public static GuardBlock? Parse(string? text)
    {
        if (text is null || Matched(text) is not { Success: true } found)
            return null;
        var reason = found.Groups["reason"].Value.Where(letter => !char.IsControl(letter)).Take(LongestReason);
        return new GuardBlock(found.Groups["at"].Value, string.Concat(reason));
    }

    /// <summary>Null where it takes too long: what a host says must not end a check.</summary>
    private static Match? Matched(string text)
    {
        try
        {
            return Words().Match(text);
        }
        catch (RegexMatchTimeoutException)
        {
            return null;
        }
    }

    /// <summary>What an operator should know and do.</summary>
    public string Describe(string cluster, NodeSpec node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return $"the guard of {node.Name} stopped PostgreSQL at {At}: {Reason}. See which node is the primary. "
            + "If no other node is: "
            + $"run on the host of {node.Name}: rm '{node.StartBlock}' '{node.GuardOrderFile}', then start PostgreSQL. "
            + $"If another node is: pgwatchdog setup {cluster} --overwrite {node.Name}";
    }

    [GeneratedRegex(
        @"\A# Put here by the guard of PgReplWatchdog .{0,300}? at (?<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z)\.\s+"
            + @"# It stopped PostgreSQL: (?<reason>.{1,2000}?)\.?\s*(\n|# While|\z)",
        RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex Words();
}
