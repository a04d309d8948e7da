using System.Globalization;

namespace PgReplWatchdog.Topology;

/// <summary>
/// A release of PostgreSQL, and what changed between the major ones (manual, appendix "Release Notes"): the one place that knows. Shell scripts on the hosts
/// ask PG_VERSION for themselves.
/// </summary>
/// <param name="Number">server_version_num: 150018 for 15.18, 90624 for 9.6.24.</param>
public readonly record struct PostgresVersion(int Number)
{
    public static readonly PostgresVersion Oldest = new(100000);

    /// <summary>From the first line of PG_VERSION (15, or 9.6) or what a program says (15.18). The minor release is left out. Null where that is something else.</summary>
    public static PostgresVersion? Parse(string? text)
    {
        var parts = (text ?? "").Trim().Split('.');
        return int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var first) is var known && !known ? null
            : first >= 10 ? new PostgresVersion(first * 10000)
            : parts.Length > 1 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var second) ? new PostgresVersion((first * 10000) + (second * 100))
            : null;
    }

    public bool IsSupported => Number >= Oldest.Number;

    /// <summary>Until 11 what makes a server a standby is in recovery.conf; from 12 it is standby.signal and settings.</summary>
    public bool HasRecoveryFile => Number < 120000;

    /// <summary>promote_trigger_file, until 11 trigger_file in recovery.conf; gone in 16.</summary>
    public bool HasTriggerFile => Number < 160000;

    /// <summary>pg_promote().</summary>
    public bool HasPromoteFunction => Number >= 120000;

    /// <summary>A new primary_conninfo takes a reload, no restart.</summary>
    public bool ReloadsUpstream => Number >= 130000;

    /// <summary>The guard's questions need PostgreSQL 12.</summary>
    public bool HasGuard => Number >= 120000;

    /// <summary>max_slot_wal_keep_size.</summary>
    public bool LimitsSlots => Number >= 130000;

    /// <summary>pg_backup_start() and pg_backup_stop(); before, pg_start_backup() and pg_stop_backup(). The exclusive kind went with the old names.</summary>
    public bool HasRenamedBackupFunctions => Number >= 150000;

    /// <summary>The major version as people say it: 15, 9.6.</summary>
    public override string ToString() => Number >= 100000
        ? (Number / 10000).ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{Number / 10000}.{Number / 100 % 100}");
}
