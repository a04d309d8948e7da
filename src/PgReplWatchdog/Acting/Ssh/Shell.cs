namespace PgReplWatchdog.Acting.Ssh;

/// <summary>The one place where words become arguments of a shell command.</summary>
public static class Shell
{
    public static string Quote(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>A script with {0}, {1}, ... replaced by quoted words.</summary>
    public static string Script(string script, params ReadOnlySpan<string> words)
    {
        for (var index = 0; index < words.Length; index++)
            script = script.Replace($"{{{index}}}", Quote(words[index]), StringComparison.Ordinal);
        return script;
    }
}
