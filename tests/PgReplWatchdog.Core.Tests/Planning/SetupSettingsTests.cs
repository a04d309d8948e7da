using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Planning;

public class SetupSettingsTests
{
    private static Hosts Bare(NodeFacts? alpha = null) => new(Two(), alpha ?? Hosts.Server(Alpha), Hosts.Nothing(Beta));

    private static NodeFacts Set(NodeFacts node, string name, string value, bool pending = false) => node with
    {
        Settings = node.Settings.SetItem(name, node.Settings[name] with { Value = value, PendingRestart = pending }),
    };

    /// <summary>The settings in the file that the plan writes on a node.</summary>
    private static Dictionary<string, string> Written(SetupPlan plan, string node) => PostgresText.Settings(
        Assert.Single(plan.Steps.OfType<SetupStep.WriteFile>(), file => file.Node == node && file.Path.EndsWith("/pgwatchdog.conf", StringComparison.Ordinal)).After);

    private static Hosts Installed(Func<NodeFacts, NodeFacts> alpha)
    {
        var hosts = Bare().SetUp();
        hosts[Alpha] = alpha(hosts[Alpha]);
        return hosts;
    }

    [Fact]
    public void Primary_gets_what_it_lacks_and_no_more() => Assert.Equal(
        [
            "listen_addresses", "max_slot_wal_keep_size", "promote_trigger_file", "wal_log_hints", "wal_receiver_status_interval", "wal_receiver_timeout",
            "wal_retrieve_retry_interval", "wal_sender_timeout",
        ],
        Written(Bare().Plan(), Alpha).Keys.Order(StringComparer.Ordinal));

    [Fact]
    public void Standby_follows_its_primary_by_slot_and_passfile()
    {
        var settings = Written(Bare().Plan(), Beta);
        Assert.Equal(("pgwatchdog_beta", "latest", "/data/beta.pgwatchdog/promote"),
            (settings["primary_slot_name"], settings["recovery_target_timeline"], settings["promote_trigger_file"]));
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["host"] = "10.0.0.1",
                ["port"] = "5432",
                ["user"] = "replicator",
                ["passfile"] = "/data/beta.pgwatchdog/passfile",
                ["application_name"] = "beta",
                ["connect_timeout"] = "5",
            },
            PostgresText.ConnectionInfo(settings["primary_conninfo"]));
    }

    [Theory]
    [InlineData("wal_level", "logical")]
    [InlineData("max_wal_senders", "50")]
    [InlineData("wal_sender_timeout", "3000")]
    [InlineData("wal_receiver_status_interval", "1")]
    public void Setting_that_does_already_is_left_alone(string name, string value) =>
        Assert.DoesNotContain(name, Written(Bare(Set(Hosts.Server(Alpha), name, value)).Plan(), Alpha));

    [Theory]
    [InlineData("wal_level", "minimal", "replica")]
    [InlineData("max_wal_senders", "2", "10")]
    [InlineData("max_replication_slots", "0", "10")]
    [InlineData("hot_standby", "off", "on")]
    [InlineData("wal_sender_timeout", "0", "5s")]
    [InlineData("wal_receiver_timeout", "5001", "5s")]
    public void Setting_that_does_not_do_is_set(string name, string value, string wanted) =>
        Assert.Equal(wanted, Written(Bare(Set(Hosts.Server(Alpha), name, value)).Plan(), Alpha)[name]);

    [Theory]
    [InlineData("localhost", "localhost,10.0.0.1")]
    [InlineData("192.168.0.1", "192.168.0.1,10.0.0.1")]
    [InlineData("", "localhost,10.0.0.1")]
    [InlineData("*", null)]
    [InlineData("0.0.0.0", null)]
    [InlineData("localhost, 10.0.0.1", null)]
    public void Addresses_listened_on_are_kept_and_extended(string current, string? wanted) =>
        Assert.Equal(wanted, Written(Bare(Set(Hosts.Server(Alpha), "listen_addresses", current)).Plan(), Alpha).GetValueOrDefault("listen_addresses"));

    [Theory]
    [InlineData("max_connections", "500")]
    [InlineData("max_worker_processes", "32")]
    [InlineData("max_wal_senders", "20")]
    [InlineData("max_prepared_transactions", "100")]
    [InlineData("max_locks_per_transaction", "128")]
    public void Standby_has_no_less_than_its_primary_or_it_would_not_start(string name, string value) =>
        Assert.Equal(value, Written(Bare(Set(Hosts.Server(Alpha), name, value)).Plan(), Beta)[name]);

    [Fact]
    public void Running_standby_that_has_more_than_its_primary_keeps_it()
    {
        var hosts = Bare().SetUp();
        hosts[Beta] = Set(hosts[Beta], "max_connections", "900");
        Assert.True(hosts.Plan().ChangesNothing);
    }

    [Fact]
    public void Standby_has_no_less_than_its_primary_will_have_after_the_same_run() =>
        Assert.Equal("10", Written(Bare(Set(Hosts.Server(Alpha), "max_wal_senders", "5")).Plan(), Beta)["max_wal_senders"]);

    [Fact]
    public void Setting_that_needs_a_restart_gets_one_and_it_is_named()
    {
        var plan = Installed(alpha => Set(alpha, "wal_log_hints", "off")).Plan();
        Assert.Equal(["wal_log_hints"], Assert.Single(plan.Steps.OfType<SetupStep.Restart>()).Because);
        Assert.Empty(plan.Steps.OfType<SetupStep.Reload>());
    }

    [Fact]
    public void Setting_that_waits_for_a_restart_gets_one()
    {
        var plan = Installed(alpha => Set(alpha, "wal_level", "replica", pending: true)).Plan();
        Assert.Equal(["wal_level"], Assert.Single(plan.Steps.OfType<SetupStep.Restart>()).Because);
    }

    [Fact]
    public void Setting_that_needs_no_restart_is_reloaded()
    {
        var plan = Installed(alpha => Set(alpha, "wal_receiver_timeout", "60000")).Plan();
        Assert.Equal([typeof(SetupStep.WriteFile), typeof(SetupStep.Reload)], plan.Steps.Select(step => step.GetType()));
    }

    [Fact]
    public void Rule_for_connections_that_is_missing_is_written_and_reloaded()
    {
        var plan = Installed(alpha => alpha with { HbaText = "local all all peer\n" }).Plan();
        Assert.Equal("/data/alpha/pg_hba.conf", Assert.IsType<SetupStep.WriteFile>(plan.Steps[0]).Path);
        Assert.Equal(new SetupStep.Reload(Alpha), plan.Steps[1]);
        Assert.Equal(2, plan.Steps.Length);
    }

    [Fact]
    public void Connections_are_allowed_for_every_other_node_and_for_the_watchdog()
    {
        var hba = new Hosts(Three(), Hosts.Server(Alpha), Hosts.Nothing(Beta), Hosts.Nothing(Gamma)).SetUp()[Alpha].HbaText!;
        Assert.Equal(
            [
                "host replication replicator 10.0.0.2/32 scram-sha-256",
                "host postgres replicator 10.0.0.2/32 scram-sha-256",
                "host replication replicator 10.0.0.3/32 scram-sha-256",
                "host postgres replicator 10.0.0.3/32 scram-sha-256",
                "host postgres watchdog 10.0.0.9/32 scram-sha-256",
                "local all all peer",
            ],
            hba.Split('\n').Where(line => line.Length > 0 && line[0] != '#'));
    }
}
