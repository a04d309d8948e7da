using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Planning;

/// <summary>PostgreSQL 9.3 to 9.6: a setting that a version does not know keeps it from starting, and a step that it cannot do ends set-up half-way.</summary>
public class OldVersionTests
{
    private static readonly string[] CameWith94 = ["max_replication_slots", "wal_log_hints", "max_worker_processes"];
    private static readonly string[] CameLater =
        ["promote_trigger_file", "primary_conninfo", "primary_slot_name", "recovery_target_timeline", "max_slot_wal_keep_size", "restore_command", "archive_cleanup_command", "archive_library"];

    /// <summary>As initdb leaves it: no replication.</summary>
    private static NodeFacts Server(string version) => Of(version, Hosts.Server(Alpha)) with
    {
        Settings = Hosts.Server(Alpha).Settings.RemoveRange(CameLater)
            .SetItem("max_replication_slots", new Setting("0", "postmaster"))
            .RemoveRange(version == "9.3" ? CameWith94 : []).RemoveRange(version is "9.3" or "9.4" ? ["wal_retrieve_retry_interval"] : [])
            .SetItem("wal_level", new Setting("minimal", "postmaster")).SetItem("max_wal_senders", new Setting("0", "postmaster"))
            .SetItem("hot_standby", new Setting("off", "postmaster")).SetItem("wal_keep_segments", new Setting("0", "sighup")),
    };

    private static NodeFacts Of(string version, NodeFacts node) => node with
    {
        Version = node.Version is null ? null : PostgresVersion.Parse(version),
        ProgramVersion = PostgresVersion.Parse(version),
    };

    private static SetupPlan Plan(string version, ClusterSpec? spec = null) => SetupPlanner.Plan(spec ?? Two(), [Server(version), Of(version, Hosts.Nothing(Beta))], Hosts.NoOptions);

    private static string File(SetupPlan plan, string node, string name) =>
        Assert.Single(plan.Steps.OfType<SetupStep.WriteFile>(), file => file.Node == node && file.Path.EndsWith("/" + name, StringComparison.Ordinal)).After;

    [Theory]
    [InlineData("9.3", "hot_standby", "hot_standby listen_addresses max_wal_senders wal_keep_segments wal_level")]
    [InlineData("9.4", "hot_standby", "hot_standby listen_addresses max_replication_slots max_wal_senders wal_keep_segments wal_level")]
    [InlineData("9.5", "hot_standby", "hot_standby listen_addresses max_replication_slots max_wal_senders wal_keep_segments wal_level wal_log_hints wal_retrieve_retry_interval")]
    [InlineData("9.6", "replica", "hot_standby listen_addresses max_replication_slots max_wal_senders wal_level wal_log_hints wal_retrieve_retry_interval")]
    public void Settings_are_those_that_the_version_knows(string version, string level, string names)
    {
        var plan = Plan(version);
        var settings = PostgresText.Settings(File(plan, Alpha, "pgwatchdog.conf"));
        Assert.Equal(level, settings["wal_level"]);
        string[] onAll = ["wal_receiver_status_interval", "wal_receiver_timeout", "wal_sender_timeout"];
        Assert.Equal(names.Split(' '), settings.Keys.Except(onAll).Order(StringComparer.Ordinal));
        Assert.Empty(PostgresText.Settings(File(plan, Beta, "pgwatchdog.conf")).Keys.Except(Server(version).Settings.Keys));
        Assert.Contains("wal_level", Assert.Single(plan.Steps.OfType<SetupStep.Restart>()).Because);
    }

    [Theory]
    [InlineData("9.3", "")]
    [InlineData("9.4", "primary_slot_name = 'pgwatchdog_beta'\n")]
    [InlineData("9.6", "primary_slot_name = 'pgwatchdog_beta'\n")]
    public void Standby_is_one_by_a_recovery_conf_that_its_libpq_understands(string version, string slot) => Assert.Equal(
        $"""
        standby_mode = 'on'
        primary_conninfo = 'host=''10.0.0.1'' port=5432 user=''replicator'' application_name=''beta'' connect_timeout=5'
        {slot}recovery_target_timeline = 'latest'
        trigger_file = '/data/beta.pgwatchdog/promote'

        """,
        File(Plan(version), Beta, "recovery.conf"));

    [Theory]
    [InlineData("9.3")]
    [InlineData("9.6")]
    public void Connections_are_let_in_by_md5(string version) =>
        Assert.Contains("host replication replicator 10.0.0.2/32 md5\n", File(Plan(version), Alpha, "pg_hba.conf"), StringComparison.Ordinal);

    [Theory]
    [InlineData("9.3", 0)]
    [InlineData("9.4", 1)]
    public void Slots_are_made_where_there_are_any(string version, int slots) => Assert.Equal(slots, Plan(version).Steps.OfType<SetupStep.CreateSlot>().Count());

    [Fact]
    public void Roles_are_as_small_as_the_version_allows() => Assert.Equal(
        [
            "create role replicator with LOGIN, REPLICATION, CONNECTION LIMIT 6 (md5 verifier)",
            "create role watchdog with LOGIN, CONNECTION LIMIT 20 and schema pgwatchdog, made for it: what a check reads that other roles may not see (md5 verifier)",
        ],
        Plan("9.5").Steps.OfType<SetupStep.EnsureRole>().Select(step => step.Title));

    [Fact]
    public void Password_is_put_where_the_walreceiver_looks_for_it() =>
        Assert.All(Plan("9.6").Steps.OfType<SetupStep.WritePassFile>(), step => Assert.EndsWith("; the same lines into ~/.pgpass of PostgreSQL's account", step.Title, StringComparison.Ordinal));

    [Theory]
    [InlineData("9.3", "PostgreSQL 9.3 has no replication slots: ", "a standby of PostgreSQL 9.3 does not say whether it hears its primary: ")]
    [InlineData("9.5", "a standby of PostgreSQL 9.5 does not say whether it hears its primary: ")]
    [InlineData("9.6")]
    public void What_a_version_cannot_do_is_said(string version, params string[] warnings)
    {
        var said = Plan(version).Warnings;
        Assert.Equal(warnings.Length, said.Length);
        Assert.All(warnings.Zip(said), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("9.3", true)]
    [InlineData("9.4", false)]
    public void Tablespace_cannot_be_elsewhere_where_pg_basebackup_does_not_map(string version, bool refused)
    {
        var spec = Two() with { Nodes = [Two().Node(Alpha), Two().Node(Beta) with { TablespaceMapping = [new("/ssd", "/ssd2")] }] };
        var beta = Of(version, Hosts.Nothing(Beta)) with { TablespaceDirectories = [new("/ssd2", 0, true)] };
        var plan = SetupPlanner.Plan(spec, [Server(version) with { Tablespaces = [new(16400, "fast", "/ssd")] }, beta], Hosts.NoOptions);
        Assert.Equal(refused, plan.Refusals.Any(why => why.Contains("take the TablespaceMapping out", StringComparison.Ordinal)));
        Assert.Equal(refused, plan.IsRefused);
    }
}
