using System.Globalization;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;

namespace PgReplWatchdog.Setup;

/// <summary>libpq's password file (manual, "The Password File"): a line a server, colons and backslashes escaped.</summary>
public static class PassFile
{
    public static string Text(IEnumerable<PassFileEntry> entries, string role, Secret password) => string.Concat(entries.Select(entry => string.Create(
        CultureInfo.InvariantCulture, $"{Escape(entry.Host)}:{entry.Port}:*:{Escape(role)}:{Escape(password.Reveal())}\n")));

    private static string Escape(string word) => word.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal);
}
