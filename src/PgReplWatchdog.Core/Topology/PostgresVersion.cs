using System.Globalization;

namespace PgReplWatchdog.Topology;

/// <summary>
/// A release of PostgreSQL, and what changed between the major ones (manual, appendix "Release Notes"): the one place that knows. Shell scripts on the hosts
/// ask PG_VERSION for themselves.
/// </summary>
/// <param name="Number">server_version_num: 150018 for 15.18, 90624 for 9.6.24.</param>
public readonly record struct PostgresVersion(int Number)
{
    public static readonly PostgresVersion Oldest = new(90300);

    /// <summary>From here on majors have one number, and functions today's names; SCRAM, pg_read_all_stats and passfile came with it as well.</summary>
    private const int Ten = 100000;

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

    /// <summary>A position is an LSN and not a location, and WAL not xlog. Before, what the watchdog asks with is made by Setup/Sql/before-10.sql.</summary>
    public bool HasNamesOfToday => Number >= Ten;

    /// <summary>Verifiers of passwords are SCRAM's. One that is given to an older server is taken for a password.</summary>
    public bool HasScram => Number >= Ten;

    /// <summary>passfile in a connection string. Before, a walreceiver looks into the .pgpass of the account's home directory only.</summary>
    public bool NamesPassFile => Number >= Ten;

    /// <summary>pg_stat_wal_receiver. Before, a standby does not say whether it hears its upstream.</summary>
    public bool TellsWalReceiver => Number >= 90600;

    /// <summary>wal_level replica; before, hot_standby, which means the same.</summary>
    public bool HasReplicaLevel => Number >= 90600;

    /// <summary>Replication slots.</summary>
    public bool HasSlots => Number >= 90400;

    /// <summary>A slot reserves WAL from its beginning; before, from the first connection on.</summary>
    public bool ReservesSlots => Number >= 90600;

    /// <summary>wal_retrieve_retry_interval.</summary>
    public bool HasRetryInterval => Number >= 90500;

    /// <summary>pg_rewind.</summary>
    public bool HasRewind => Number >= 90500;

    /// <summary>What pg_rewind reads its source with can be granted to a role; before, it took a superuser.</summary>
    public bool RewindsByGrant => Number >= 110000;

    /// <summary>pg_basebackup can put tablespaces elsewhere (-T).</summary>
    public bool MapsTablespaces => Number >= 90400;

    /// <summary>A backup that ends with its session. Before, only one at a time, which goes on until somebody ends it.</summary>
    public bool HasNonExclusiveBackup => Number >= 90600;

    /// <summary>pg_stop_backup() may be told not to wait for the archive.</summary>
    public bool StopsBackupWithoutArchive => Number >= Ten;

    /// <summary>Until 11 what makes a server a standby is in recovery.conf; from 12 it is standby.signal and settings.</summary>
    public bool HasRecoveryFile => Number < 120000;

    /// <summary>promote_trigger_file, until 11 trigger_file in recovery.conf; gone in 16.</summary>
    public bool HasTriggerFile => Number < 160000;

    /// <summary>pg_promote().</summary>
    public bool HasPromoteFunction => Number >= 120000;

    /// <summary>A new primary_conninfo takes a reload, no restart.</summary>
    public bool ReloadsUpstream => Number >= 130000;

    /// <summary>pg_waldump shows the prefix of a logical message.</summary>
    public bool ShowsMessages => Number >= 140000;

    /// <summary>The guard's questions need PostgreSQL 12.</summary>
    public bool HasGuard => Number >= 120000;

    /// <summary>max_slot_wal_keep_size.</summary>
    public bool LimitsSlots => Number >= 130000;

    /// <summary>idle_session_timeout.</summary>
    public bool HasIdleSessionTimeout => Number >= 140000;

    /// <summary>pg_backup_start() and pg_backup_stop(); before, pg_start_backup() and pg_stop_backup(). The exclusive kind went with the old names.</summary>
    public bool HasRenamedBackupFunctions => Number >= 150000;

    /// <summary>The major version as people say it: 15, 9.6.</summary>
    public override string ToString() => Number >= Ten
        ? (Number / 10000).ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{Number / 10000}.{Number / 100 % 100}");
}
