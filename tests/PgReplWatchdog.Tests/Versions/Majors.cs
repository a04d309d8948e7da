using PgReplWatchdog.Lab;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Versions;

/// <summary>The major versions of PostgreSQL that tests run on: PGWATCHDOG_MAJORS="9.6 10 18", or else Debian's own.</summary>
public static class Majors
{
    public static TheoryData<string> Asked { get; } = [.. Parse(Environment.GetEnvironmentVariable("PGWATCHDOG_MAJORS"))];

    public static PostgresVersion Version(string major) => PostgresVersion.Parse(major) ?? throw new ArgumentException($"{major} is no version of PostgreSQL", nameof(major));

    private static string[] Parse(string? majors) => string.IsNullOrWhiteSpace(majors)
        ? [LabOptions.DebianMajor]
        : majors.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
