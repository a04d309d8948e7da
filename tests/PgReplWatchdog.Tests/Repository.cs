namespace PgReplWatchdog.Tests;

/// <summary>The checkout that the tests were built from.</summary>
public static class Repository
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string from)
    {
        var directory = new DirectoryInfo(from);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "PgReplWatchdog.sln")))
            directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException($"no checkout above {from}");
    }
}
