using System.Collections.Concurrent;
using System.Reflection;

namespace PgReplWatchdog;

/// <summary>The .sql files of this assembly, which also run in psql, and the guard, which runs in sh.</summary>
public static class SqlText
{
    private static readonly ConcurrentDictionary<string, string> Read = new();

    /// <summary>The text of the file whose name ends so, for example "Probing.Sql.observe.sql".</summary>
    public static string Of(string name) => Read.GetOrAdd(name, static wanted =>
    {
        var assembly = Assembly.GetExecutingAssembly();
        using var stream = assembly.GetManifestResourceStream($"{nameof(PgReplWatchdog)}.{wanted}")
            ?? throw new InvalidOperationException($"{wanted} is not in the assembly");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    });
}
