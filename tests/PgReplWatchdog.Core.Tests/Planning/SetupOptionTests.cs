using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Planning;

/// <summary>What an administrator chooses by the cluster's options: archiving, encryption, limits.</summary>
public class SetupOptionTests
{
    private static ClusterSpec Spec(ReplicationSettings settings) => Two() with { Replication = settings };

    private static Hosts Bare(ReplicationSettings settings, NodeFacts? alpha = null) => new(Spec(settings), alpha ?? Hosts.Server(Alpha), Hosts.Nothing(Beta));

    private static NodeFacts Set(NodeFacts node, string name, string value, string? file = null) => node with
    {
        Settings = node.Settings.SetItem(name, node.Settings.GetValueOrDefault(name, new Setting("", "sighup")) with { Value = value, SourceFile = file }),
    };

    private static Dictionary<string, string> Written(SetupPlan plan, string node) => PostgresText.Settings(
        Assert.Single(plan.Steps.OfType<SetupStep.WriteFile>(), file => file.Node == node && file.Path.EndsWith("/pgwatchdog.conf", StringComparison.Ordinal)).After);

    [Theory]
    [InlineData(Archiving.Off)]
    [InlineData(Archiving.Noop)]
    [InlineData(Archiving.Ship)]
    public void Second_run_changes_nothing(Archiving archiving) =>
        Assert.True(Bare(new ReplicationSettings { Archiving = archiving, Tls = Tls.Required }).SetUp().Plan().ChangesNothing);

    [Fact]
    public void Without_archiving_an_archive_is_left_to_the_administrator()
    {
        var plan = Bare(new ReplicationSettings(), Set(Set(Hosts.Server(Alpha), "archive_mode", "on", "/etc/x"), "archive_command", "pgbackrest archive-push %p", "/etc/x")).Plan();
        Assert.False(plan.IsRefused);
        Assert.DoesNotContain(Written(plan, Alpha).Keys.Concat(Written(plan, Beta).Keys), name => name.StartsWith("archive_", StringComparison.Ordinal) || name == "restore_command");
    }

    [Fact]
    public void Archiving_that_does_nothing_is_switched_on_with_a_restart()
    {
        var plan = Bare(new ReplicationSettings { Archiving = Archiving.Noop }).Plan();
        Assert.Equal(("on", "cd ."), (Written(plan, Alpha)["archive_mode"], Written(plan, Alpha)["archive_command"]));
        Assert.Contains("archive_mode", Assert.Single(plan.Steps.OfType<SetupStep.Restart>()).Because);
        Assert.Empty(plan.Steps.OfType<SetupStep.InstallArchive>());
    }

    [Theory]
    [InlineData(Archiving.Off, "")]
    [InlineData(Archiving.Noop, "archive_command archive_mode")]
    public void What_is_not_archived_any_more_is_told_to_no_server(Archiving later, string left)
    {
        var shipping = Bare(new ReplicationSettings { Archiving = Archiving.Ship }).SetUp();
        var plan = new Hosts(Spec(new ReplicationSettings { Archiving = later }), shipping[Alpha], shipping[Beta]).Plan();
        foreach (var node in new[] { Alpha, Beta })
            Assert.Equal(left, string.Join(' ', Written(plan, node).Keys.Where(name => name.StartsWith("archive_", StringComparison.Ordinal) || name == "restore_command").Order(StringComparer.Ordinal)));
        Assert.Equal(later == Archiving.Off, plan.Steps.OfType<SetupStep.Restart>().Any());
        Assert.True(new Hosts(Spec(new ReplicationSettings { Archiving = later }), shipping[Alpha], shipping[Beta]).SetUp().Plan().ChangesNothing);
    }

    [Fact]
    public void Every_node_can_archive_and_restore_whichever_role_it_has()
    {
        var plan = Bare(new ReplicationSettings { Archiving = Archiving.Ship }).Plan();
        foreach (var node in new[] { Alpha, Beta })
        {
            var settings = Written(plan, node);
            Assert.Equal($"/bin/sh '/data/{node}.pgwatchdog/archive' push \"%p\" %f", settings["archive_command"]);
            Assert.Equal($"/bin/sh '/data/{node}.pgwatchdog/archive' restore %f \"%p\"", settings["restore_command"]);
            Assert.Equal($"/bin/sh '/data/{node}.pgwatchdog/archive' cleanup %r", settings["archive_cleanup_command"]);
        }
    }

    [Fact]
    public void Hosts_are_ready_to_take_wal_before_a_server_is_told_to_send_it()
    {
        var steps = Bare(new ReplicationSettings { Archiving = Archiving.Ship }).Plan().Steps;
        Assert.Equal(
            [typeof(SetupStep.InstallArchive), typeof(SetupStep.InstallArchive), typeof(SetupStep.AuthorizeArchive), typeof(SetupStep.AuthorizeArchive),
                typeof(SetupStep.ProveArchive), typeof(SetupStep.ProveArchive)],
            steps.Take(6).Select(step => step.GetType()));
    }

    [Theory]
    [InlineData(Archiving.Noop, "archive_command", "pgbackrest archive-push %p")]
    [InlineData(Archiving.Ship, "archive_command", "pgbackrest archive-push %p")]
    [InlineData(Archiving.Ship, "archive_command", "(disabled)")]
    [InlineData(Archiving.Ship, "archive_library", "basic_archive")]
    public void Archive_of_somebody_elses_is_not_replaced(Archiving archiving, string name, string value)
    {
        var plan = Bare(new ReplicationSettings { Archiving = archiving }, Set(Hosts.Server(Alpha), name, value, "/etc/postgresql.conf")).Plan();
        Assert.Contains("leave Archiving Off", Assert.Single(plan.Refusals), StringComparison.Ordinal);
    }

    [Fact]
    public void Command_that_does_nothing_is_nobodys_archive() =>
        Assert.False(Bare(new ReplicationSettings { Archiving = Archiving.Ship }, Set(Hosts.Server(Alpha), "archive_command", "/bin/true", "/etc/postgresql.conf")).Plan().IsRefused);

    [Fact]
    public void Missing_program_is_found_before_anything_is_changed()
    {
        var plan = new Hosts(Spec(new ReplicationSettings { Archiving = Archiving.Ship }), Hosts.Server(Alpha), Hosts.Nothing(Beta) with { ArchiveLacks = ["rsync"] }).Plan();
        Assert.Contains("beta: Archiving is Ship, which needs rsync: install it", Assert.Single(plan.Refusals), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-1", 0, "10000MB")] // a quarter of the disk
    [InlineData("500", 0, null)]
    [InlineData("-1", 2000, "2000MB")]
    [InlineData("1000", 2000, "2000MB")]
    [InlineData("3000", 2000, null)]
    [InlineData("-1", -1, null)]
    public void Standby_that_is_away_may_not_fill_the_disk_and_no_limit_is_lowered(string now, int option, string? wanted) =>
        Assert.Equal(wanted, Written(Bare(new ReplicationSettings { MaxSlotWalKeepMegabytes = option }, Set(Hosts.Server(Alpha), "max_slot_wal_keep_size", now)).Plan(), Alpha)
            .GetValueOrDefault("max_slot_wal_keep_size"));

    [Fact]
    public void Standby_may_hold_what_its_primary_lets_it_hold() =>
        Assert.Equal("50000", Written(Bare(new ReplicationSettings(), Set(Hosts.Server(Alpha), "max_slot_wal_keep_size", "50000")).Plan(), Beta)["max_slot_wal_keep_size"]);

    [Theory]
    [InlineData(0, 1, 6)]
    [InlineData(0, 3, 10)]
    [InlineData(-1, 3, -1)]
    [InlineData(7, 3, 7)]
    public void Replication_role_may_have_as_many_connections_as_the_nodes_need(int option, int standbys, int limit) =>
        Assert.Equal(limit, new ReplicationSettings { ConnectionLimit = option }.RoleLimit(standbys));

    [Fact]
    public void With_tls_nothing_is_let_in_without_it_and_nothing_connects_without_it()
    {
        var hosts = Bare(new ReplicationSettings { Tls = Tls.Required }).SetUp();
        Assert.All(hosts[Alpha].HbaText!.Split('\n').Where(line => line.Contains("scram", StringComparison.Ordinal)), line => Assert.StartsWith("hostssl ", line, StringComparison.Ordinal));
        Assert.Contains("hostnossl replication,all replicator all reject\nhostnossl replication,all watchdog all reject\n# END", hosts[Alpha].HbaText!, StringComparison.Ordinal);
        Assert.Equal("require", PostgresText.ConnectionInfo(hosts[Beta].Settings["primary_conninfo"].Value)["sslmode"]);
    }

    [Fact]
    public void Tls_needs_a_server_that_has_it()
    {
        var plan = Bare(new ReplicationSettings { Tls = Tls.Required }, Set(Hosts.Server(Alpha), "ssl", "off")).Plan();
        Assert.Contains("set ssl = on", Assert.Single(plan.Refusals), StringComparison.Ordinal);
    }
}
