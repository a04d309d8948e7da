using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Planning;

public class RemovalPlannerTests
{
    private static readonly ClusterSpec Spec = Two();

    /// <summary>Set up from bare, with what a host shows afterwards.</summary>
    private static Hosts SetUp(string hba = "local all all peer\n", string configuration = "# PostgreSQL\n")
    {
        var hosts = new Hosts(Spec, Hosts.Server(Alpha) with { HbaText = hba, ConfigurationText = configuration }, Hosts.Nothing(Beta)).SetUp();
        foreach (var name in new[] { Alpha, Beta })
            hosts[name] = hosts[name] with { StateFiles = ["guard", "guard.conf", "passfile", "server.conf"] };
        hosts[Alpha] = hosts[Alpha] with { KeptFiles = ["/data/alpha/pg_hba.conf.before-pgwatchdog", "/data/alpha/postgresql.conf.before-pgwatchdog"] };
        return hosts;
    }

    private static SetupPlan Plan(Hosts hosts, bool lonePrimary = false) => RemovalPlanner.Plan(Spec, hosts.Facts, lonePrimary);

    private static string Kinds(SetupPlan plan, string node) => string.Join(' ', plan.Steps.Where(step => step.Node == node).Select(step => step.GetType().Name));

    [Fact]
    public void By_default_the_standby_keeps_all_that_it_streams_by()
    {
        var plan = Plan(SetUp());
        Assert.Equal((Alpha, false), (plan.Primary, plan.IsRefused));
        Assert.Equal("RemoveGuard DropRole RevokeRights WriteFile WriteFile WriteFile RemoveFile RemoveFile Reload RemoveState", Kinds(plan, Alpha));
        Assert.Equal("RemoveGuard WriteFile WriteFile WriteFile Reload RemoveState", Kinds(plan, Beta));
        Assert.Equal("watchdog", Assert.Single(plan.Steps.OfType<SetupStep.DropRole>()).Role);
        Assert.All(plan.Steps.OfType<SetupStep.RemoveState>(), step => Assert.Equal(["passfile"], step.Keep));
        var hba = plan.Steps.OfType<SetupStep.WriteFile>().First(file => file.Path == "/data/alpha/pg_hba.conf").After;
        Assert.Equal("host replication replicator 10.0.0.2/32 scram-sha-256", Assert.Single(hba.Split('\n'), line => line.StartsWith("host", StringComparison.Ordinal)));
        var settings = plan.Steps.OfType<SetupStep.WriteFile>().First(file => file.Path == "/data/beta/pgwatchdog.conf");
        Assert.Equal(PostgresText.Settings(settings.Before!), PostgresText.Settings(settings.After));
    }

    [Fact]
    public void Guards_go_before_anything_else_and_the_state_directory_goes_last()
    {
        foreach (var plan in new[] { Plan(SetUp()), Plan(SetUp(), lonePrimary: true) })
        {
            Assert.All(plan.Steps.Take(2), step => Assert.IsType<SetupStep.RemoveGuard>(step));
            Assert.IsType<SetupStep.RemoveState>(plan.Steps.Last(step => step.Node == Alpha));
            Assert.IsType<SetupStep.RemoveState>(plan.Steps.Last(step => step.Node == Beta));
            Assert.DoesNotContain(plan.Steps, step => step is SetupStep.Restart);
        }
    }

    [Fact]
    public void Lone_primary_keeps_nothing_and_the_standby_is_stopped_as_it_is()
    {
        var plan = Plan(SetUp(), lonePrimary: true);
        Assert.Equal("RemoveGuard DropSlots WriteFile WriteFile RemoveFile DropRole DropRole RemoveFile RemoveFile Reload RemoveState", Kinds(plan, Alpha));
        Assert.Equal("RemoveGuard StopServer RemoveState", Kinds(plan, Beta));
        Assert.Contains("wal_log_hints = 'on'", Plan(FromManaged(SetUp(), "wal_log_hints"), lonePrimary: true).Steps.OfType<SetupStep.RemoveFile>().First().Title, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Files => new()
    {
        { "local all all peer\n", "# PostgreSQL\nmax_connections = 100\n" },
        { "local all all peer", "max_connections = 100 # no end of line" },
        { "", "" },
        { "local all all peer\r\n", "\r\nport = 5432\r\n\n\n" },
    };

    [Theory, MemberData(nameof(Files))]
    public void Administrators_files_are_again_what_they_were(string hba, string configuration)
    {
        AssertRestored(SetUp(hba, configuration));
        var handedOver = SetUp(hba, configuration);
        AssertRestored(handedOver.Run(Plan(handedOver).Steps.OfType<SetupStep.WriteFile>())); // also after it has been handed over
        AssertRestored(handedOver.SetUp()); // and after set-up took it back

        void AssertRestored(Hosts hosts)
        {
            var files = Plan(hosts, lonePrimary: true).Steps.OfType<SetupStep.WriteFile>().ToList();
            Assert.Equal(hba, files.Single(file => file.Path.EndsWith("pg_hba.conf", StringComparison.Ordinal)).After);
            Assert.Equal(configuration, files.Single(file => file.Path.EndsWith("postgresql.conf", StringComparison.Ordinal)).After);
        }
    }

    [Fact]
    public void What_a_setting_that_stays_refers_to_stays_as_well()
    {
        var hosts = SetUp();
        hosts[Alpha] = hosts[Alpha] with { ManagedText = hosts[Alpha].ManagedText + "archive_command = '/data/alpha.pgwatchdog/archive %p %f'\n", StateFiles = ["archive", "passfile", "server.conf"] };
        Assert.Equal(["archive", "passfile"], Plan(hosts).Steps.OfType<SetupStep.RemoveState>().First().Keep);
    }

    [Fact]
    public void Slot_that_no_standby_streams_by_does_not_stay_to_keep_WAL()
    {
        var hosts = SetUp();
        hosts[Alpha] = hosts[Alpha] with { Slots = [.. hosts[Alpha].Slots, "pgwatchdog_gone", "somebody_elses"] };
        Assert.Equal(["pgwatchdog_gone"], Assert.Single(Plan(hosts).Steps.OfType<SetupStep.DropSlots>()).Slots);
    }

    [Theory]
    [InlineData("watchdog", false, "a watchdog looks at cluster main from 10.0.0.9")]
    [InlineData("lagging", false, "beta does not stream from alpha")]
    [InlineData("owner", false, "role watchdog owns something on alpha")]
    [InlineData("owner", true, "role watchdog owns something on alpha")]
    [InlineData("stranger", true, "beta runs a server that is none of this cluster")]
    [InlineData("other", true, "gamma streams from alpha and is no node of cluster main")]
    [InlineData("port", true, "alpha: port = 5432 is only in pgwatchdog.conf")]
    [InlineData("archive", true, "alpha: archive_mode = on is in pgwatchdog.conf, which goes, and stays in force until a restart")]
    [InlineData("down", true, "no node of cluster main runs as a primary")]
    public void Refuses_what_would_break_something(string what, bool lonePrimary, string refusal)
    {
        var hosts = SetUp();
        var (alpha, beta) = (hosts[Alpha], hosts[Beta]);
        hosts[Alpha] = what switch
        {
            "watchdog" => alpha with { WatchdogSessions = ["10.0.0.9"] },
            "lagging" => alpha with { StreamingStandbys = [] },
            "owner" => alpha with { Owners = ["watchdog"] },
            "other" => alpha with { StreamingStandbys = [Beta, Gamma] },
            "port" => FromManaged(hosts, "port")[Alpha],
            "archive" => alpha with { Settings = alpha.Settings.SetItem("archive_mode", new Setting("on", "postmaster", false, "/data/alpha/pgwatchdog.conf")) },
            "down" => alpha with { Running = false },
            _ => alpha,
        };
        hosts[Beta] = what == "stranger" ? beta with { SystemIdentifier = OtherSystem } : beta;
        var plan = Plan(hosts, lonePrimary);
        Assert.Empty(plan.Steps);
        Assert.StartsWith(refusal, Assert.Single(plan.Refusals), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_step_says_what_it_changes_and_how_it_is_taken_back() =>
        Assert.All(Plan(SetUp()).Steps.Concat(Plan(SetUp(), lonePrimary: true).Steps), step => Assert.True(step.Title.Length > 10 && step.Undo.Length > 5, step.ToString()));

    [Fact]
    public void First_change_of_an_administrators_file_keeps_it_and_no_later_one_does()
    {
        var hosts = new Hosts(Spec, Hosts.Server(Alpha), Hosts.Nothing(Beta));
        Assert.Equal(["/data/alpha/pg_hba.conf.before-pgwatchdog", "/data/alpha/postgresql.conf.before-pgwatchdog"],
            hosts.Plan().Steps.OfType<SetupStep.WriteFile>().Select(file => file.KeepAs).OfType<string>());
        hosts.SetUp();
        hosts[Alpha] = hosts[Alpha] with { WatchdogAddress = "10.0.0.8" };
        Assert.Null(Assert.Single(hosts.Plan().Steps.OfType<SetupStep.WriteFile>()).KeepAs);
    }

    private static Hosts FromManaged(Hosts hosts, string setting)
    {
        hosts[Alpha] = hosts[Alpha] with { Settings = hosts[Alpha].Settings.SetItem(setting, hosts[Alpha].Settings[setting] with { SourceFile = "/data/alpha/pgwatchdog.conf" }) };
        return hosts;
    }
}
