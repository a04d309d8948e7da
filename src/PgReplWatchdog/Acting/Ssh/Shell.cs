namespace PgReplWatchdog.Acting.Ssh;

/// <summary>The one place where words become arguments of a shell command.</summary>
public static class Shell
{
    public static string Quote(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>
    /// A function that prints the processes of PostgreSQL that work on the directory in $data: told by their working directory and their program's name, so that neither an
    /// administrator's shell there nor a postmaster that is gone misleads. Another account's processes cannot be seen.
    /// </summary>
    public const string Living = """
        living() {
          for process in /proc/[0-9]*; do
            if [ "$process/cwd" -ef "$data" ]; then case $(readlink "$process/exe") in */postgres*) echo "${process#/proc/}" ;; esac; fi
          done
        }
        """;

    /// <summary>A script with {0}, {1}, ... replaced by quoted words.</summary>
    public static string Script(string script, params ReadOnlySpan<string> words)
    {
        for (var index = 0; index < words.Length; index++)
            script = script.Replace($"{{{index}}}", Quote(words[index]), StringComparison.Ordinal);
        return script;
    }
}
