using System.Net;
using System.Net.Http.Headers;
using System.Text;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Tests.Page;

/// <summary>Who may change something over HTTP, and who may not.</summary>
public sealed class ActionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_holds_the_token_pauses_and_resumes()
    {
        await using var host = await PageHost.StartAsync();
        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, "pause", PageHost.Token));
        await host.ShowsAsync("/api/v1/clusters/main", "\"gate\": \"Paused\"", "the pause is heard");
        Assert.Contains("failover is paused by operator, from 127.0.0.1", await host.GetAsync("/api/v1/events"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, "resume", PageHost.Token));
        await host.ShowsAsync("/api/v1/clusters/main", "\"failoverReady\": true", "the pause is over");
        Assert.Equal(HttpStatusCode.Conflict, await AskAsync(host, "acknowledge", PageHost.Token));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("a-token-of-more-than-twenty-character")]
    [InlineData("a-token-of-more-than-twenty-characters ")]
    public async Task Whoever_does_not_changes_nothing(string? token)
    {
        await using var host = await PageHost.StartAsync();
        var expected = token?.Trim() == PageHost.Token ? HttpStatusCode.OK : HttpStatusCode.Unauthorized; // blanks around it are no part of it
        Assert.Equal(expected, await AskAsync(host, "pause", token));
        using var form = await PostAsync(host, "/clusters/main/pause", ("token", token ?? ""));
        Assert.Equal(HttpStatusCode.Forbidden, form.StatusCode);
        if (expected == HttpStatusCode.Unauthorized)
            Assert.DoesNotContain("Paused", await host.GetAsync("/api/v1/events"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_token_in_the_configuration_nobody_does()
    {
        await using var host = await PageHost.StartAsync(token: null);
        foreach (var token in (string?[])[null, "", PageHost.Token])
            Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(host, "pause", token));
        using var form = await PostAsync(host, "/clusters/main/pause", ("token", ""));
        Assert.Equal(HttpStatusCode.Forbidden, form.StatusCode);
        Assert.Contains("pgwatchdog pause main", await form.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.DoesNotContain("<form", await host.GetAsync("/clusters/main"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_form_of_the_page_does_it_and_the_name_goes_on_record()
    {
        await using var host = await PageHost.StartAsync();
        using var done = await PostAsync(host, "/clusters/main/pause", ("token", PageHost.Token), ("name", "Ada\u202e <b>"));
        Assert.Equal(HttpStatusCode.OK, done.StatusCode);
        Assert.Contains("main is paused", await done.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Contains("failover is paused by operator (Ada\ufffd \\u003Cb\\u003E) on the page, from", await host.GetAsync("/api/v1/events"), StringComparison.Ordinal);
        await host.ShowsAsync("/clusters/main", "failover is paused: pgwatchdog resume main", "the page says so");
    }

    [Fact]
    public async Task An_oversized_request_is_refused_and_so_is_one_of_another_kind()
    {
        await using var host = await PageHost.StartAsync();
        using var large = await PostAsync(host, "/clusters/main/pause", ("token", PageHost.Token), ("name", new string('x', 100_000)));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        using var other = await host.Http.PostAsync("/clusters/main/pause", new StringContent("{}", Encoding.UTF8, "application/json"), Cancellation);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, other.StatusCode);
        using var read = await host.Http.GetAsync("/api/v1/clusters/main/pause", Cancellation);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, read.StatusCode);
        await host.UntilLooksAsync(3, "checks go on");
    }

    [Fact]
    public async Task A_token_cannot_be_guessed_at_speed_and_scrapes_and_load_balancers_do_not_suffer()
    {
        await using var host = await PageHost.StartAsync();
        List<HttpStatusCode> answers = [];
        for (var attempt = 0; attempt < 50; attempt++)
            answers.Add(await AskAsync(host, "pause", $"a-wrong-token-of-many-characters-{attempt}"));
        Assert.Contains(HttpStatusCode.TooManyRequests, answers);
        Assert.InRange(answers.Count(answer => answer == HttpStatusCode.Unauthorized), 1, 20);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, "pause", PageHost.Token)); // the right one is not locked out, also from the same address
        Assert.Contains("\npgwatchdog_tokens_refused_total{cluster=\"main\"} 50\n", await host.GetAsync("/metrics"), StringComparison.Ordinal);
        Assert.Equal(1, (await host.GetAsync("/api/v1/events?limit=1000")).Split("a wrong token was given over HTTP, from 127.0.0.1").Length - 1);

        var reads = await Task.WhenAll(Enumerable.Range(0, 1500).Select(_ => StatusAsync(host, "/api/v1/status")));
        Assert.Contains(HttpStatusCode.TooManyRequests, reads);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, "/metrics"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, "/clusters/main/primary"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, "/healthz"));
        await host.UntilLooksAsync(3, "checks go on");
    }

    [Fact]
    public async Task Tokens_have_names_and_let_do_what_they_may()
    {
        const string Pauses = "another-token-of-more-than-twenty-characters";
        await using var host = await PageHost.StartAsync(more: [new NamedToken("deploy", new Secret(Pauses), ["pause"])]);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, "pause", Pauses));
        Assert.Contains("failover is paused by deploy, from 127.0.0.1", await host.GetAsync("/api/v1/events"), StringComparison.Ordinal);
        using var resume = await PostAsync(host, "/clusters/main/resume", ("token", Pauses), ("name", "operator"));
        Assert.Equal(HttpStatusCode.Forbidden, resume.StatusCode);
        Assert.Contains("The token deploy lets do pause, and not resume", await resume.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, await AskAsync(host, "resume", Pauses));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, "resume", PageHost.Token));
        Assert.Contains("failover is resumed by operator, from", await host.GetAsync("/api/v1/events"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Form_of_another_site_or_one_that_is_malformed_does_nothing()
    {
        await using var host = await PageHost.StartAsync();
        using var foreign = new HttpRequestMessage(HttpMethod.Post, "/clusters/main/pause") { Content = new FormUrlEncodedContent([KeyValuePair.Create("token", PageHost.Token)]) };
        foreign.Headers.Add("Sec-Fetch-Site", "cross-site");
        using var refused = await host.Http.SendAsync(foreign, Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        foreach (var (kind, body) in new[] { ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n"), ("multipart/form-data", ""), ("multipart/form-data; boundary=x", "y") })
        {
            using var content = new ByteArrayContent(Encoding.ASCII.GetBytes(body));
            content.Headers.TryAddWithoutValidation("Content-Type", kind);
            using var answer = await host.Http.PostAsync("/clusters/main/pause", content, Cancellation);
            Assert.Contains(answer.StatusCode, new[] { HttpStatusCode.BadRequest, HttpStatusCode.Forbidden });
        }
        Assert.DoesNotContain("Paused", await host.GetAsync("/api/v1/events"), StringComparison.Ordinal);
    }

    private static async Task<HttpStatusCode> StatusAsync(PageHost host, string path)
    {
        using var answer = await host.Http.GetAsync(path, Cancellation);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> AskAsync(PageHost host, string action, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/clusters/main/{action}");
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await host.Http.SendAsync(request, Cancellation);
        return answer.StatusCode;
    }

    private static Task<HttpResponseMessage> PostAsync(PageHost host, string path, params (string Name, string Value)[] fields) =>
        host.Http.PostAsync(path, new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))), Cancellation);
}
