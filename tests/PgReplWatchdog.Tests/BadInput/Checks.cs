using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>`check` without a service: its four exit codes, and nodes that are not what the configuration takes them for.</summary>
[Collection(OnALab.Collection)]
public sealed class Checks(WatchedLab watched) : IClassFixture<WatchedLab>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_ends_with_0_where_the_primary_serves_and_a_failover_would_work()
    {
        await StreamsAsync();
        (await watched.RunAsync(null, "check", "main")).Shows(ExitCode.CheckOk, "main  Serving", "failover ready", "alpha", "Primary", "Standby");
    }

    [Fact]
    public async Task It_ends_with_1_where_the_primary_serves_and_there_is_no_standby()
    {
        await watched.Beta.StopPostgresAsync(ct: Cancellation);
        var result = await watched.RunAsync(null, "check", "main");
        await watched.Beta.StartPostgresAsync(Cancellation);
        result.Shows(ExitCode.CheckWarning, "main  Serving", "failover NOT ready", $"127.0.0.1:{watched.Beta.PostgresPort} refuses connections");
    }

    [Fact]
    public async Task It_ends_with_2_where_the_primary_is_down()
    {
        await watched.Alpha.StopPostgresAsync("immediate", Cancellation);
        var result = await watched.RunAsync(null, "check", "main");
        await watched.Alpha.StartPostgresAsync(Cancellation);
        result.Shows(ExitCode.CheckCritical, "main  Crashed", $"127.0.0.1:{watched.Alpha.PostgresPort} refuses connections");
    }

    [Fact]
    public async Task It_ends_with_3_where_nothing_can_be_said()
    {
        var result = await watched.RunAsync(cluster =>
        {
            cluster.Section()["StateDirectory"] = watched.NewState();
            cluster.Alpha()["Port"] = watched.Alpha.SshPort;
        }, "check", "main");
        result.Shows(ExitCode.CheckUnknown, "main  Unknown");
    }

    [Fact]
    public async Task A_second_set_up_changes_nothing_and_says_so()
    {
        await StreamsAsync();
        foreach (var plan in (string[][])[["--plan"], []])
            (await watched.RunAsync(null, ["setup", "main", .. plan])).Shows(ExitCode.Ok, "Nothing to change: alpha is the primary of main, and beta streams from it.");
    }

    [Fact]
    public async Task A_wrong_password_is_told_with_the_role_and_the_file_to_look_at()
    {
        var secret = WrongPassword();
        var result = await watched.RunAsync(cluster => cluster["WatchdogPasswordFile"] = secret, "check", "main");
        result.Shows(ExitCode.CheckCritical, "main  Busy", "alpha", "password authentication failed for user \"pgwatchdog\" (SQLSTATE 28P01)", "WatchdogPasswordFile");
        Assert.DoesNotContain("not the password", result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_that_does_not_exist_is_named()
    {
        var result = await watched.RunAsync(cluster => cluster["WatchdogRole"] = "stranger", "check", "main");
        result.Shows(ExitCode.CheckCritical, "main  Busy", "stranger", "SQLSTATE 28", "run setup");
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_named_with_its_setting()
    {
        var result = await watched.RunAsync(cluster => cluster["Database"] = "stranger", "check", "main");
        result.Shows(ExitCode.CheckCritical, "main  Busy", "stranger", "Database");
    }

    /// <summary>Such a role sees rows without columns, which is neither a standby that streams nor one that does not.</summary>
    [Fact]
    public async Task A_role_without_its_rights_is_told()
    {
        var result = await WithoutRightsAsync(_ => { });
        result.Shows(ExitCode.CheckWarning, "replication views", "run setup");
    }

    /// <summary>The standby streams, and the watchdog alone cannot reach the primary: what it may not see must not make the primary Down.</summary>
    [Fact]
    public async Task A_role_without_its_rights_does_not_make_a_primary_down()
    {
        var result = await WithoutRightsAsync(cluster => cluster.Alpha()["Port"] = 1);
        Assert.DoesNotContain("main  Down", result.Output, StringComparison.Ordinal);
        Assert.NotEqual(ExitCode.CheckCritical, result.ExitCode);
    }

    [Fact]
    public async Task A_host_name_that_does_not_resolve_is_named_with_its_setting()
    {
        var result = await watched.RunAsync(cluster => cluster.Beta()["Host"] = "no-such-host.invalid", "check", "main");
        result.Shows(ExitCode.CheckWarning, "main  Serving", "the host name no-such-host.invalid does not resolve: correct Host");
    }

    [Theory]
    [InlineData(Stranger.Silent, "no answer from 127.0.0.1:")]
    [InlineData(Stranger.HalfWay, "no answer from 127.0.0.1:")]
    [InlineData(Stranger.Closing, "does not talk as PostgreSQL does")]
    [InlineData(Stranger.Web, "does not talk as PostgreSQL does")]
    [InlineData(Stranger.Garbage, "does not talk as PostgreSQL does")]
    [InlineData(Stranger.EndlessLine, "does not talk as PostgreSQL does")]
    [InlineData(Stranger.HugeMessage, "does not talk as PostgreSQL does")]
    public async Task A_node_that_is_not_PostgreSQL_is_told_and_says_nothing_about_the_primary(Stranger kind, string words)
    {
        await using var stranger = new NotPostgres(kind);
        var alone = await watched.RunAsync(cluster => NewTo(cluster, stranger.Port, stranger.Port), "check", "main");
        alone.Shows(ExitCode.CheckUnknown, "main  Unknown", words, $"127.0.0.1:{stranger.Port}");
        var known = await watched.RunAsync(cluster => cluster.Alpha()["Port"] = stranger.Port, "check", "main");
        known.HasNoStackTrace();
        Assert.Equal(ExitCode.CheckUnknown, known.ExitCode);
    }

    [Fact]
    public async Task The_port_of_sshd_given_for_PostgreSQLs_is_told()
    {
        var result = await watched.RunAsync(cluster => NewTo(cluster, watched.Alpha.SshPort, watched.Beta.SshPort), "check", "main");
        result.Shows(ExitCode.CheckUnknown, "main  Unknown", $"127.0.0.1:{watched.Alpha.SshPort} does not talk as PostgreSQL does", "check Host and Port");
    }

    [Fact]
    public async Task Two_nodes_with_each_others_addresses_are_seen_as_what_they_are()
    {
        await StreamsAsync();
        var result = await watched.RunAsync(cluster =>
        {
            cluster.Alpha()["Port"] = watched.Beta.PostgresPort;
            cluster.Beta()["Port"] = watched.Alpha.PostgresPort;
        }, "check", "main");
        result.HasNoStackTrace();
        Assert.NotEqual(ExitCode.CheckOk, result.ExitCode);
    }

    [Fact]
    public async Task A_journal_that_is_none_is_told()
    {
        var state = watched.NewState();
        await File.WriteAllTextAsync(Path.Combine(state, "journal.db"), "this is no database, but somebody's notes about one, and long enough to be read as a header of one", Cancellation);
        var result = await watched.RunAsync(cluster => cluster.Section()["StateDirectory"] = state, "check", "main");
        result.Says(ExitCode.Configuration, Path.Combine(state, "journal.db"));
    }

    private void NewTo(JsonObject cluster, int alpha, int beta)
    {
        cluster.Section()["StateDirectory"] = watched.NewState();
        cluster.Alpha()["Port"] = alpha;
        cluster.Beta()["Port"] = beta;
        if (alpha == beta)
            cluster.Beta()["Host"] = "localhost"; // the same address twice would be a mistake of its own
    }

    private async Task<ProductResult> WithoutRightsAsync(Action<JsonObject> change)
    {
        await StreamsAsync();
        await watched.Alpha.PsqlAsync("REVOKE USAGE ON SCHEMA pgwatchdog FROM pgwatchdog", Cancellation);
        await UntilAsync(watched.Beta, "NOT has_schema_privilege('pgwatchdog', 'pgwatchdog', 'USAGE')", "beta has replayed that");
        var result = await watched.RunAsync(change, "check", "main");
        await watched.Alpha.PsqlAsync("GRANT USAGE ON SCHEMA pgwatchdog TO pgwatchdog", Cancellation);
        return result;
    }

    private string WrongPassword() => watched.Secret("wrong.secret", "not the password\n");

    /// <summary>Another test may just have started beta again.</summary>
    private Task StreamsAsync() =>
        UntilAsync(watched.Alpha, "EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'beta' AND state = 'streaming')", "beta streams");

    /// <summary>The server itself waits; a new transaction for each look.</summary>
    private static async Task UntilAsync(LabHost host, string condition, string what)
    {
        for (var attempt = 0; attempt < 600; attempt++)
        {
            if (await host.PsqlAsync($"SELECT {condition} OR pg_sleep(0.1) IS NULL", Cancellation) == "t")
                return;
        }
        Assert.Fail($"not within a minute: {what}");
    }
}
