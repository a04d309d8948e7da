using System.Globalization;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Versions;

/// <summary>The major versions of PostgreSQL that tests run on: PGWATCHDOG_MAJORS="10 18", or else Debian's own.</summary>
public static class Majors
{
    public static TheoryData<int> Asked { get; } = [.. Parse(Environment.GetEnvironmentVariable("PGWATCHDOG_MAJORS"))];

    private static IEnumerable<int> Parse(string? majors) => string.IsNullOrWhiteSpace(majors)
        ? [LabOptions.DebianMajor]
        : majors.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(major => int.Parse(major, CultureInfo.InvariantCulture));
}
