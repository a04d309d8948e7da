using System.Text.Json;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>What set-up would change, told to programs: the plan as JSON, the service's metric.</summary>
public sealed class DriftTests
{
    private const string Metric = "pgwatchdog_setup_drift_steps{cluster=\"main\"} ";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Service_sees_a_changed_file_and_sees_it_mended()
    {
        await using var cluster = await RunningCluster.StartAsync(change: main => main["DriftCheckInterval"] = "00:00:01");
        using var http = new HttpClient();
        await SetUpTests.EventuallyAsync(async () => await StepsAsync() == "0", "nothing has drifted");

        await cluster.Beta.RunAsync($"sed -i 's/^host replication/# &/' {cluster.Beta.DataDirectory}/pg_hba.conf", Cancellation);
        await SetUpTests.EventuallyAsync(async () => await StepsAsync() is { } steps && steps != "0", "the change is seen");

        await cluster.RequireAsync("setup");
        await SetUpTests.EventuallyAsync(async () => await StepsAsync() == "0", "the change is mended");
        var events = (await cluster.RequireAsync("events", "main")).Output; // who did it, with which plan, and what came of it
        Assert.Matches($"SetUpBegun  set-up is begun by {Environment.UserName}[^:]*: plan [0-9a-f]{{16}}, [0-9]+ steps: beta ", events);
        Assert.Matches($"SetUpEnded  set-up of {Environment.UserName}[^:]* is done", events);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(cluster.Service.Log.Contains("main: SetUpEnded: set-up of ", StringComparison.Ordinal)), "the service's log has it");

        async Task<string?> StepsAsync() => (await http.GetStringAsync(new Uri($"http://127.0.0.1:{cluster.Lab.WatchdogPort}/metrics"), Cancellation)).Split('\n')
            .FirstOrDefault(line => line.StartsWith(Metric, StringComparison.Ordinal))?[Metric.Length..];
    }

    [Fact]
    public async Task Plan_is_one_JSON_document_without_a_secret()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        using (var nothing = await PlanAsync(cluster, 0))
        {
            Assert.False(nothing.RootElement.GetProperty("changesPending").GetBoolean());
            Assert.Empty(nothing.RootElement.GetProperty("steps").EnumerateArray());
        }
        await cluster.Beta.RunAsync($"sed -i 's/^primary_conninfo.*/primary_conninfo = '\\''host=x password=geheim user=y'\\''/' {cluster.Beta.DataDirectory}/pgwatchdog.conf", Cancellation);
        await cluster.Beta.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        await SetUpTests.EventuallyAsync(async () => (await cluster.Beta.PsqlAsync("SHOW primary_conninfo", Cancellation)).Contains("geheim", StringComparison.Ordinal), "it is loaded");
        using (var plan = await PlanAsync(cluster, 2))
        {
            Assert.Equal(("main", "alpha"), (plan.RootElement.GetProperty("cluster").GetString(), plan.RootElement.GetProperty("primary").GetString()));
            var step = plan.RootElement.GetProperty("steps").EnumerateArray().First(one => one.GetProperty("kind").GetString() == "WriteFile");
            Assert.Equal("beta", step.GetProperty("node").GetString());
            Assert.EndsWith("/pgwatchdog.conf", step.GetProperty("path").GetString(), StringComparison.Ordinal);
            Assert.Contains(step.GetProperty("changes").EnumerateArray(), line => line.GetString() == "- primary_conninfo = 'host=x password=*** user=y'");
            Assert.True(step.GetProperty("undo").GetString()!.Length > 5);
        }
        await cluster.Alpha.StopPostgresAsync(ct: Cancellation);
        using var refused = await PlanAsync(cluster, 1);
        Assert.Contains("runs as a primary", refused.RootElement.GetProperty("refusals")[0].GetString(), StringComparison.Ordinal);
    }

    private static async Task<JsonDocument> PlanAsync(RunningCluster cluster, int exitCode)
    {
        var result = await cluster.RunAsync("setup", "--plan", "--json");
        Assert.True(result.ExitCode == exitCode, result.ToString());
        Assert.DoesNotContain("geheim", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("'lab'", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("'secret'", result.Output, StringComparison.Ordinal);
        return JsonDocument.Parse(result.Output);
    }
}
