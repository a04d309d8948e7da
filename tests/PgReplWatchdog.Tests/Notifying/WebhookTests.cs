using Microsoft.AspNetCore.Http;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Notifying;

namespace PgReplWatchdog.Tests.Notifying;

/// <summary>A webhook that takes messages as real ones do: well, late, never, elsewhere, not at all.</summary>
public sealed class WebhookTests
{
    private const string Webhook = NotificationCounter.Webhook;
    private const string Path = "/hook/T0-secret?key=also-secret";

    [Fact]
    public async Task A_message_has_the_event_the_cluster_the_sentence_the_epoch_and_the_evidence()
    {
        await using var receiver = await Receiver.StartAsync();
        await using var sending = await Sending.StartAsync(Options(receiver), token: "token of the test");
        sending.Down(new WatchdogEvent(EventKind.FailoverDecided, "failover from alpha"));
        await sending.UntilCountedAsync(2, Webhook, NotificationCounter.Succeeded);
        sending.Healthy();
        await sending.UntilCountedAsync(3, Webhook, NotificationCounter.Succeeded);

        Assert.All(receiver.All, message => Assert.Equal(("POST", Path, "Bearer token of the test"), (message.Method, message.Path, message.Authorization)));
        Assert.Equal(["Down Began critical", "FailoverDecided Happened warning", "Down Ended critical"],
            receiver.All.Select(message => message.Json).Select(json => $"{json["event"]} {json["state"]} {json["severity"]}"));
        var decided = receiver.All[1].Json;
        Assert.Equal(("main", "failover from alpha", 1), ((string)decided["cluster"]!, (string)decided["sentence"]!, (int)decided["epoch"]!));
        Assert.Contains("alpha", (string)decided["evidence"]![0]!, StringComparison.Ordinal);
        Assert.EndsWith("runbook.md#down", (string)receiver.All[0].Json["runbookUrl"]!, StringComparison.Ordinal);
        Assert.Equal(3, receiver.All.Select(message => (string)message.Json["id"]!).Distinct().Count());
        Assert.Empty(sending.Log);
    }

    [Fact]
    public async Task One_that_fails_at_first_gets_the_same_message_again_and_the_log_a_line_for_each_turn()
    {
        await using var receiver = await Receiver.StartAsync((count, context) => Receiver.AnswerAsync(context, count <= 3 ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status204NoContent));
        await using var sending = await Sending.StartAsync(Options(receiver));
        sending.Down();
        await sending.UntilCountedAsync(1, Webhook, NotificationCounter.Succeeded);
        Assert.Equal(4, receiver.All.Length);
        Assert.Single(receiver.All.Select(message => message.Body).Distinct());
        Assert.Equal(0, sending.Count(Webhook, NotificationCounter.Failed));
        Assert.Equal(2, sending.Log.Length);
        Assert.Contains("Warning: no message gets through to the webhook at http://127.0.0.1:", sending.Log[0], StringComparison.Ordinal);
        Assert.Contains("503", sending.Log[0], StringComparison.Ordinal);
        Assert.Contains("Information: messages get through", sending.Log[1], StringComparison.Ordinal);
        Assert.DoesNotContain("secret", string.Concat(sending.Log), StringComparison.Ordinal);
    }

    /// <summary>A check leaves its news and goes on, whatever becomes of them; what does not fit is dropped, oldest first, and counted.</summary>
    [Fact]
    public async Task One_that_never_answers_holds_up_no_check()
    {
        var answering = new TaskCompletionSource();
        await using var receiver = await Receiver.StartAsync(async (_, context) => await Task.WhenAny(answering.Task, Receiver.NeverAsync(context)));
        await using var sending = await Sending.StartAsync(Options(receiver, timeout: TimeSpan.FromMinutes(1)));
        sending.Healthy(Numbered(0));
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(receiver.All.Length == 1), "the first message is under way");
        var last = Notifications.QueueLimit + 100;
        for (var number = 1; number <= last; number++)
            sending.Healthy(Numbered(number)); // would not come to an end if it waited for anything
        await sending.UntilCountedAsync(100, Webhook, NotificationCounter.Dropped);
        Assert.Equal(0, sending.Count(Webhook, NotificationCounter.Succeeded));
        answering.SetResult();
        await sending.UntilCountedAsync(1 + Notifications.QueueLimit, Webhook, NotificationCounter.Succeeded);
        Assert.Equal([0, .. Enumerable.Range(101, Notifications.QueueLimit)], receiver.All.Select(message => int.Parse((string)message.Json["sentence"]!)));
    }

    [Fact]
    public async Task One_that_never_answers_is_given_up_after_a_time_and_the_next_message_has_its_turn()
    {
        await using var receiver = await Receiver.StartAsync((count, context) => count == 1 ? Receiver.NeverAsync(context) : Task.CompletedTask);
        await using var sending = await Sending.StartAsync(Options(receiver, timeout: TimeSpan.FromSeconds(0.2), retryFor: TimeSpan.FromSeconds(0.4)));
        sending.Healthy(Numbered(1));
        await sending.UntilCountedAsync(1, Webhook, NotificationCounter.Failed);
        sending.Healthy(Numbered(2));
        await sending.UntilCountedAsync(1, Webhook, NotificationCounter.Succeeded);
        Assert.Contains("no answer within 0.2 s", sending.Log[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slow_one_has_its_time()
    {
        await using var receiver = await Receiver.StartAsync((_, _) => Task.Delay(TimeSpan.FromSeconds(0.5)));
        await using var sending = await Sending.StartAsync(Options(receiver));
        sending.Down();
        await sending.UntilCountedAsync(1, Webhook, NotificationCounter.Succeeded);
        Assert.Single(receiver.All);
    }

    [Theory]
    [InlineData(StatusCodes.Status400BadRequest)]
    [InlineData(StatusCodes.Status401Unauthorized)]
    [InlineData(StatusCodes.Status404NotFound)]
    [InlineData(StatusCodes.Status413PayloadTooLarge)]
    public async Task A_refusal_is_not_repeated(int status)
    {
        await using var receiver = await Receiver.StartAsync(async (_, context) =>
        {
            context.Response.StatusCode = status;
            await context.Response.WriteAsync("no such\nchannel\u001b[2J");
        });
        await using var sending = await Sending.StartAsync(Options(receiver));
        sending.Healthy(Numbered(1), Numbered(2));
        await sending.UntilCountedAsync(2, Webhook, NotificationCounter.Failed);
        Assert.Equal(2, receiver.All.Length);
        var line = Assert.Single(sending.Log);
        Assert.Contains($"{status}", line, StringComparison.Ordinal);
        Assert.Contains("no such", line, StringComparison.Ordinal);
        Assert.DoesNotContain(line, char.IsControl);
    }

    /// <summary>Messages and token are for the address that was configured.</summary>
    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var elsewhere = await Receiver.StartAsync();
        await using var receiver = await Receiver.StartAsync((_, context) =>
        {
            context.Response.Headers.Location = elsewhere.Url + "/other?secret";
            return Receiver.AnswerAsync(context, StatusCodes.Status307TemporaryRedirect);
        });
        await using var sending = await Sending.StartAsync(Options(receiver), token: "token");
        sending.Down();
        await sending.UntilCountedAsync(1, Webhook, NotificationCounter.Failed);
        Assert.Single(receiver.All);
        Assert.Empty(elsewhere.All);
        Assert.Contains($"307 Temporary Redirect: it leads elsewhere ({elsewhere.Url})", Assert.Single(sending.Log), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_there_is_a_value_as_well()
    {
        await using var sending = await Sending.StartAsync(new NotificationOptions { WebhookUrl = "http://127.0.0.1:1/hook", RetryFor = TimeSpan.Zero });
        sending.Down();
        await sending.UntilCountedAsync(1, Webhook, NotificationCounter.Failed);
        Assert.Contains("refused", Assert.Single(sending.Log), StringComparison.OrdinalIgnoreCase);
    }

    private static WatchdogEvent Numbered(int number) => new(EventKind.FencingDecided, FormattableString.Invariant($"{number}"));

    private static NotificationOptions Options(Receiver receiver, TimeSpan? timeout = null, TimeSpan? retryFor = null) => new()
    {
        WebhookUrl = receiver.Url + Path,
        Timeout = timeout ?? TimeSpan.FromSeconds(10),
        RetryFor = retryFor ?? TimeSpan.FromMinutes(1),
    };
}
