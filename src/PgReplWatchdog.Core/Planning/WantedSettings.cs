using System.Globalization;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>A setting, what it is set to where it does not do, and when it does.</summary>
/// <param name="Name">As pg_settings has it.</param>
/// <param name="Value">Null where the managed file is to say nothing of it any more.</param>
/// <param name="IsSatisfiedBy">Whether a server that has this value may keep it.</param>
public sealed record WantedSetting(string Name, string? Value, Func<string, bool> IsSatisfiedBy);

/// <summary>The settings of postgresql.conf that replication and failover need (manual, chapters "Replication" and "Write Ahead Log").</summary>
public static class WantedSettings
{
    private const int Senders = 10;
    private const int TimeoutMilliseconds = 5000;

    /// <summary>1 GiB of WAL.</summary>
    public const int KeptSegments = 64;

    /// <summary>A hot standby does not start with less of these than its primary has (manual, "Hot Standby", administrator's overview).</summary>
    private static readonly string[] NotLowerThanPrimary =
        ["max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction"];

    /// <summary>What every node needs, whichever role it has now: roles change.</summary>
    public static IEnumerable<WantedSetting> ForEveryNode(NodeSpec node, PostgresVersion version, ImmutableDictionary<string, Setting> settings) =>
    [
        new("listen_addresses", Listen(node, settings.GetValueOrDefault("listen_addresses")?.Value), value => Listens(node, value)),
        Exactly("port", node.Port.ToString(CultureInfo.InvariantCulture)),
        new("wal_level", version.HasReplicaLevel ? "replica" : "hot_standby", value => value is "replica" or "hot_standby" or "logical"),
        AtLeast("max_wal_senders", Senders),
        .. version.HasSlots ? new[] { AtLeast("max_replication_slots", Senders) } : [],
        .. version.ReservesSlots ? [] : new[] { AtLeast("wal_keep_segments", KeptSegments) }, // nothing else keeps WAL for a standby that has not connected yet
        Exactly("hot_standby", "on"),
        .. !version.HasRewind || settings.GetValueOrDefault("data_checksums")?.Value == "on" ? [] : new[] { Exactly("wal_log_hints", "on") }, // pg_rewind needs one of the two
        AtMost("wal_sender_timeout", TimeoutMilliseconds, "5s"),
        AtMost("wal_receiver_timeout", TimeoutMilliseconds, "5s"),
        AtMost("wal_receiver_status_interval", 1, "1s"),
        .. version.HasRetryInterval ? new[] { AtMost("wal_retrieve_retry_interval", 500, "500ms") } : [],
        AtMost("wal_writer_delay", 200, "200ms"), // PostgreSQL's default; what an idle primary tells its standby, and the guard waits for, is sent no sooner
        .. version is { HasTriggerFile: true, HasRecoveryFile: false } ? new[] { Exactly("promote_trigger_file", node.TriggerFile) } : [],
    ];

    /// <summary>What a standby needs on top.</summary>
    public static IEnumerable<WantedSetting> ForStandby(
        ClusterSpec spec, NodeSpec node, NodeSpec primary, PostgresVersion version, ImmutableDictionary<string, Setting> primarySettings) =>
    [
        .. version.HasRecoveryFile ? [] : Upstream(spec, node, primary, version).Select(setting => Exactly(setting.Name, setting.Value)),
        .. NotLowerThanPrimary.Where(primarySettings.ContainsKey)
            .Select(name => AtLeast(name, Math.Max(Number(primarySettings[name].Value), name == "max_wal_senders" ? Senders : 0))),
    ];

    /// <summary>Where a standby streams from; what changes when the primary does.</summary>
    public static ImmutableArray<(string Name, string Value)> Upstream(ClusterSpec spec, NodeSpec node, NodeSpec primary, PostgresVersion version) =>
    [
        ("primary_conninfo", ConfigurationText.ConnectionInfo(primary.Host, primary.Port, spec.Roles.Replication, version.NamesPassFile ? node.PassFile : null, node.Name,
            spec.Replication.Tls)),
        .. version.HasSlots ? new[] { ("primary_slot_name", node.SlotName) } : [],
        ("recovery_target_timeline", "latest"),
    ];

    /// <summary>recovery.conf, with which a server until PostgreSQL 11 is a standby.</summary>
    public static ImmutableArray<(string Name, string Value)> Recovery(ClusterSpec spec, NodeSpec node, NodeSpec primary, PostgresVersion version) =>
        [("standby_mode", "on"), .. Upstream(spec, node, primary, version), ("trigger_file", node.TriggerFile), .. OptionalSettings.Restore(spec, node)];

    internal static WantedSetting Exactly(string name, string wanted) => new(name, wanted, value => value == wanted);

    private static WantedSetting AtLeast(string name, int least) =>
        new(name, least.ToString(CultureInfo.InvariantCulture), value => Number(value) >= least);

    /// <summary>0 switches these time-outs off, which is not what is wanted.</summary>
    private static WantedSetting AtMost(string name, int most, string written) => new(name, written, value => Number(value) is > 0 and var number && number <= most);

    internal static int Number(string value) => int.TryParse(value, CultureInfo.InvariantCulture, out var number) ? number : int.MinValue;

    internal static bool Listens(NodeSpec node, string value)
    {
        var addresses = value.Split(',', StringSplitOptions.TrimEntries);
        return addresses.Contains("*") || addresses.Contains("0.0.0.0") || addresses.Contains(node.Host)
            || (node.Host is "127.0.0.1" or "::1" && addresses.Contains("localhost"));
    }

    private static string Listen(NodeSpec node, string? current) =>
        current is null or "" ? Listen(node, "localhost") : Listens(node, current) ? current : $"{current},{node.Host}";
}
