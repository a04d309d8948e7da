namespace PgReplWatchdog.Planning;

/// <summary>The lines that set-up owns in files that belong to somebody else, and the one file that is its own.</summary>
public static class ConfigurationText
{
    private const string Begin = "# BEGIN pgwatchdog (lines up to END are written by pgwatchdog setup)";
    private const string End = "# END pgwatchdog";

    /// <summary>The file beside postgresql.conf that holds the settings.</summary>
    public const string ManagedFileName = "pgwatchdog.conf";

    /// <summary>The block at the top: pg_hba.conf is first match wins.</summary>
    public static string WithHbaBlock(string text, IEnumerable<string> lines) => Block(lines) + Without(text);

    /// <summary>The block at the end: in postgresql.conf the last setting wins.</summary>
    public static string WithInclude(string text)
    {
        var rest = Without(text);
        return rest + (rest.Length > 0 && !rest.EndsWith('\n') ? "\n" : "") + Block([$"include_if_exists = '{ManagedFileName}'"]);
    }

    /// <summary>The managed file with some settings changed; those that are there already stay.</summary>
    public static string WithSettings(string? managed, IEnumerable<WantedSetting> changes)
    {
        var lines = (managed ?? "").Split('\n').Where(line => line.Length > 0 && line[0] != '#').ToList();
        foreach (var change in changes)
        {
            lines.RemoveAll(line => line.StartsWith(change.Name + " = ", StringComparison.Ordinal));
            lines.Add(Line(change.Name, change.Value));
        }
        return "# Written by pgwatchdog setup, included from postgresql.conf. What is changed here is found and put right by the next set-up.\n"
            + string.Concat(lines.Select(line => line + "\n"));
    }

    /// <summary>One setting as the managed file has it.</summary>
    public static string Line(string name, string value) => $"{name} = {Quote(value)}";

    /// <summary>A libpq connection string for a walreceiver; the password is in the passfile, never in here.</summary>
    public static string ConnectionInfo(string host, int port, string user, string passFile, string applicationName) =>
        $"host={Escape(host)} port={port} user={Escape(user)} passfile={Escape(passFile)} application_name={Escape(applicationName)} connect_timeout=5";

    /// <summary>An address for pg_hba.conf: one host, or a name as it is.</summary>
    public static string HbaAddress(string host) => Uri.CheckHostName(host) switch
    {
        UriHostNameType.IPv4 => host + "/32",
        UriHostNameType.IPv6 => host + "/128",
        _ => host,
    };

    private static string Block(IEnumerable<string> lines) => $"{Begin}\n{string.Concat(lines.Select(line => line + "\n"))}{End}\n";

    private static string Without(string text)
    {
        var begin = text.IndexOf(Begin, StringComparison.Ordinal);
        var end = begin < 0 ? -1 : text.IndexOf(End, begin + Begin.Length, StringComparison.Ordinal);
        if (end < 0)
            return text;
        var newline = text.IndexOf('\n', end); // whatever an editor has made of the line's end
        return text[..begin] + (newline < 0 ? "" : text[(newline + 1)..]);
    }

    /// <summary>Whether the managed file sets it.</summary>
    public static bool Sets(string? managed, string name) =>
        managed is not null && managed.Split('\n').Any(line => line.StartsWith(name + " = ", StringComparison.Ordinal));

    /// <summary>As postgresql.conf reads it: backslashes are escapes there, too.</summary>
    private static string Quote(string value) =>
        $"'{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'";

    private static string Escape(string value) =>
        $"'{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";
}
