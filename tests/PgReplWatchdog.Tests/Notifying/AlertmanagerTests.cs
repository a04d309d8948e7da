using System.Text.Json.Nodes;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Notifying;
using static PgReplWatchdog.Tests.SetUp.SetUpTests;

namespace PgReplWatchdog.Tests.Notifying;

/// <summary>Alerts as a real Alertmanager has them, and as it tells them on.</summary>
public sealed class AlertmanagerTests
{
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task An_alert_holds_while_it_is_so_survives_a_restart_of_Alertmanager_and_is_resolved()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var alertmanager = AlertmanagerProcess.For(receiver);
        await using var sending = await Sending.StartAsync(Options(alertmanager), alertRefresh: Refresh);
        sending.Down(new WatchdogEvent(EventKind.FailoverDecided, "failover from alpha")); // nobody is there to hear it yet
        await alertmanager.StartAsync();
        await EventuallyAsync(async () => (await alertmanager.ActiveAsync()).Count == 2, "both are heard");

        var down = (await alertmanager.ActiveAsync())["PgWatchdogSaysDown"];
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse("""{ "alertname": "PgWatchdogSaysDown", "cluster": "main", "severity": "critical" }"""), down["labels"]), down.ToJsonString());
        Assert.Equal("main: nobody reaches the primary or its host", (string)down["annotations"]!["summary"]!);
        Assert.Contains("alpha", (string)down["annotations"]!["description"]!, StringComparison.Ordinal);
        Assert.EndsWith("runbook.md#down", (string)down["annotations"]!["runbook_url"]!, StringComparison.Ordinal);

        await alertmanager.StopAsync();
        await alertmanager.StartAsync();
        await EventuallyAsync(async () => (await alertmanager.ActiveAsync()).Count == 2, "they are said again");
        var until = Ends((await alertmanager.ActiveAsync())["PgWatchdogSaysDown"]);
        await EventuallyAsync(async () => (await alertmanager.ActiveAsync()).GetValueOrDefault("PgWatchdogSaysDown") is { } now && Ends(now) > until + Refresh, "its end is put off");

        sending.Healthy();
        await EventuallyAsync(async () => (await alertmanager.ActiveAsync()).Keys.SequenceEqual(["PgWatchdogSaysFailoverDecided"]), "what ended is resolved, and what happened goes on for a while");
        await EventuallyAsync(() => Task.FromResult(Told(receiver, "resolved").Contains("PgWatchdogSaysDown")), "whoever Alertmanager tells is told so");
        Assert.Contains("PgWatchdogSaysDown", Told(receiver, "firing"));
        Assert.Equal(0, sending.Count(NotificationCounter.Alertmanager, NotificationCounter.Failed));
    }

    /// <summary>A watchdog that is gone cannot end its alerts: they end by themselves.</summary>
    [Fact]
    public async Task An_alert_of_a_watchdog_that_is_gone_ends()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var alertmanager = AlertmanagerProcess.For(receiver);
        await alertmanager.StartAsync();
        await using (var sending = await Sending.StartAsync(Options(alertmanager), alertRefresh: Refresh))
        {
            sending.Down();
            await EventuallyAsync(async () => (await alertmanager.ActiveAsync()).Count == 1, "it is heard");
        }
        await EventuallyAsync(async () => (await alertmanager.ActiveAsync()).Count == 0, "it ends");
    }

    private static DateTimeOffset Ends(JsonNode alert) => alert["endsAt"]!.GetValue<DateTimeOffset>();

    private static IEnumerable<string> Told(Receiver receiver, string status) => receiver.All.SelectMany(message => message.Json["alerts"]!.AsArray())
        .Where(alert => (string)alert!["status"]! == status).Select(alert => (string)alert!["labels"]!["alertname"]!);

    private static NotificationOptions Options(AlertmanagerProcess alertmanager) => new() { AlertmanagerUrls = [alertmanager.Url + "/"] };
}
