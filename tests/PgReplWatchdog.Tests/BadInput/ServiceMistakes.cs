using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Operating;
using Service = PgReplWatchdog.Lab.Service;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>`run` and `status`: what keeps the service from starting, what must not, and who is asked for the status.</summary>
[Collection(OnALab.Collection)]
public sealed class ServiceMistakes(WatchedLab watched) : IClassFixture<WatchedLab>
{
    private const char Escape = '\u001b';

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Stranger.Silent)]
    [InlineData(Stranger.Web)]
    public async Task A_port_that_is_taken_is_named(Stranger kind)
    {
        await using var stranger = new NotPostgres(kind);
        var listen = $"http://127.0.0.1:{stranger.Port}";
        var result = await watched.RunAsync(cluster => cluster.Section()["Listen"] = listen, "run");
        result.Says(ExitCode.Unavailable, "PgReplWatchdog:Listen is http://127.0.0.1:", "something listens there already", "is the service running?", "give another port");
    }

    [Fact]
    public async Task A_port_for_agents_that_is_taken_is_named()
    {
        await using var stranger = new NotPostgres(Stranger.Silent);
        var agents = $"tcp://127.0.0.1:{stranger.Port}";
        var result = await watched.RunAsync(cluster => cluster.Section()["AgentListen"] = agents, "run");
        result.Says(ExitCode.Unavailable, $"AgentListen is {agents}", "something listens there already", "give another port");
    }

    [Fact]
    public async Task A_second_service_does_not_start_and_leaves_the_first_alone()
    {
        var configuration = watched.Configuration();
        await using var first = await StartAsync(configuration);
        var second = await UserCommand.RunAsync("run", "--config", configuration);
        second.Says(ExitCode.Unavailable, "something listens there already");
        Assert.NotNull(await first.StatusAsync(Cancellation));
        Expect.HasNoStackTrace(first.Log);
    }

    /// <summary>192.0.2.1 is for documentation: no machine has it.</summary>
    [Fact]
    public async Task An_address_that_is_not_of_this_machine_is_named()
    {
        var result = await watched.RunAsync(cluster => cluster.Section()["Listen"] = "http://192.0.2.1:9187", "run");
        result.Says(ExitCode.Unavailable, "PgReplWatchdog:Listen is http://192.0.2.1:9187");
    }

    [Fact]
    public async Task A_file_in_place_of_the_state_directory_is_named()
    {
        var file = Path.Combine(watched.NewState(), "file");
        await File.WriteAllTextAsync(file, "dear", Cancellation);
        var result = await watched.RunAsync(cluster => cluster.Section()["StateDirectory"] = file, "run");
        result.Says(ExitCode.Configuration, file, "make StateDirectory writable for the watchdog's account");
        Assert.Equal("dear", await File.ReadAllTextAsync(file, Cancellation));
    }

    [Fact]
    public async Task A_state_directory_that_cannot_be_made_is_named()
    {
        var result = await watched.RunAsync(cluster => cluster.Section()["StateDirectory"] = "/proc/pgwatchdog", "run");
        result.Says(ExitCode.Configuration, "/proc/pgwatchdog", "StateDirectory");
    }

    [Fact]
    public async Task A_host_name_that_does_not_resolve_does_not_keep_the_service_from_starting()
    {
        await using var service = await StartAsync(watched.Configuration(cluster =>
        {
            cluster.Section()["StateDirectory"] = watched.NewState();
            cluster.Beta()["Host"] = "no-such-host.invalid";
        }));
        var status = await service.UntilAsync(status => status.Verdict == "Serving", "alpha is seen", WatchedLab.Patience, Cancellation);
        Assert.Contains("the host name no-such-host.invalid does not resolve", status.Node("beta").GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.False(status.FailoverReady);
        Expect.HasNoStackTrace(service.Log);
    }

    [Fact]
    public async Task A_wrong_password_is_told_in_the_log_with_the_node_and_the_file_to_look_at()
    {
        var secret = watched.Secret("wrong.secret", "not the password\n");
        await using var service = await StartAsync(watched.Configuration(cluster => cluster["WatchdogPasswordFile"] = secret));
        await service.UntilAsync(status => status.Verdict == "Busy", "the verdict is Busy", WatchedLab.Patience, Cancellation);
        Assert.Contains("alpha is alive, but answers with an error: password authentication failed for user \"pgwatchdog\"", service.Log, StringComparison.Ordinal);
        Assert.Contains("WatchdogPasswordFile", service.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("not the password", service.Log, StringComparison.Ordinal);
        Expect.HasNoStackTrace(service.Log);
    }

    [Theory]
    [InlineData(Stranger.Silent)]
    [InlineData(Stranger.Garbage)]
    public async Task A_primary_whose_port_is_somebody_elses_does_not_lead_to_a_failover(Stranger kind)
    {
        await using var stranger = new NotPostgres(kind);
        var state = watched.NewState();
        foreach (var file in Directory.GetFiles(Path.Combine(watched.Lab.Directory, "watchdog")))
            File.Copy(file, Path.Combine(state, Path.GetFileName(file)));
        await using var service = await StartAsync(watched.Configuration(cluster =>
        {
            cluster.Section()["StateDirectory"] = state;
            cluster.Alpha()["Port"] = stranger.Port;
            cluster["UnreachableThreshold"] = "00:00:02";
            cluster["GuardTimeToLive"] = "00:00:00";
            cluster["Fencing"] = "BestEffort";
        }));
        await service.UntilAsync(
            status => status.Verdict is "ServingElsewhere" or "Unknown" && VerdictAge(status) > TimeSpan.FromSeconds(3), "one verdict has stood for longer than the threshold",
            WatchedLab.Patience, Cancellation);
        Assert.Equal("alpha", (await service.StatusAsync(Cancellation))!.IntendedPrimary);
        Assert.Equal("t", await watched.Beta.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
        Expect.HasNoStackTrace(service.Log);
    }

    [Fact]
    public async Task Status_as_JSON_is_what_the_API_says()
    {
        var configuration = watched.Configuration(cluster => // one check, then none for a minute: both are asked about the same
        {
            cluster["CheckInterval"] = "00:01:00";
            cluster["UnreachableThreshold"] = "00:10:00";
        });
        await using var service = await StartAsync(configuration);
        var api = await service.Http.GetStringAsync("/api/v1/status", Cancellation);
        var printed = await UserCommand.RunAsync("status", "--json", "--config", configuration);
        Assert.Equal(ExitCode.Ok, printed.ExitCode);
        Assert.True(JsonNode.DeepEquals(Ageless(api), Ageless(printed.Output)), $"{api}\n{printed}");
        var one = await UserCommand.RunAsync("status", "main", "--json", "--config", configuration);
        Assert.True(JsonNode.DeepEquals(Ageless(api), Ageless(one.Output)), $"{api}\n{one}");

        // How old it is, and whether that is too old, each is told for its own moment.
        static JsonNode Ageless(string status)
        {
            var document = JsonNode.Parse(status)!;
            foreach (var one in document["clusters"]!.AsArray())
                Assert.True(one!.AsObject().Remove("ageSeconds") && one.AsObject().Remove("stale"));
            return document;
        }
    }

    [Fact]
    public async Task Status_has_no_escape_sequences_in_a_pipe_and_nor_has_the_log()
    {
        var configuration = watched.Configuration();
        await using var service = await StartAsync(configuration);
        var result = await UserCommand.RunAsync([("COLORTERM", "truecolor"), ("FORCE_COLOR", "1")], "status", "--config", configuration);
        result.Shows(ExitCode.Ok, "main", "alpha", "beta");
        Assert.DoesNotContain(Escape, result.ToString());
        Assert.DoesNotContain(Escape, service.Log);
    }

    [Fact]
    public async Task Status_of_an_unknown_cluster_names_those_that_are_watched()
    {
        var configuration = watched.Configuration();
        await using var service = await StartAsync(configuration);
        var result = await UserCommand.RunAsync("status", "mian", "--config", configuration);
        result.Says(ExitCode.Usage, "the service watches no cluster mian; there are main").InOneLine();
    }

    [Theory]
    [InlineData(Stranger.Silent)]
    [InlineData(Stranger.Closing)]
    [InlineData(Stranger.Web)]
    [InlineData(Stranger.OtherApi)]
    [InlineData(Stranger.Garbage)]
    [InlineData(Stranger.EndlessLine)]
    public async Task Status_of_something_else_than_a_watchdog_says_where_it_looked(Stranger kind)
    {
        await using var stranger = new NotPostgres(kind);
        var result = await watched.RunAsync(cluster => cluster.Section()["Listen"] = $"http://127.0.0.1:{stranger.Port}", "status");
        result.Says(ExitCode.Unavailable, $"no pgwatchdog answers at http://127.0.0.1:{stranger.Port}/", "Listen").InOneLine();
    }

    private static TimeSpan VerdictAge(ServiceStatus status)
    {
        var cluster = JsonNode.Parse(status.Json)!["clusters"]![0]!;
        return cluster["lastCheck"]!.GetValue<DateTimeOffset>() - cluster["verdictSince"]!.GetValue<DateTimeOffset>();
    }

    private Task<Service> StartAsync(string configuration) => Service.StartAsync(configuration, watched.Lab.WatchdogPort, ct: Cancellation);
}
