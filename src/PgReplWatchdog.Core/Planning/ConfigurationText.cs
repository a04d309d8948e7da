using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>The lines that set-up owns in files that belong to somebody else, and the one file that is its own.</summary>
public static class ConfigurationText
{
    private const string Begin = "# BEGIN pgwatchdog (lines up to END are written by pgwatchdog setup)";
    private const string End = "# END pgwatchdog";
    private const string LeftBegin = "# BEGIN replication (left here by pgwatchdog setup --remove, and yours now: the lines up to END)";
    private const string LeftEnd = "# END replication";

    /// <summary>After Begin where the line before it had no end: so that it has none again when the block goes.</summary>
    private const string LineBeforeHadNoEnd = " after a line without end";

    /// <summary>The file beside postgresql.conf that holds the settings.</summary>
    public const string ManagedFileName = "pgwatchdog.conf";

    /// <summary>After the name of a file of the administrator's: as it was before the first change.</summary>
    public const string KeptSuffix = ".before-pgwatchdog";

    /// <summary>The block at the top: pg_hba.conf is first match wins.</summary>
    public static string WithHbaBlock(string text, IEnumerable<string> lines) => Block(lines) + Without(text);

    /// <summary>The block at the end: in postgresql.conf the last setting wins.</summary>
    public static string WithInclude(string text, string managedFile = ManagedFileName)
    {
        var rest = Without(text);
        var block = Block([$"include_if_exists = {Quote(managedFile)}"]);
        return rest.Length == 0 || rest.EndsWith('\n') ? rest + block : $"{rest}\n{block.Insert(Begin.Length, LineBeforeHadNoEnd)}";
    }

    private const string ManagedComment = "# Written by pgwatchdog setup, included from postgresql.conf. What is changed here is found and put right by the next set-up.\n";
    private const string LeftComment = "# Settings for replication, written by pgwatchdog setup, left here by pgwatchdog setup --remove, and yours now. postgresql.conf includes this file.\n";

    /// <summary>The managed file with some settings changed; those that are there already stay.</summary>
    public static string WithSettings(string? managed, IEnumerable<WantedSetting> changes) =>
        ManagedComment
            + WithLines(string.Concat((managed ?? "").Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line => line + "\n")),
                changes.Select(change => (change.Name, change.Value)));

    /// <summary>Some lines of the form that set-up writes replaced or added, or taken out where there is no value, all others as they are.</summary>
    public static string WithLines(string? text, IEnumerable<(string Name, string? Value)> changes)
    {
        var lines = (text ?? "").Split('\n').Where(line => line.Length > 0).ToList();
        foreach (var (name, value) in changes)
        {
            lines.RemoveAll(line => line.StartsWith(name + " = ", StringComparison.Ordinal));
            if (value is not null)
                lines.Add(Line(name, value));
        }
        return string.Concat(lines.Select(line => line + "\n"));
    }

    /// <summary>The shell assignments that the scripts on the host go by (Acting/server.sh).</summary>
    public static string Server(string node, string configDirectory, string? unit) => "# Written by pgwatchdog setup, read by its scripts on this host.\n"
        + $"node={ShellQuote(node)} config={ShellQuote(configDirectory)} unit={ShellQuote(unit ?? "")}\n";

    /// <summary>One setting as the managed file has it.</summary>
    public static string Line(string name, string value) => $"{name} = {Quote(value)}";

    /// <summary>A libpq connection string; the password is in the passfile, never in here. Null where libpq finds it by itself.</summary>
    public static string ConnectionInfo(string host, int port, string user, string? passFile, string applicationName, Tls tls = Tls.Off) =>
        $"host={Escape(host)} port={port} user={Escape(user)}{(passFile is null ? "" : $" passfile={Escape(passFile)}")} application_name={Escape(applicationName)} connect_timeout=5"
            + (tls == Tls.Required ? " sslmode=require" : "");

    /// <summary>An address for pg_hba.conf: one host, or a name as it is.</summary>
    public static string HbaAddress(string host) => Uri.CheckHostName(host) switch
    {
        UriHostNameType.IPv4 => host + "/32",
        UriHostNameType.IPv6 => host + "/128",
        _ => host,
    };

    private static string Block(IEnumerable<string> lines) => $"{Begin}\n{string.Concat(lines.Select(line => line + "\n"))}{End}\n";

    /// <summary>The text without what set-up has written into it, or has handed over: byte for byte as it was.</summary>
    public static string Without(string text) => Find(text) is { } block ? text[..block.Before] + text[block.After..] : text;

    /// <summary>The block, if there is one, with only those of its lines, under words that say whose they are now.</summary>
    public static string HandedOver(string text, Func<string, bool> stays)
    {
        if (Find(text) is not { } block || IsLeft(text, block))
            return text;
        var lines = text[block.Begin..block.After].Split('\n').Where(line => line.Length > 0 && line[0] != '#' && stays(line)).ToList();
        var begin = LeftBegin + (block.Before < block.Begin ? LineBeforeHadNoEnd : "");
        return lines.Count == 0 ? Without(text) : $"{text[..block.Begin]}{begin}\n{string.Concat(lines.Select(line => line + "\n"))}{LeftEnd}\n{text[block.After..]}";
    }

    /// <summary>The managed file as it is left to the administrator: another first line.</summary>
    public static string HandedOver(string managed) =>
        managed.StartsWith(ManagedComment, StringComparison.Ordinal) ? LeftComment + managed[ManagedComment.Length..] : managed;

    /// <summary>Nothing in it is set-up's: an administrator's file as he wrote it.</summary>
    public static bool IsUntouched(string text) => Find(text) is null;

    private readonly record struct Extent(int Before, int Begin, int After);

    private static bool IsLeft(string text, Extent block) => string.CompareOrdinal(text, block.Begin, LeftBegin, 0, LeftBegin.Length) == 0;

    private static Extent? Find(string text) => Find(text, Begin, End) ?? Find(text, LeftBegin, LeftEnd);

    private static Extent? Find(string text, string first, string last)
    {
        var begin = text.IndexOf(first, StringComparison.Ordinal);
        var end = begin < 0 ? -1 : text.IndexOf(last, begin + first.Length, StringComparison.Ordinal);
        if (end < 0)
            return null;
        var added = begin > 0 && string.CompareOrdinal(text, begin + first.Length, LineBeforeHadNoEnd, 0, LineBeforeHadNoEnd.Length) == 0 ? 1 : 0;
        var newline = text.IndexOf('\n', end); // whatever an editor has made of the line's end
        return new Extent(begin - added, begin, newline < 0 ? text.Length : newline + 1);
    }

    /// <summary>Whether the managed file sets it.</summary>
    public static bool Sets(string? managed, string name) =>
        managed is not null && managed.Split('\n').Any(line => line.StartsWith(name + " = ", StringComparison.Ordinal));

    /// <summary>As postgresql.conf reads it: backslashes are escapes there, too.</summary>
    private static string Quote(string value) =>
        $"'{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'";

    internal static string ShellQuote(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static string Escape(string value) =>
        $"'{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";
}
