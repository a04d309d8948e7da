namespace PgReplWatchdog.Lab;

/// <summary>The end of a log, for messages about what went wrong.</summary>
internal static class LogTail
{
    private const int Lines = 20;

    public static string Of(string path)
    {
        try
        {
            return $"\n--- {path}\n" + string.Join('\n', File.ReadLines(path).TakeLast(Lines));
        }
        catch (IOException)
        {
            return $"\n--- {path} does not exist";
        }
    }
}
