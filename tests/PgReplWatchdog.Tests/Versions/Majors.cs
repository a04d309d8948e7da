using PgReplWatchdog.Lab;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Versions;

/// <summary>The major versions of PostgreSQL that tests run on: PGWATCHDOG_MAJORS="9.6 10 18", or else Debian's own.</summary>
public static class Majors
{
    public static IReadOnlyList<string> Asked { get; } = Parse(Environment.GetEnvironmentVariable("PGWATCHDOG_MAJORS"));

    /// <summary>For what is about versions: Debian's own, on which all other tests run, for `make test-all` alone.</summary>
    public static IEnumerable<TheoryDataRow<string>> Others => Asked.Select(major => new TheoryDataRow<string>(major).WidestIf(IsDebians(major) && Asked.Count > 1));

    /// <summary>For what is about something else: the others for `make test-all` alone.</summary>
    public static IEnumerable<TheoryDataRow<string>> Debians => Asked.Select(major => new TheoryDataRow<string>(major).WidestIf(!IsDebians(major)));

    public static bool IsDebians(string major) => major == LabOptions.DebianMajor;

    public static PostgresVersion Version(string major) => PostgresVersion.Parse(major) ?? throw new ArgumentException($"{major} is no version of PostgreSQL", nameof(major));

    private static string[] Parse(string? majors) => string.IsNullOrWhiteSpace(majors)
        ? [LabOptions.DebianMajor]
        : majors.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
