using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Notifying;

/// <summary>`pgwatchdog notify`, and what is said of settings that no message could go by.</summary>
public sealed class NotifyCommandTests(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const string Section = "PgReplWatchdog:Notifications";

    [Fact]
    public async Task Where_nobody_is_told_it_says_what_to_configure() =>
        (await RunAsync([], "--test")).Says(ExitCode.Failed, "nobody is told", "AlertmanagerUrls, WebhookUrl or HeartbeatUrl").InOneLine();

    [Fact]
    public async Task Without_a_test_it_says_where_messages_go_and_sends_none()
    {
        await using var receiver = await Receiver.StartAsync();
        var result = await RunAsync([("WebhookUrl", receiver.Url + "/secret"), ("HeartbeatUrl", receiver.Url + "/ping")]);
        result.Shows(ExitCode.Ok, $"webhook at {receiver.Url}", $"heartbeat at {receiver.Url}");
        Assert.Empty(receiver.All);
        Assert.DoesNotContain("secret", result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_test_goes_to_every_address_and_what_came_of_it_is_told()
    {
        await using var webhook = await Receiver.StartAsync((_, context) => Receiver.AnswerAsync(context, StatusCodes.Status403Forbidden));
        await using var heartbeat = await Receiver.StartAsync();
        await using var alertmanager = AlertmanagerProcess.For(heartbeat);
        await alertmanager.StartAsync();
        await folder.WithFileAsync("hook.token", "token of the test\n");
        (string, object)[] settings =
        [
            ("AlertmanagerUrls", new[] { alertmanager.Url, "http://127.0.0.1:1" }), ("WebhookUrl", webhook.Url), ("WebhookTokenFile", "hook.token"), ("HeartbeatUrl", heartbeat.Url + "/ping"),
        ];
        var result = await RunAsync(settings, "--test");
        result.Shows(ExitCode.Failed, $"alertmanager at {alertmanager.Url}  taken  200 OK", "alertmanager at http://127.0.0.1:1  NOT taken", $"webhook at {webhook.Url}  NOT taken  403 Forbidden",
            $"heartbeat at {heartbeat.Url}  taken  200 OK");
        await SetUp.SetUpTests.EventuallyAsync(async () => (await alertmanager.ActiveAsync()).ContainsKey("PgWatchdogSaysTest"), "Alertmanager shows it");
        var message = Assert.Single(webhook.All);
        Assert.Equal(("Bearer token of the test", "Test"), (message.Authorization, (string)message.Json["event"]!));
        Assert.DoesNotContain("token of the test", result.ToString(), StringComparison.Ordinal);
        var json = JsonNode.Parse((await RunAsync(settings, "--test", "--json")).Output)!["destinations"]!.AsArray();
        Assert.Equal([true, false, false, true], json.Select(one => (bool)one!["taken"]!));
    }

    [Theory]
    [InlineData("WebhookUrl", "ftp://hooks.example/", "WebhookUrl is no address with http or https")]
    [InlineData("WebhookUrl", "https://user:secret@hooks.example/", "WebhookUrl is no address with http or https (a user name in it is none that is used)")]
    [InlineData("HeartbeatUrl", "secret", "HeartbeatUrl is no address with http or https")]
    [InlineData("HeartbeatMethod", "Put", "HeartbeatMethod is 'Put'; give Get or Post")]
    [InlineData("HeartbeatInterval", "00:00:00", "HeartbeatInterval is '00:00:00'; give a duration")]
    [InlineData("Timeout", "00:02:00", "Timeout is '00:02:00'; give a duration")]
    [InlineData("RetryFor", "2.00:00:00", "RetryFor is '2.00:00:00'; give a duration")]
    [InlineData("RunbookUrl", "runbook.md", "RunbookUrl is 'runbook.md'; give an address without #")]
    [InlineData("WebhookTokenFile", "hook.token", "WebhookTokenFile is given, and WebhookUrl is not")]
    [InlineData("WebhokUrl", "http://hooks.example/", "WebhokUrl is no setting; the nearest that is one: WebhookUrl")]
    public async Task A_wrong_setting_is_told_without_what_may_be_secret(string key, string value, string words)
    {
        var result = await ValidateAsync((key, value));
        result.Says(ExitCode.Configuration, $"{Section}:{words}");
        Assert.DoesNotContain("secret", result.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_that_do_not_go_together_are_told()
    {
        (await ValidateAsync(("WebhookUrl", "http://hooks.example/x"), ("WebhookTokenFile", "hook.token")))
            .Says(ExitCode.Configuration, "WebhookUrl begins with http", "anybody on the way could read the token; give an address with https");
        (await ValidateAsync(("HeartbeatUrl", "http://ping.example/x"), ("HeartbeatInterval", "00:00:02"))).Says(ExitCode.Configuration, "Timeout is 00:00:05", "HeartbeatInterval is 00:00:02");
        (await ValidateAsync(("AlertmanagerUrls", new[] { "http://a.example:9093", "http://A.example:9093/" }))).Says(ExitCode.Configuration, "AlertmanagerUrls has an address twice");
        (await ValidateAsync(("AlertmanagerUrls", new[] { "http://a.example:9093/api/v2" }))).Says(ExitCode.Configuration, "AlertmanagerUrls:0 ends in /api/v2; leave that out");
        (await ValidateAsync(("AlertmanagerUrls", new[] { "a.example" }))).Says(ExitCode.Configuration, "AlertmanagerUrls:0 is no address of an Alertmanager");
        (await ValidateAsync(("WebhookUrl", "https://hooks.example/x"), ("WebhookTokenFile", "no-such.token"))).Says(ExitCode.Configuration, $"{Section}:WebhookTokenFile: there is no file").InOneLine();
        (await folder.ValidateAsync(("Notifications", "\"everybody\""))).Says(ExitCode.Configuration, $"{Section} is 'everybody'; give settings, in {{ }}").InOneLine();
    }

    private Task<ProductResult> RunAsync((string Key, object Value)[] settings, params string[] arguments) =>
        UserCommand.RunAsync(["notify", .. arguments, "--config", folder.Write(("Notifications", Json(settings)))]);

    private Task<ProductResult> ValidateAsync(params (string Key, object Value)[] settings) => folder.ValidateAsync(("Notifications", Json(settings)));

    private static string Json((string Key, object Value)[] settings) => System.Text.Json.JsonSerializer.Serialize(settings.ToDictionary(setting => setting.Key, setting => setting.Value));
}
