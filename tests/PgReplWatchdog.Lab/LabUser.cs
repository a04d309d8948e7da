using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>The operating system user the hosts run as.</summary>
internal sealed record LabUser(string Name, uint Uid, uint Gid, string Shell)
{
    /// <summary>
    /// The current user, or, for root, the user that Debian's PostgreSQL package creates: PostgreSQL refuses to run as
    /// root, and <c>nobody</c> would be no substitute because it has no login shell for SSH sessions.
    /// </summary>
    public static async Task<LabUser> FindAsync(CancellationToken ct)
    {
        var who = Environment.IsPrivilegedProcess ? "postgres" : (await Command.RunAsync("id", ["-u"], ct)).Trim();
        var (exitCode, output, _) = await Command.TryRunAsync("getent", ["passwd", who], null, ct);
        if (exitCode != 0)
            throw new LabException($"there is no user {who}; as root the lab runs its hosts as the one of Debian's package postgresql-15");
        return Parse(output.Trim());
    }

    private static LabUser Parse(string line)
    {
        var fields = line.Split(':');
        var user = new LabUser(
            fields[0], uint.Parse(fields[2], CultureInfo.InvariantCulture), uint.Parse(fields[3], CultureInfo.InvariantCulture), fields[6]);
        if (user.Shell.EndsWith("nologin", StringComparison.Ordinal) || user.Shell.EndsWith("/false", StringComparison.Ordinal))
            throw new LabException($"user {user.Name} cannot log in over SSH: its shell is {user.Shell}");
        return user;
    }
}
