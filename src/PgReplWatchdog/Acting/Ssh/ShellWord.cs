using System.Globalization;
using System.Text;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>What stands for a placeholder of a script: one word, or several.</summary>
public readonly record struct ShellWord
{
    private readonly string text;
    private readonly string? pattern;

    private ShellWord(string quoted, string text, string? pattern = null) => (Quoted, this.text, this.pattern) = (quoted, text, pattern);

    /// <summary>As a shell reads it.</summary>
    public string Quoted { get; }

    /// <summary>In letters that mean nothing to a shell: other bytes as % and three octal digits.</summary>
    public string Encoded => string.Concat(Encoding.UTF8.GetBytes(text).Select(letter =>
        char.IsAsciiLetterOrDigit((char)letter) || (char)letter is '_' or '/' or ':' or '=' or ',' or '-' or '.' ? ((char)letter).ToString()
        : $"%{Convert.ToString(letter, 8).PadLeft(3, '0')}"));

    /// <summary>What a host takes in its place, of <see cref="Encoded"/>: an extended regular expression (grep(1)). By default this word alone.</summary>
    public string Allowed => pattern ?? Encoded.Replace(".", "[.]", StringComparison.Ordinal);

    /// <summary>Any number of words, with blanks between them.</summary>
    public static ShellWord List(IEnumerable<string> words) => new(string.Join(' ', words.Select(Shell.Quote)), "");

    public static ShellWord FromString(string word) => new(Shell.Quote(word), word);

    public static implicit operator ShellWord(string word) => FromString(word);

    /// <summary>Any whole number, or none.</summary>
    public static ShellWord Number(long? number) => Any(number?.ToString(CultureInfo.InvariantCulture) ?? "", "[0-9]{0,19}");

    /// <summary>Any position in WAL, or none.</summary>
    public static ShellWord Position(Lsn? position) => Any(position?.ToString() ?? "", "([0-9A-F]{1,8}/[0-9A-F]{1,8})?");

    /// <summary>Any name of a segment of WAL.</summary>
    public static ShellWord Segment(string name) => Any(name, "[0-9A-F]{24}");

    /// <summary>Any time in seconds, with two digits behind the point.</summary>
    public static ShellWord Seconds(string seconds) => Any(seconds, "[0-9]{1,4}[.][0-9]{2}");

    /// <summary>Any time, for a name: yyyyMMddTHHmmss.</summary>
    public static ShellWord Stamp(string stamp) => Any(stamp, "[0-9]{8}T[0-9]{6}");

    /// <summary>Any watchdog's name, or none.</summary>
    public static ShellWord Owner(string name) => Any(name, "([0-9a-f]{8})?");

    /// <summary>Any line of text, without control characters.</summary>
    public static ShellWord Line(string line) => Any(line, "([A-Za-z0-9_/:=,.-]|%(0[4-7]|[123][0-7])[0-7])*");

    private static ShellWord Any(string word, string pattern) => new(Shell.Quote(word), word, pattern);
}
