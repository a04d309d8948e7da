using System.Text;

namespace PgReplWatchdog.Core.Tests.Planning;

/// <summary>How PostgreSQL itself reads what set-up writes: the tests' own reading, so that quoting is not judged by the code that does it.</summary>
internal static class PostgresText
{
    /// <summary>Name and value of every setting of a configuration file (guc-file.l, DeescapeQuotedString).</summary>
    public static Dictionary<string, string> Settings(string file)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in file.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'))
        {
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            settings[line[..equals].Trim()] = Quoted(line[(equals + 1)..].Trim());
        }
        return settings;
    }

    private static string Quoted(string text)
    {
        var value = new StringBuilder();
        for (var at = 1; at < text.Length; at++)
        {
            if (text[at] == '\\')
                value.Append(text[++at] switch { 'b' => '\b', 'f' => '\f', 'n' => '\n', 'r' => '\r', 't' => '\t', var other => other });
            else if (text[at] != '\'')
                value.Append(text[at]);
            else if (at + 1 < text.Length && text[at + 1] == '\'')
                value.Append(text[at++]);
            else if (at == text.Length - 1)
                return value.ToString();
            else
                throw new FormatException($"syntax error near \"{text[at..]}\" in {text}");
        }
        throw new FormatException($"quoted string without an end: {text}");
    }

    /// <summary>Keywords and values of a connection string (fe-connect.c, conninfo_parse).</summary>
    public static Dictionary<string, string> ConnectionInfo(string text)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var at = 0; at < text.Length; at++)
        {
            var equals = text.IndexOf('=', at);
            var name = text[at..equals];
            var quoted = text[equals + 1] == '\'';
            var value = new StringBuilder();
            for (at = quoted ? equals + 2 : equals + 1; at < text.Length && text[at] != (quoted ? '\'' : ' '); at++)
                value.Append(text[at] == '\\' ? text[++at] : text[at]);
            options[name] = value.ToString();
            at += quoted ? 1 : 0;
        }
        return options;
    }
}
