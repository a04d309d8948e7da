using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Page;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Page;

/// <summary>Version 1 of the API, as a script asks it.</summary>
public sealed class ApiTests
{
    private static readonly FinishedFailover Failover = new(2, "alpha", "beta", Succeeded: true, Looks.Start.AddSeconds(4), 0, Looks.Procedure);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Readiness_is_one_answer_with_every_gate()
    {
        await using var host = await PageHost.StartAsync();
        var ready = await JsonAsync(host, "/api/v1/clusters/main/readiness");
        Assert.True((bool)ready["ready"]!);
        Assert.Equal(("beta", "Serving", 0), ((string?)ready["candidate"], (string?)ready["verdict"], (long)ready["expectedLossBytes"]!));
        var gates = Enum.GetValues<Gate>().Where(gate => gate != Gate.Unknown && !Sentences.IsOfACandidate(gate)).Select(gate => gate.ToString());
        Assert.Equal(gates, ready["gates"]!.AsArray().Select(gate => (string)gate!["gate"]!));

        host.World.See = () => [Looks.Primary(), Looks.Gone("beta")];
        await host.ShowsAsync("/api/v1/clusters/main/readiness", "CandidateUnreachable", "the standby is missed");
        ready = await JsonAsync(host, "/api/v1/clusters/main/readiness");
        Assert.False((bool)ready["ready"]!);
        Assert.Null(ready["candidate"]);
        Assert.Null(ready["expectedLossBytes"]);
    }

    [Fact]
    public async Task Before_the_first_check_nothing_is_zero()
    {
        var status = JsonSerializer.SerializeToNode(ClusterStatus.Of(Looks.Spec, null, []), Json.Options)!;
        Assert.Equal("Unknown", (string?)status["verdict"]);
        foreach (var unknown in (string[])["lastCheck", "verdictSince", "primarySilenceSeconds", "expectedLossBytes", "intendedPrimary"])
            Assert.Null(status[unknown]);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Failovers_are_listed_and_each_has_an_address()
    {
        await using var host = await PageHost.StartAsync(remember: Remember);
        var one = (await JsonAsync(host, "/api/v1/failovers?cluster=main"))["failovers"]!.AsArray().Single()!;
        Assert.Equal(("main", "alpha"), ((string?)one["cluster"], (string?)one["failover"]!["from"]));
        var all = await JsonAsync(host, $"/api/v1/clusters/main/failovers/{one["id"]}");
        Assert.Equal("Crashed", (string?)all["failover"]!["procedure"]!["verdict"]);
        Assert.Contains(all["events"]!.AsArray(), entry => (string?)entry!["sentence"] == "around it");
        Assert.DoesNotContain(all["events"]!.AsArray(), entry => (string?)entry!["sentence"] == "long before");
    }

    [Theory]
    [InlineData("/api/v1/clusters/mian", HttpStatusCode.NotFound, "there are main")]
    [InlineData("/api/v1/clusters/mian/readiness", HttpStatusCode.NotFound, "there are main")]
    [InlineData("/api/v1/events?cluster=mian", HttpStatusCode.NotFound, "there are main")]
    [InlineData("/api/v1/failovers?cluster=mian", HttpStatusCode.NotFound, "there are main")]
    [InlineData("/api/v1/clusters/main/failovers/yesterday", HttpStatusCode.NotFound, "has no failover yesterday on record")]
    [InlineData("/api/v1/events?limit=many", HttpStatusCode.BadRequest, "400")]
    [InlineData("/api/v1/nothing", HttpStatusCode.NotFound, "404")]
    [InlineData("/clusters/mian", HttpStatusCode.NotFound, "There is no cluster mian")]
    [InlineData("/clusters/main/failovers/yesterday", HttpStatusCode.NotFound, "no failover yesterday")]
    [InlineData("/clusters/mian/lag", HttpStatusCode.NotFound, "404")]
    [InlineData("/clusters/mian/stream", HttpStatusCode.NotFound, "404")]
    public async Task What_is_not_there_is_said_in_words(string path, HttpStatusCode status, string words)
    {
        await using var host = await PageHost.StartAsync();
        using var answer = await host.Http.GetAsync(path, Cancellation);
        Assert.Equal(status, answer.StatusCode);
        Assert.Contains(words, await answer.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/clusters/main")]
    [InlineData("/api/v1/status")]
    [InlineData("/metrics")]
    [InlineData("/clusters/main/primary")]
    [InlineData("/assets/page.js")]
    [InlineData("/nothing")]
    public async Task Every_answer_says_what_a_browser_may_do_with_it(string path)
    {
        await using var host = await PageHost.StartAsync();
        using var answer = await host.Http.GetAsync(path, Cancellation);
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal(("nosniff", "no-referrer"), (answer.Headers.GetValues("X-Content-Type-Options").Single(), answer.Headers.GetValues("Referrer-Policy").Single()));
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Theory]
    [InlineData("attacker.example", HttpStatusCode.BadRequest)]
    [InlineData("localhost", HttpStatusCode.OK)]
    [InlineData("127.0.0.1:1234", HttpStatusCode.OK)] // a tunnel's other end
    public async Task A_page_from_elsewhere_whose_name_was_made_to_lead_here_reads_nothing(string name, HttpStatusCode status)
    {
        await using var host = await PageHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/status") { Headers = { Host = name } };
        using var answer = await host.Http.SendAsync(request, Cancellation);
        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task The_runbook_is_served_and_has_a_place_for_whatever_leads_there()
    {
        await using var host = await PageHost.StartAsync();
        var runbook = await host.GetAsync("/runbook");
        var words = Enum.GetValues<Verdict>().Cast<Enum>().Concat(Enum.GetValues<Gate>().Where(gate => gate != Gate.Unknown).Cast<Enum>());
        Assert.All(words.Select(RunbookPage.Address), address => Assert.Contains($"id=\"{address.Split('#')[1]}\"", runbook, StringComparison.Ordinal));
        Assert.All(Enum.GetValues<Topic>().Select(Topics.RunbookAnchor), anchor => Assert.Contains($"id=\"{anchor}\"", runbook, StringComparison.Ordinal));
        Assert.Contains("href=\"/runbook#nocandidate\"", await host.GetAsync("/clusters/main"), StringComparison.Ordinal);
    }

    /// <summary>Kept in docs/ for whoever reads before he runs; PGWATCHDOG_REWRITE_DOCS=1 writes it.</summary>
    [Fact]
    public async Task The_OpenAPI_document_is_the_one_in_docs_and_knows_what_Json_writes()
    {
        await using var host = await PageHost.StartAsync();
        var text = JsonNode.Parse(await host.GetAsync("/api/v1/openapi.json"))!;
        text["info"]!["version"] = "1";
        var (file, written) = (Path.Combine(Repository.Root, "docs/openapi.json"), text.ToJsonString(new(Json.Options) { WriteIndented = true }) + "\n");
        if (Environment.GetEnvironmentVariable("PGWATCHDOG_REWRITE_DOCS") == "1")
            await File.WriteAllTextAsync(file, written, Cancellation);
        Assert.Equal(await File.ReadAllTextAsync(file, Cancellation), written);

        var schemas = text["components"]!["schemas"]!;
        Assert.Equal(Enum.GetNames<Gate>(), schemas["Gate"]!["enum"]!.AsArray().Select(name => (string)name!));
        var status = schemas["ClusterStatus"]!["properties"]!;
        Assert.Equal("array", (string?)status["nodes"]!["type"]);
        var example = JsonSerializer.SerializeToNode(ClusterStatus.Of(Looks.Spec, Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby()), []), Json.Options)!;
        Assert.Equal(example.AsObject().Select(member => member.Key).Order(), status.AsObject().Select(member => member.Key).Order());
        var read = text["paths"]!.AsObject().Where(path => path.Value!["get"] is not null && !path.Key.Contains("{id}", StringComparison.Ordinal));
        foreach (var (path, _) in read)
        {
            using var answer = await host.Http.GetAsync(path.Replace("{cluster}", "main", StringComparison.Ordinal), Cancellation);
            Assert.True(answer.IsSuccessStatusCode, path);
        }
    }

    private static void Remember(IJournal journal) => journal.Append("main", Looks.Known with { LastFailover = Failover },
        [new(Looks.Start.AddDays(-1), EventKind.GatesChanged, "long before"), new(Looks.Start, EventKind.VerdictChanged, "around it")]);

    private static async Task<JsonNode> JsonAsync(PageHost host, string path) => (await host.Http.GetFromJsonAsync<JsonNode>(path, Cancellation))!;
}
