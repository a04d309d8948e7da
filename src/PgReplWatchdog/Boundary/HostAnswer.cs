using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace PgReplWatchdog.Boundary;

/// <summary>
/// What a script on a host printed, as "name=value", one a line. Names that nobody asks for are ignored, and so are
/// lines without a name. Of a name that comes twice the first value counts. A value that is no number, or longer than
/// it can be, is one that was not given.
/// </summary>
public sealed partial class HostAnswer
{
    /// <summary>PATH_MAX (limits.h).</summary>
    private const int LongestPath = 4096;

    private const int LongestUnit = 255;

    private const int ShownOfNonsense = 100;

    /// <summary>Lines of an answer that are looked at; an honest one has fewer than a hundred.</summary>
    private const int MostLines = 1_000;

    private readonly Dictionary<string, string> values = [];

    /// <param name="output">What the script printed.</param>
    public HostAnswer(string output)
    {
        ArgumentNullException.ThrowIfNull(output);
        foreach (var line in output.Split('\n', MostLines + 1).Take(MostLines))
        {
            var at = line.IndexOf('=', StringComparison.Ordinal);
            if (at > 0)
                values.TryAdd(line[..at], line[(at + 1)..].Trim());
        }
    }

    /// <summary>The name was printed, whatever its value.</summary>
    public bool Has(string name) => values.ContainsKey(name);

    /// <summary>The value for a person's eyes, cut to <paramref name="limit"/> characters; null where it was not given.</summary>
    public string? Words(string name, int limit = Sentence.Limit) =>
        values.TryGetValue(name, out var text) ? Sentence.Of(text, limit) : null;

    /// <summary>The value as it is; null where it was not given or is longer than <paramref name="limit"/> characters.</summary>
    public string? Text(string name, int limit) => values.TryGetValue(name, out var text) && text.Length <= limit ? text : null;

    /// <summary>A whole number that is not negative; null where none was given.</summary>
    public long? Number(string name) =>
        values.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The same where only a small one is meant, such as an exit status.</summary>
    public int? SmallNumber(string name) => Number(name) is { } number and <= int.MaxValue ? (int)number : null;

    /// <summary>An absolute path without control characters.</summary>
    /// <exception cref="InvalidDataException">None was given.</exception>
    public string Path(string name) => Path(name, values.GetValueOrDefault(name));

    /// <summary>An address, written anew from what was read: the text of one host goes into another one's pg_hba.conf.</summary>
    /// <exception cref="InvalidDataException">None was given.</exception>
    public string Address(string name) =>
        IPAddress.TryParse(values.GetValueOrDefault(name), out var address) ? $"{address}" : throw Missing(name, "an address");

    /// <summary>A unit of systemd; null where none was given. Root manages what has this name.</summary>
    /// <exception cref="InvalidDataException">It is no unit's name.</exception>
    public string? Unit(string name)
    {
        if (!values.TryGetValue(name, out var text) || text.Length == 0)
            return null;
        return text.Length <= LongestUnit && UnitName().IsMatch(text) ? text : throw Missing(name, "a unit that ends in .service");
    }

    /// <summary>The same for what a server says.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static string Path(string name, string? text) =>
        text is ['/', ..] && text.Length <= LongestPath && !text.Any(char.IsControl) ? text : throw Missing(name, "an absolute path without control characters", text);

    private InvalidDataException Missing(string name, string wanted) => Missing(name, wanted, values.GetValueOrDefault(name));

    private static InvalidDataException Missing(string name, string wanted, string? text)
    {
        var given = text is null ? "nothing" : $"'{Sentence.Of(text, ShownOfNonsense)}'";
        return new InvalidDataException($"{name} has to be {wanted}, and the host gives {given}");
    }

    /// <summary>As the setting ServiceUnit has it.</summary>
    [GeneratedRegex(@"\A[A-Za-z0-9@._\\:-]+\.service\z")]
    private static partial Regex UnitName();
}
