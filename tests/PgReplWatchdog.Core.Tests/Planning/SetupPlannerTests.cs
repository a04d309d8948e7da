using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Planning;

public class SetupPlannerTests
{
    private static Hosts Bare() => new(Two(), Hosts.Server(Alpha), Hosts.Nothing(Beta));

    private static SetupOptions Overwrite(string node) => Hosts.NoOptions with { Overwrite = [node] };

    private static string Kinds(SetupPlan plan, string? node = null) =>
        string.Join(' ', plan.Steps.Where(step => node is null || step.Node == node).Select(step => step.GetType().Name));

    [Fact]
    public void From_bare_the_primary_is_prepared_and_then_the_standby_is_made_of_it()
    {
        var plan = Bare().Plan();
        Assert.Equal((Alpha, false, false), (plan.Primary, plan.IsRefused, plan.ChangesNothing));
        Assert.Equal("PrepareDirectory WritePassFile WriteFile InstallGuard EnsureRole EnsureRole WriteFile WriteFile WriteFile Restart CreateSlot", Kinds(plan, Alpha));
        Assert.Equal("PrepareDirectory WritePassFile WriteFile InstallGuard CopyFromPrimary WriteFile WriteFile WriteFile WriteFile InstallCopy RemoveTriggerFile StartServer ProveStreaming",
            Kinds(plan, Beta));
        Assert.Equal(plan.Steps.OrderBy(step => step.Node, StringComparer.Ordinal), plan.Steps);
    }

    [Fact]
    public void Every_file_of_a_copy_goes_into_the_copy_before_it_is_put_in_place()
    {
        var files = Bare().Plan().Steps.OfType<SetupStep.WriteFile>().Where(file => file.Node == Beta && !file.Path.EndsWith("/server.conf", StringComparison.Ordinal)).ToList();
        Assert.All(files, file => Assert.True(file.InCopy));
        Assert.Equal(
            ["pg_hba.conf", "pgwatchdog.conf", "postgresql.conf", "standby.signal"],
            files.Select(file => file.Path.Replace("/data/beta.pgwatchdog/copy/", "", StringComparison.Ordinal)));
    }

    /// <summary>As Debian has it: the configuration is no part of the copy, and is changed where it is.</summary>
    [Fact]
    public void Configuration_outside_of_the_data_directory_is_changed_in_place_and_names_the_managed_file_in_full()
    {
        var hosts = new Hosts(Two(), Debian(Hosts.Server(Alpha)), Debian(Hosts.Fresh(Beta)));
        var files = hosts.Plan().Steps.OfType<SetupStep.WriteFile>().ToList();
        Assert.Equal(
            [
                "/data/alpha.pgwatchdog/server.conf", "/etc/postgresql/15/main/pg_hba.conf", "/data/alpha/pgwatchdog.conf", "/etc/postgresql/15/main/postgresql.conf",
                "/data/beta.pgwatchdog/server.conf", "/etc/postgresql/15/main/pg_hba.conf", "/data/beta.pgwatchdog/copy/pgwatchdog.conf", "/etc/postgresql/15/main/postgresql.conf",
                "/data/beta.pgwatchdog/copy/standby.signal",
            ],
            files.Select(file => file.Path));
        Assert.Contains("include_if_exists = '/data/beta/pgwatchdog.conf'", files[7].After, StringComparison.Ordinal);
        Assert.Contains("config='/etc/postgresql/15/main' unit='postgresql@15-main.service'", files[0].After, StringComparison.Ordinal);
        Assert.True(hosts.SetUp().Plan().ChangesNothing);
    }

    private static NodeFacts Debian(NodeFacts node) => node with
    {
        ConfigFile = "/etc/postgresql/15/main/postgresql.conf",
        HbaFile = "/etc/postgresql/15/main/pg_hba.conf",
        Unit = "postgresql@15-main.service",
    };

    /// <summary>Until 11 recovery.conf makes it a standby; nothing of that may be in the settings, where such a server would not start with it.</summary>
    [Fact]
    public void Standby_of_PostgreSQL_11_is_one_by_its_recovery_conf()
    {
        var hosts = new Hosts(Two(), Eleven(Hosts.Server(Alpha)), Eleven(Hosts.Nothing(Beta)));
        var files = hosts.Plan().Steps.OfType<SetupStep.WriteFile>().Where(file => file.Node == Beta).ToDictionary(file => file.Path.Split('/')[^1], file => file.After);
        Assert.Equal(["standby_mode", "primary_conninfo", "primary_slot_name", "recovery_target_timeline", "trigger_file"], PostgresText.Settings(files["recovery.conf"]).Select(line => line.Key));
        Assert.Empty(PostgresText.Settings(files["pgwatchdog.conf"]).Select(line => line.Key).Intersect(["primary_conninfo", "primary_slot_name", "recovery_target_timeline", "promote_trigger_file"]));
        Assert.False(files.ContainsKey("standby.signal"));
        Assert.DoesNotContain("InstallGuard", Kinds(hosts.Plan()), StringComparison.Ordinal);
    }

    private static NodeFacts Eleven(NodeFacts node) => node with { Version = node.Version is null ? null : new PostgresVersion(110022), ProgramVersion = new PostgresVersion(110022) };

    [Fact]
    public void Second_run_changes_nothing() => Assert.True(Bare().SetUp().Plan().ChangesNothing);

    [Fact]
    public void Second_run_on_three_nodes_changes_nothing()
    {
        var hosts = new Hosts(Three(), Hosts.Server(Alpha), Hosts.Nothing(Beta), Hosts.Fresh(Gamma)).SetUp();
        Assert.True(hosts.Plan().ChangesNothing);
        Assert.Equal(["pgwatchdog_beta", "pgwatchdog_gamma"], hosts[Alpha].Slots);
    }

    [Fact]
    public void Run_that_broke_off_after_any_step_is_finished_by_the_next_one()
    {
        var steps = Bare().Plan().Steps;
        Assert.All(Enumerable.Range(0, steps.Length), done =>
        {
            var hosts = Bare().Run(steps.Take(done)).SetUp();
            Assert.True(hosts.Plan().ChangesNothing, $"after {done} steps: {Kinds(hosts.Plan())}");
            Assert.True(hosts[Beta].InRecovery);
        });
    }

    [Fact]
    public void Standby_that_was_put_in_place_but_not_started_is_started_and_not_copied_again()
    {
        var steps = Bare().Plan().Steps;
        var plan = Bare().Run(steps.TakeWhile(step => step is not SetupStep.RemoveTriggerFile)).Plan();
        Assert.Equal("RemoveTriggerFile StartServer ProveStreaming", Kinds(plan));
    }

    [Fact]
    public void Standby_that_runs_but_does_not_stream_has_only_to_prove_it()
    {
        var hosts = Bare().SetUp();
        hosts[Alpha] = hosts[Alpha] with { StreamingStandbys = [] };
        Assert.Equal([new SetupStep.ProveStreaming(Beta, Alpha)], hosts.Plan().Steps);
    }

    [Fact]
    public void Data_that_was_there_is_moved_aside_and_what_was_not_is_not()
    {
        Assert.Null(Install(Bare().Plan()).MoveAsideTo);
        Assert.Equal("/data/beta.before-pgwatchdog-20260101-000000",
            Install(new Hosts(Two(), Hosts.Server(Alpha), Hosts.Fresh(Beta)).Plan()).MoveAsideTo);

        static SetupStep.InstallCopy Install(SetupPlan plan) => Assert.Single(plan.Steps.OfType<SetupStep.InstallCopy>());
    }

    [Fact]
    public void Running_server_that_is_overwritten_is_stopped_before_anything_is_copied()
    {
        var hosts = new Hosts(Two(), Hosts.Server(Alpha), Hosts.Server(Beta, OtherSystem));
        var plan = hosts.Plan(Overwrite(Beta));
        Assert.Equal(Alpha, plan.Primary);
        Assert.StartsWith("PrepareDirectory WritePassFile WriteFile InstallGuard StopServer CopyFromPrimary", Kinds(plan, Beta), StringComparison.Ordinal);
        Assert.True(hosts.SetUp(Overwrite(Beta)).Plan().ChangesNothing);
    }

    [Fact]
    public void Stopped_server_is_not_stopped_again() =>
        Assert.DoesNotContain("StopServer", Kinds(new Hosts(Two(), Hosts.Server(Alpha), Hosts.Fresh(Beta)).Plan(Overwrite(Beta))), StringComparison.Ordinal);

    [Fact]
    public void Second_node_that_runs_as_primary_is_the_one_where_the_first_is_overwritten() =>
        Assert.Equal(Beta, new Hosts(Two(), Hosts.Server(Alpha, OtherSystem), Hosts.Server(Beta)).Plan(Overwrite(Alpha)).Primary);

    [Fact]
    public void Stale_trigger_file_is_removed_just_before_every_start()
    {
        var broken = Bare().Run(Bare().Plan().Steps.TakeWhile(step => step is not SetupStep.StartServer));
        SetupPlan[] plans =
        [
            Bare().Plan(),
            broken.Plan(),
            new Hosts(Two(), Hosts.Server(Alpha), Hosts.Server(Beta, OtherSystem)).Plan(Overwrite(Beta)),
        ];
        Assert.All(plans, plan =>
        {
            var start = plan.Steps.IndexOf(new SetupStep.StartServer(Beta));
            Assert.Equal(new SetupStep.RemoveTriggerFile(Beta, TriggerFile(Beta)), plan.Steps[start - 1]);
        });
    }

    [Fact]
    public void Stale_trigger_file_is_removed_before_a_running_standby_is_told_to_look_for_it()
    {
        var hosts = Bare().SetUp();
        hosts[Beta] = hosts[Beta] with { Settings = hosts[Beta].Settings.SetItem("promote_trigger_file", new Setting("", "sighup")) };
        var kinds = Kinds(hosts.Plan());
        Assert.Contains("Reload", kinds, StringComparison.Ordinal);
        Assert.Contains("RemoveTriggerFile", kinds, StringComparison.Ordinal);
    }

    [Fact]
    public void Role_that_differs_is_put_right_and_nothing_else()
    {
        var hosts = Bare().SetUp();
        hosts[Alpha] = hosts[Alpha] with { WatchdogRole = RoleState.RightsDiffer };
        Assert.Equal([new SetupStep.EnsureRole(Alpha, "watchdog", RoleKind.Watchdog, RoleState.RightsDiffer, new PostgresVersion(150018), SqlRoles.WatchdogConnections)], hosts.Plan().Steps);
    }

    [Fact]
    public void Passfile_that_differs_is_written_on_its_node_alone()
    {
        var hosts = Bare().SetUp();
        hosts[Alpha] = hosts[Alpha] with { PassFileCurrent = false };
        var step = Assert.IsType<SetupStep.WritePassFile>(Assert.Single(hosts.Plan().Steps));
        Assert.Equal([new PassFileEntry("10.0.0.2", 5432)], step.Entries);
    }

    [Fact]
    public void Guard_that_differs_or_does_not_run_is_installed_on_its_node_and_nothing_is_restarted()
    {
        var hosts = Bare().SetUp();
        hosts[Alpha] = hosts[Alpha] with { GuardCurrent = false };
        Assert.Equal([new SetupStep.InstallGuard(Alpha, "/data/alpha.pgwatchdog/guard")], hosts.Plan().Steps);
    }

    [Fact]
    public void Guard_that_is_armed_is_not_replaced()
    {
        var hosts = Bare().SetUp();
        hosts[Beta] = hosts[Beta] with { GuardCurrent = false, StateFiles = ["guard", "guard.armed"] }; // an order of a time when it was primary: a standby's guard stops nobody
        Assert.Empty(hosts.Plan().NotNow);
        hosts[Alpha] = hosts[Alpha] with { GuardCurrent = false, StateFiles = ["guard", "guard.armed"] };
        Assert.StartsWith("alpha: its guard has to be replaced, and is armed", Assert.Single(hosts.Plan().NotNow), StringComparison.Ordinal);
        hosts[Alpha] = hosts[Alpha] with { GuardCurrent = true };
        Assert.Empty(hosts.Plan().NotNow);
    }

    [Fact]
    public void Guard_is_taken_away_from_every_node_and_nothing_else_is()
    {
        var plan = SetupPlanner.WithoutGuard(Three());
        Assert.Equal([Alpha, Beta, Gamma], plan.Steps.Select(step => step.Node));
        Assert.All(plan.Steps, step => Assert.IsType<SetupStep.RemoveGuard>(step));
    }

    [Fact]
    public void Passfile_knows_every_other_node_because_roles_change() =>
        Assert.Equal(["10.0.0.1", "10.0.0.3"], SetupPlanner.PassFileEntries(Three(), Three().Node(Beta)).Select(entry => entry.Host));

    [Fact]
    public void Every_step_says_what_it_changes_and_how_it_is_taken_back() =>
        Assert.All(new Hosts(Two(), Hosts.Server(Alpha), Hosts.Server(Beta, OtherSystem)).Plan(Overwrite(Beta)).Steps,
            step => Assert.True(step.Title.Length > 10 && step.Undo.Length > 5, step.ToString()));
}
