using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Planning;

public class SetupRefusalTests
{
    private static string Refusal(NodeFacts alpha, NodeFacts beta, params string[] overwrite)
    {
        var plan = new Hosts(Two(), alpha, beta).Plan(Hosts.NoOptions with { Overwrite = [.. overwrite] });
        Assert.Empty(plan.Steps);
        return Assert.Single(plan.Refusals);
    }

    private static NodeFacts Stopped(string node, ulong system = OurSystem) => Hosts.Fresh(node) with { NextOid = 24576, SystemIdentifier = system };

    [Fact]
    public void No_running_primary() =>
        Assert.StartsWith("no node of cluster main runs as a primary: start PostgreSQL on the one that is to be it, alpha if both are new (on alpha nothing runs on its DataDirectory ",
            Refusal(Hosts.Fresh(Alpha), Hosts.Nothing(Beta)), StringComparison.Ordinal);

    [Fact]
    public void Primary_that_its_guard_has_stopped() =>
        Assert.EndsWith("; the guard of alpha stopped PostgreSQL at 2026-01-01T10:20:30Z: it was alone. See which node is the primary. "
                + "If no other node is: run on the host of alpha: rm '/data/alpha/recovery.conf' '/data/alpha.pgwatchdog/guard.armed', then start PostgreSQL. "
                + "If another node is: pgwatchdog setup main --overwrite alpha",
            Refusal(Stopped(Alpha) with
            {
                RecoveryText = "# Put here by the guard of PgReplWatchdog (x) at 2026-01-01T10:20:30Z.\n# It stopped PostgreSQL: it was alone.\n# While\n",
            }, Hosts.Nothing(Beta)), StringComparison.Ordinal);

    [Fact]
    public void Server_that_runs_on_another_port_than_is_configured()
    {
        var hosts = new Hosts(Two(), Hosts.Server(Alpha), Hosts.Nothing(Beta)).SetUp();
        hosts[Alpha] = hosts[Alpha] with { Settings = hosts[Alpha].Settings.SetItem("port", new Setting("5433", "postmaster")) };
        Assert.Equal("alpha runs on port 5433, Port says 5432: correct Port, or change the server's port yourself", Assert.Single(hosts.Plan().Refusals));
    }

    [Fact]
    public void Role_that_is_a_superuser_is_not_taken_over() =>
        Assert.StartsWith("role watchdog is a superuser on alpha",
            Assert.Single(new Hosts(Two(), Hosts.Server(Alpha) with { WatchdogRole = RoleState.IsSuperuser }, Hosts.Nothing(Beta)).Plan().Refusals), StringComparison.Ordinal);

    [Fact]
    public void Fresh_server_whose_configuration_is_elsewhere() =>
        Assert.StartsWith("beta: there is no /data/beta/postgresql.conf: make the server", Refusal(Hosts.Server(Alpha), Hosts.Fresh(Beta) with { ConfigurationText = null }), StringComparison.Ordinal);

    [Fact]
    public void Data_directory_that_cannot_be_moved_aside() =>
        Assert.Contains("it is a mount point",
            Assert.Single(new Hosts(Two(), Hosts.Server(Alpha), Hosts.Nothing(Beta) with { ImmovableBecause = "a mount point" }).Plan().Refusals), StringComparison.Ordinal);

    [Fact]
    public void Two_running_primaries() =>
        Assert.StartsWith("alpha and beta both run as primaries: ", Refusal(Hosts.Server(Alpha), Hosts.Server(Beta)), StringComparison.Ordinal);

    [Fact]
    public void Only_primary_is_never_overwritten() =>
        Assert.StartsWith("--overwrite names alpha, the only running primary", Refusal(Hosts.Server(Alpha), Hosts.Nothing(Beta), Alpha), StringComparison.Ordinal);

    [Fact]
    public void Unknown_node_to_overwrite() =>
        Assert.Equal("--overwrite names bata, which is no node of cluster main: its nodes are alpha, beta",
            Refusal(Hosts.Server(Alpha), Hosts.Nothing(Beta), "bata"));

    [Fact]
    public void Version_that_is_too_old() => Assert.Contains("alpha has PostgreSQL 9.2: set-up is made for 9.3 and later",
        Refusal(Hosts.Server(Alpha) with { Version = PostgresVersion.Parse("9.2") }, Hosts.Nothing(Beta)), StringComparison.Ordinal);

    [Fact]
    public void Programs_of_another_version_than_the_data() => Assert.Equal(
        "alpha: the data directory is of PostgreSQL 14, the programs in BinDirectory are 15: correct BinDirectory",
        Refusal(Hosts.Server(Alpha) with { Version = PostgresVersion.Parse("14") }, Hosts.Nothing(Beta)));

    [Fact]
    public void Nodes_of_different_versions() => Assert.Equal(
        "the nodes have different major versions (alpha 15, beta 16): a standby has that of its primary",
        Refusal(Hosts.Server(Alpha), Hosts.Nothing(Beta) with { ProgramVersion = PostgresVersion.Parse("16.4") }));

    public static TheoryData<string> OtherData => [.. OtherDataRows.Keys];

    private static readonly Dictionary<string, NodeFacts> OtherDataRows = new()
    {
        ["beta runs as a standby of another primary"] = Hosts.Server(Beta, OtherSystem) with { InRecovery = true, StandbySignal = true },
        ["the data directory of beta is not empty and holds no PostgreSQL"] = Hosts.Nothing(Beta) with { DataDirectoryEntries = 1 },
        ["the data directory of beta cannot be read by pg_controldata"] =
            Hosts.Nothing(Beta) with { DataDirectoryEntries = 24, Version = new PostgresVersion(150000) },
        ["beta was a primary of this cluster (pg_controldata: shut down) and may hold what no other node has"] = Stopped(Beta),
        ["the data directory of beta holds another database system (pg_controldata: shut down)"] = Stopped(Beta, OtherSystem),
        ["the data directory of beta holds another database system (pg_controldata: in production)"] =
            Hosts.Fresh(Beta) with { ControlState = "in production" },
        ["the data directory of beta holds another database system (pg_controldata: shut down in recovery)"] =
            Stopped(Beta, OtherSystem) with { StandbySignal = true, ControlState = "shut down in recovery" },
    };

    [Theory, MemberData(nameof(OtherData))]
    public void Node_that_holds_something_else(string why)
    {
        Assert.Equal(why + ": name it with --overwrite beta if its data directory may be moved aside", Refusal(Hosts.Server(Alpha), OtherDataRows[why]));
        Assert.False(new Hosts(Two(), Hosts.Server(Alpha), OtherDataRows[why]).Plan(Hosts.NoOptions with { Overwrite = [Beta] }).IsRefused);
    }

    [Fact]
    public void Node_as_initdb_left_it_may_be_moved_aside_unasked() =>
        Assert.False(new Hosts(Two(), Hosts.Server(Alpha), Hosts.Fresh(Beta)).Plan().IsRefused);

    [Fact]
    public void Alter_system_that_stands_in_the_way() =>
        Assert.Equal("alpha: wal_log_hints is 'off' by ALTER SYSTEM, set-up needs 'on': run ALTER SYSTEM RESET wal_log_hints there",
            Refusal(AlterSystem(Hosts.Server(Alpha), "wal_log_hints", "off"), Hosts.Nothing(Beta)));

    [Fact]
    public void Alter_system_that_does_no_harm_is_left() =>
        Assert.False(new Hosts(Two(), AlterSystem(Hosts.Server(Alpha), "max_wal_senders", "20"), Hosts.Nothing(Beta)).Plan().IsRefused);

    [Fact]
    public void Alter_system_on_a_running_standby()
    {
        var hosts = new Hosts(Two(), Hosts.Server(Alpha), Hosts.Nothing(Beta)).SetUp();
        hosts[Beta] = AlterSystem(hosts[Beta], "primary_conninfo", "host=elsewhere");
        Assert.StartsWith("beta: primary_conninfo is 'host=elsewhere' by ALTER SYSTEM", Assert.Single(hosts.Plan().Refusals), StringComparison.Ordinal);
    }

    [Fact]
    public void Alter_system_on_a_server_that_is_overwritten_does_not_matter() =>
        Assert.Empty(new Hosts(Two(), Hosts.Server(Alpha), AlterSystem(Hosts.Server(Beta, OtherSystem), "port", "5555"))
            .Plan(Hosts.NoOptions with { Overwrite = [Beta] }).Refusals);

    [Fact]
    public void Alter_system_on_the_primary_is_not_copied_where_set_up_has_a_setting_of_its_own()
    {
        var plan = new Hosts(Two(), AlterSystem(Hosts.Server(Alpha), "listen_addresses", "10.0.0.1"), Hosts.Nothing(Beta)).Plan();
        var install = Assert.Single(plan.Steps.OfType<SetupStep.InstallCopy>());
        Assert.Superset(new HashSet<string> { "listen_addresses", "port", "primary_conninfo", "promote_trigger_file" }, install.Managed.ToHashSet());
    }

    [Fact]
    public void All_refusals_are_told_at_once()
    {
        var hosts = new Hosts(Three(), AlterSystem(Hosts.Server(Alpha), "wal_log_hints", "off"), Stopped(Beta), Stopped(Gamma, OtherSystem));
        Assert.Equal(4, hosts.Plan(Hosts.NoOptions with { Overwrite = ["delta"] }).Refusals.Length);
    }

    private static NodeFacts AlterSystem(NodeFacts node, string name, string value) => node with
    {
        Settings = node.Settings.SetItem(name, node.Settings[name] with { Value = value, SourceFile = "/data/postgresql.auto.conf" }),
    };
}
