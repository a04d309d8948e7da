namespace PgReplWatchdog.Core.Tests;

/// <summary>The source tree that these tests were built from.</summary>
internal static class Repository
{
    public static readonly string Root = Find(AppContext.BaseDirectory);

    public static string File(string path) => Path.Combine(Root, path);

    /// <summary>Files below src that people write.</summary>
    public static IEnumerable<string> Sources(params string[] extensions) =>
        Directory.EnumerateFiles(File("src"), "*", SearchOption.AllDirectories)
            .Where(path => extensions.Contains(Path.GetExtension(path)))
            .Where(path => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"));

    private static string Find(string from)
    {
        for (var directory = new DirectoryInfo(from); directory is not null; directory = directory.Parent)
        {
            if (System.IO.File.Exists(Path.Combine(directory.FullName, "PgReplWatchdog.sln")))
                return directory.FullName;
        }
        throw new DirectoryNotFoundException($"no PgReplWatchdog.sln above {from}");
    }
}
