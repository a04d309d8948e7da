using System.Globalization;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Page;

/// <summary>Numbers, times and words of the vocabulary as a person reads them on the page. Times are UTC, as in journal and log.</summary>
public static class Words
{
    private static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB", "PiB"];

    public static string Bytes(long? bytes)
    {
        if (bytes is not { } known)
            return "unknown";
        if (known < 1024)
            return Invariant($"{known} {(known == 1 ? "byte" : "bytes")}");
        var (size, unit) = (known / 1024.0, 0);
        for (; size >= 1024 && unit < Units.Length - 1; unit++)
            size /= 1024;
        return Invariant($"{size:0.#} {Units[unit]}");
    }

    public static string Span(TimeSpan span) =>
        span < TimeSpan.FromMinutes(1) ? Invariant($"{span.TotalSeconds:0.##} s")
        : span < TimeSpan.FromHours(1) ? Invariant($"{(int)span.TotalMinutes} min {span.Seconds} s")
        : Invariant($"{(int)span.TotalHours} h {span.Minutes} min");

    public static string Ago(TimeSpan span) =>
        span < TimeSpan.FromMinutes(1) ? "just now"
        : span < TimeSpan.FromHours(1) ? Invariant($"{(int)span.TotalMinutes} min ago")
        : span < TimeSpan.FromDays(2) ? Invariant($"{(int)span.TotalHours} h ago")
        : Invariant($"{(int)span.TotalDays} days ago");

    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("d MMM yyyy HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>To the millisecond, as the journal has it.</summary>
    public static string Exact(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);

    public static string Clock(DateTimeOffset time) => time.UtcDateTime.ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);

    public static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>For the eye: a capital at the beginning.</summary>
    public static string Sentence(string text) => text is { Length: > 0 } ? char.ToUpperInvariant(text[0]) + text[1..] : "";

    public static string Lag(NodeStatus node) => node?.ReplayLagBytes is not { } bytes ? "lag unknown"
        : bytes == 0 ? "nothing behind"
        : $"{Bytes(bytes)} behind{(node.ReplayLagSeconds is { } seconds ? $" ({Span(TimeSpan.FromSeconds(seconds))})" : "")}";

    public static string Of(Verdict verdict, string? primary)
    {
        var node = primary ?? "the primary";
        return verdict switch
        {
            Verdict.Unknown => "Not known",
            Verdict.Serving => $"{node} serves",
            Verdict.Busy => $"{node} lives and turns clients away",
            Verdict.ServingElsewhere => $"{node} serves, the watchdog does not reach it",
            Verdict.WatchdogIsolated => "The watchdog is cut off",
            Verdict.Crashed => $"PostgreSQL has crashed on {node}",
            Verdict.Stopped => $"PostgreSQL was stopped on {node}",
            Verdict.Hung => $"PostgreSQL hangs on {node}",
            Verdict.Down => $"{node} is down, server and host",
            Verdict.TwoPrimaries => "Two nodes say that they are primary",
        };
    }

    public static string Of(ProcedureStep step) => step switch
    {
        ProcedureStep.Unknown => "Step not known",
        ProcedureStep.HookBefore => "The hook before runs",
        ProcedureStep.Fence => "The old primary is stopped",
        ProcedureStep.Freeze => "The standbys are held, their positions compared",
        ProcedureStep.Salvage => "WAL is shipped from the old primary",
        ProcedureStep.Promote => "The standby is promoted",
        ProcedureStep.PassOver => "The standby was not promoted in time and is stopped",
        ProcedureStep.HookAfter => "The new primary is writable",
        ProcedureStep.Withdraw => "The failover is taken back",
    };

    /// <summary>Why it was decided.</summary>
    public static string Why(Procedure procedure)
    {
        ArgumentNullException.ThrowIfNull(procedure);
        return $"{Cause(procedure)}: decided {Span(procedure.DecidedAt - procedure.SilentSince)} after its last sign of life";
    }

    /// <summary>What had become of the old primary.</summary>
    public static string Cause(Procedure procedure)
    {
        ArgumentNullException.ThrowIfNull(procedure);
        return Enum.TryParse<Verdict>(procedure.Verdict, out var verdict) && verdict != Verdict.Unknown ? Of(verdict, procedure.From) : "For a reason that is not on record";
    }

    /// <summary>Why there would be no failover, shortly; the gate's sentence says the rest.</summary>
    public static string Of(Gate gate) => gate switch
    {
        Gate.ThresholdNotReached => "the primary has not failed for long enough",
        Gate.AutomaticOff => "it is left to a person",
        Gate.Paused => "it is paused",
        Gate.FreezeWindow => "a freeze window is open",
        Gate.RecentFailover => "the last one was a short while ago",
        Gate.JournalUnwritable => "the journal cannot be written",
        Gate.PrimaryDiskFull => "the primary's disk is full",
        Gate.OldPrimaryNotFenced => "the old primary could not be kept from writing",
        _ => "no standby may be promoted",
    };

    public static string Of(Reach reach) => reach switch
    {
        Reach.Unknown => "not asked",
        Reach.Serving => "serves",
        Reach.Alive => "lives, refuses",
        Reach.Refused => "port closed",
        Reach.Unreachable => "no answer",
        Reach.Failed => "no information",
    };

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
