using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.Notifying;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>Real servers, a real Prometheus with our rules, a real Alertmanager with our routes: what a person is told of a failover, and what not.</summary>
public sealed class EndToEndTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_failover_is_told_and_one_that_is_refused_wakes_somebody()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var cluster = await RunningCluster.StartAsync(change: section => section.Parent!.Parent!["Notifications"] = new JsonObject { ["WebhookUrl"] = receiver.Url });
        await using var monitoring = await Monitoring.StartAsync(cluster.Lab, Cancellation);

        await ShowsAsync(monitoring, "cluster:pgwatchdog_failover_would_work:bool", 1);
        await ShowsAsync(monitoring, "pgwatchdog_replication_lag_bytes{stage=\"replay\"}", 0);
        await ShowsAsync(monitoring, "pgwatchdog_replication_lag_seconds", 0);
        await TellsAsync(monitoring, "outside PgWatchdogAlertPipelineAlive firing");
        Assert.Empty(await monitoring.FiringAsync(Cancellation));

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await ShowsAsync(monitoring, "pgwatchdog_cluster_primary_info{node=\"beta\"}", 1);
        await ShowsAsync(monitoring, "pgwatchdog_replication_state{node=\"alpha\",state=\"streaming\"}", 1);
        await ShowsAsync(monitoring, "round(increase(pgwatchdog_failovers_total{result=\"succeeded\"}[2m]))", 1);
        await ShowsAsync(monitoring, "pgwatchdog_failover_last_estimated_loss_bytes", 0);
        await TellsAsync(monitoring, "tickets PgWatchdogFailedOver firing");
        Assert.Equal(["PgWatchdogFailedOver"], await monitoring.FiringAsync(Cancellation)); // the loss is known, nobody was split, nothing was refused
        await EveryPanelHasDataAsync(monitoring);
        var said = receiver.All.Select(message => $"{message.Json["event"]} {message.Json["state"]}").ToList();
        Assert.Equal(["Crashed Began", "FailoverDecided Happened", "FailoverSucceeded Happened"], said.Where(one => one != "Crashed Ended"));
        Assert.Contains("Crashed Ended", said);

        // Nobody has acknowledged that one: the next is refused, and somebody has to be told.
        await cluster.Beta.KillPostgresAsync(Cancellation);
        await TellsAsync(monitoring, "awake PgWatchdogFailoverRefused firing");
        Assert.Contains("PgWatchdogFailoverRefused RecentFailover", await monitoring.FiringAsync(Cancellation));
        Assert.DoesNotContain(monitoring.Told, word => word.StartsWith("awake ", StringComparison.Ordinal) && !word.Contains("Refused", StringComparison.Ordinal));

        // Without the service nobody says that a failover would not work, but the rule does.
        await cluster.Service.KillAsync();
        await ShowsAsync(monitoring, "up{job=\"pgwatchdog\"}", 0);
        await ShowsAsync(monitoring, "cluster:pgwatchdog_failover_would_work:bool", 0);
    }

    [Fact]
    [Trait(Widest.Trait, Widest.Run)]
    public async Task Load_is_no_alert_a_standby_that_goes_and_a_link_that_is_cut_are_and_end_with_their_cause()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        await using var monitoring = await Monitoring.StartAsync(cluster.Lab, Cancellation, patience: "2s");
        await ShowsAsync(monitoring, "cluster:pgwatchdog_failover_would_work:bool", 1);
        await using (var client = new PinnedWriter(cluster.Alpha))
        {
            client.Start();
            await SetUpTests.EventuallyAsync(() => Task.FromResult(client.Acknowledged.Count > 1000), "a thousand writes");
            await ShowsAsync(monitoring, "count(pgwatchdog_replication_lag_bytes{stage=\"replay\"})", 1);
            Assert.Empty(await monitoring.FiringAsync(Cancellation));
            await client.StopAsync();
        }

        await cluster.Beta.StopPostgresAsync(ct: Cancellation);
        await TellsAsync(monitoring, "tickets PgWatchdogNodeDown firing");
        await FiresAsync(monitoring, "PgWatchdogNoStreamingStandby", true);
        Assert.Empty(await monitoring.AskAsync("pgwatchdog_replication_lag_bytes{stage=\"replay\"}", Cancellation)); // nobody knows it
        await ShowsAsync(monitoring, "cluster:pgwatchdog_failover_would_work:bool", 0);
        await cluster.Beta.StartPostgresAsync(Cancellation);
        await FiresAsync(monitoring, "PgWatchdogNoStreamingStandby", false);
        await ShowsAsync(monitoring, "cluster:pgwatchdog_failover_would_work:bool", 1);

        await cluster.Alpha.CutAsync(CutFrom.Watchdog, ct: Cancellation);
        await FiresAsync(monitoring, "PgWatchdogBlind", true);
        Assert.DoesNotContain("PgWatchdogNoPrimary", await monitoring.FiringAsync(Cancellation)); // it serves, and a standby says so
        await ShowsAsync(monitoring, "sum(pgwatchdog_failovers_total)", 0);
        await cluster.Alpha.HealAsync(ct: Cancellation);
        await FiresAsync(monitoring, "PgWatchdogBlind", false);
        await SetUpTests.EventuallyAsync(async () => (await monitoring.FiringAsync(Cancellation)).Count == 0, "nothing fires any more");
    }

    private static Task FiresAsync(Monitoring monitoring, string alert, bool fires) => SetUpTests.EventuallyAsync(
        async () => (await monitoring.FiringAsync(Cancellation)).Contains(alert) == fires, $"{alert} {(fires ? "fires" : "does not fire")}");

    /// <summary>One that may rightly be empty says what it shows then.</summary>
    private static async Task EveryPanelHasDataAsync(Monitoring monitoring)
    {
        foreach (var (board, panel) in Dashboard.All.SelectMany(board => board.Panels.Select(panel => (board, panel))))
        {
            var series = 0;
            foreach (var expression in Dashboard.ExpressionsOf(panel))
                series += await monitoring.CountAsync(expression, Cancellation);
            Assert.True(series > 0 || panel["fieldConfig"]!["defaults"]!["noValue"] is not null, $"{board.File}: {panel["title"]} is empty");
        }
    }

    private static Task ShowsAsync(Monitoring monitoring, string expression, double value) => SetUpTests.EventuallyAsync(
        async () => await monitoring.AskAsync(expression, Cancellation) is { Count: > 0 } series && series.All(one => one.Value == value), $"{expression} is {value}");

    private static Task TellsAsync(Monitoring monitoring, string word) => SetUpTests.EventuallyAsync(() => Task.FromResult(monitoring.Told.Contains(word)), word);
}
