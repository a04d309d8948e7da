using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Notifying;

/// <summary>A dead-man service hears of the watchdog for as long as its checks end, and no longer.</summary>
public sealed class HeartbeatTests
{
    [Theory]
    [InlineData(HeartbeatMethod.Get)]
    [InlineData(HeartbeatMethod.Post)]
    public async Task It_beats_while_checks_end_stops_when_one_hangs_and_goes_on_after_it(HeartbeatMethod method)
    {
        var prober = new Prober();
        var watchdog = Watched(prober);
        await using var receiver = await Receiver.StartAsync((count, context) => Receiver.AnswerAsync(context, count == 1 ? StatusCodes.Status500InternalServerError : StatusCodes.Status200OK));
        await using var sending = await Sending.StartAsync(new NotificationOptions
        {
            HeartbeatUrl = receiver.Url + "/ping",
            HeartbeatMethod = method,
            HeartbeatInterval = TimeSpan.FromMilliseconds(100),
            Timeout = TimeSpan.FromMilliseconds(100),
        }, watchdogs: [watchdog]);
        Assert.Empty(receiver.All); // no check has ended yet

        using var over = new CancellationTokenSource();
        var checking = CheckAsync(watchdog, over.Token);
        await UntilBeatenAsync(receiver, 3);
        Assert.All(receiver.All, beat => Assert.Equal((method.ToString().ToUpperInvariant(), "/ping", ""), (beat.Method, beat.Path, beat.Body)));

        prober.Hang();
        var beats = await QuietAsync(receiver);
        prober.GoOn();
        await UntilBeatenAsync(receiver, beats + 2);
        await over.CancelAsync();
        await checking;
    }

    private static Task UntilBeatenAsync(Receiver receiver, int beats) =>
        SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(receiver.All.Length >= beats), $"it has beaten {beats} times");

    /// <summary>Until none has come for the time of many beats.</summary>
    private static async Task<int> QuietAsync(Receiver receiver)
    {
        var (beats, since) = (-1, TimeProvider.System.GetTimestamp());
        await SetUp.SetUpTests.EventuallyAsync(() =>
        {
            if (receiver.All.Length != beats)
                (beats, since) = (receiver.All.Length, TimeProvider.System.GetTimestamp());
            return Task.FromResult(TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromSeconds(2));
        }, "no beat comes any more");
        return beats;
    }

    private static async Task CheckAsync(Watchdog watchdog, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            await watchdog.TickAsync(CancellationToken.None);
            await Task.WhenAny(Task.Delay(TimeSpan.FromMilliseconds(20), over));
        }
    }

    private static Watchdog Watched(IProber prober)
    {
        var spec = Looks.Spec with { Policy = Looks.Policy with { CheckInterval = TimeSpan.FromMilliseconds(100), ProbeTimeout = TimeSpan.FromMilliseconds(100) } };
        return new Watchdog(spec, prober, new NoHands(), FreezeWindows.None, new NoJournal(Looks.Known), new WatchdogMetrics(), Notifier.Nobody, TimeProvider.System, NullLogger<Watchdog>.Instance);
    }

    private sealed class Prober : IProber
    {
        private TaskCompletionSource goesOn = Done();

        public void Hang() => goesOn = new TaskCompletionSource();

        public void GoOn() => goesOn.TrySetResult();

        public string Boot => "";

        public async Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
        {
            await goesOn.Task;
            return Looks.At(TimeProvider.System.GetTimestamp() / (double)TimeProvider.System.TimestampFrequency, Looks.Primary(), Looks.Standby());
        }

        private static TaskCompletionSource Done()
        {
            var done = new TaskCompletionSource();
            done.SetResult();
            return done;
        }
    }
}
