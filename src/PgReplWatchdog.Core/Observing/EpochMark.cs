using System.Globalization;
using System.Text.RegularExpressions;

namespace PgReplWatchdog.Observing;

/// <summary>The newest role change that a watchdog has put on record on a host (docs/decisions/0014).</summary>
/// <param name="Epoch">The record's epoch then; 0 where none was put there.</param>
/// <param name="Primary">The primary from then on; empty where none was put there.</param>
public sealed partial record EpochMark(long Epoch, string Primary)
{
    public static readonly EpochMark None = new(0, "");

    /// <summary>
    /// Reads "EPOCH PRIMARY", or "0"; null where the text is anything else. A host's answer is bounded: an epoch grows by
    /// one a role change.
    /// </summary>
    public static EpochMark? Parse(string? text) => text switch
    {
        null => null,
        "0" => None,
        _ => Text().Match(text) is { Success: true } match
            ? new EpochMark(long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), match.Groups[2].Value)
            : null,
    };

    [GeneratedRegex(@"\A([1-9][0-9]{0,14}) ([A-Za-z0-9_.-]{1,64})\z")]
    private static partial Regex Text();
}
