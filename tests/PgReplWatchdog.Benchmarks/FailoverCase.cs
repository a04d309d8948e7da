using System.Text.Json.Nodes;
using PgReplWatchdog.Lab.Faults;

namespace PgReplWatchdog.Benchmarks;

/// <summary>A fault under some settings, and for how long clients may go without writes, in seconds: the median of the runs.</summary>
internal sealed record FailoverCase(string Name, Fault Fault, double Median, Action<JsonObject> Change)
{
    /// <summary>No run may take longer, in seconds.</summary>
    public double AtMost { get; init; } = double.PositiveInfinity;

    /// <summary>A report on the standby holds its replay when the fault begins, with PostgreSQL's own max_standby_streaming_delay.</summary>
    public bool HoldsReplay { get; init; }

    /// <summary>Only who connects anew goes without writes, and from the fault on.</summary>
    public bool OldSessionsGoOn { get; init; }

    public static IReadOnlyList<FailoverCase> All { get; } =
    [
        new("F1", new Crash(PostmasterAlone: false), 0.9, _ => { }),
        new("F1-at-once", new Crash(PostmasterAlone: false), 0.3, section => section["CrashedThreshold"] = "00:00:00"),
        new("F1-held", new Crash(PostmasterAlone: false), 1.9, _ => { }) { HoldsReplay = true },
        new("F3", new Frozen(PostmasterAlone: false), 6.5, _ => { }),
        new("F3-postmaster", new Frozen(PostmasterAlone: true), 11.0, _ => { }) { OldSessionsGoOn = true },
        new("F3-postmaster-tuned", new Frozen(PostmasterAlone: true), 5.0, Tuned) { OldSessionsGoOn = true },
        new("F2", new HostGone(PostgresStartsAtBoot: false), 10.35, _ => { }) { AtMost = 10.6 },
        new("F6", new Partition(Between.PrimaryAndEverybody), 10.35, _ => { }) { AtMost = 10.6 },
        new("F2-tuned", new HostGone(PostgresStartsAtBoot: false), 4.55, Tuned) { AtMost = 4.7 },
        new("F6-tuned", new Partition(Between.PrimaryAndEverybody), 4.55, Tuned) { AtMost = 4.7 },
    ];

    /// <summary>As docs/settings.md has it for fast failover of a vanished host.</summary>
    private static void Tuned(JsonObject section)
    {
        section["UnreachableThreshold"] = "00:00:04.3";
        section["GuardTimeToLive"] = "00:00:03";
        section["CheckInterval"] = "00:00:00.5";
        section["ProbeTimeout"] = "00:00:00.4";
    }
}
