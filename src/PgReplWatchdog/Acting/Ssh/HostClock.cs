using System.Diagnostics;
using System.Globalization;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>
/// A host's monotonic clock (proc(5), uptime), paired with this process's own. Every script carries a deadline by the
/// host's clock, and does nothing if it arrives later (docs/decisions/0017). The host's clock is read after the
/// question was sent. So a deadline can be late by the time that the question took. It is never early.
/// </summary>
/// <param name="Uptime">What the host said, in hundredths of a second.</param>
/// <param name="AskedAt">When the question was sent: a timestamp of <see cref="Stopwatch"/>.</param>
public sealed record HostClock(long Uptime, long AskedAt)
{
    /// <summary>It works in every login shell. What the shell prints before may have no end of line. The first line is for a forced command (<see cref="HostScript"/>).</summary>
    public const string Question = ": pgwatchdog clock\necho; cat /proc/uptime";

    /// <summary>The exit status of a script that arrived too late.</summary>
    public const int TooLate = 79;

    /// <summary>Allows for the resolution of both clocks, and for their different rates.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(0.5);

    private const int MillisecondsPerHundredth = 10;

    /// <summary>Null if the output is no uptime. Lines that a login shell prints before it are ignored.</summary>
    public static HostClock? Read(string output, long askedAt)
    {
        ArgumentNullException.ThrowIfNull(output);
        var words = output.TrimEnd().Split('\n')[^1].Split(' ');
        return words.Length == 2
            && decimal.TryParse(words[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds < int.MaxValue ? new HostClock((long)(seconds * 100), askedAt) : null;
    }

    /// <summary>By this host's clock.</summary>
    /// <param name="until">When nobody waits for it any more: a timestamp of <see cref="Stopwatch"/>.</param>
    public long Deadline(long until) => Uptime + ((long)(Stopwatch.GetElapsedTime(AskedAt, until) + Margin).TotalMilliseconds / MillisecondsPerHundredth);

    /// <summary>The script, with a check of its deadline before it: only builtins of the shell.</summary>
    public static string Guarded(string script, long deadline) => string.Create(CultureInfo.InvariantCulture, $$"""
        read -r uptime _ < /proc/uptime
        [ "${uptime%.*}${uptime#*.}" -le {{deadline}} ] || {
          echo "the request arrived after its deadline; nothing was done" >&2
          exit {{TooLate}}
        }

        """) + script;
}
