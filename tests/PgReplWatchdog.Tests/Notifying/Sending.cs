using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Notifying;

/// <summary>The part of the service that sends, with checks made up.</summary>
internal sealed class Sending : IAsyncDisposable
{
    private readonly WatchdogMetrics metrics = new();
    private readonly LogLines log = new();
    private readonly Notifications notifications;
    private double seconds;

    private Sending(NotificationOptions options, string? token, IEnumerable<Watchdog> watchdogs, TimeSpan? alertRefresh)
    {
        Notifier = new Notifier();
        var installation = new Installation(new Uri("http://127.0.0.1:1"), "", []) { Notifications = new(options, token is null ? null : new Secret(token)) };
        notifications = new Notifications(installation, Notifier, new WatchedClusters(watchdogs), metrics, log, alertRefresh ?? Destinations.UsualRefresh);
    }

    public Notifier Notifier { get; }

    /// <summary>What was logged at Information and above.</summary>
    public string[] Log => [.. log.Lines];

    public static async Task<Sending> StartAsync(NotificationOptions options, string? token = null, IEnumerable<Watchdog>? watchdogs = null, TimeSpan? alertRefresh = null)
    {
        var sending = new Sending(options, token, watchdogs ?? [], alertRefresh);
        await sending.notifications.StartAsync(CancellationToken.None);
        return sending;
    }

    /// <summary>A check of a healthy cluster ends.</summary>
    public void Healthy(params WatchdogEvent[] events) => Saw([Looks.Primary(), Looks.Standby()], events);

    /// <summary>A check that finds the primary's host gone.</summary>
    public void Down(params WatchdogEvent[] events) => Saw([Looks.Gone(), Looks.Standby(streams: false)], events);

    private void Saw(NodeObservation[] nodes, WatchdogEvent[] events)
    {
        var observation = new ClusterObservation(TimeSpan.FromSeconds(++seconds), TimeProvider.System.GetUtcNow(), [.. nodes]);
        Notifier.Saw(Looks.Spec, new Checked(observation, Decider.Decide(Looks.Spec, Looks.Known, WorkingMemory.Empty, observation), observation.Time, 0), [.. events]);
    }

    public double Count(string channel, string result)
    {
        var name = $"pgwatchdog_notifications_total{{channel=\"{channel}\",result=\"{result}\"}} ";
        var line = Assert.Single(Encoding.UTF8.GetString(metrics.Scrape()).Split('\n'), line => line.StartsWith(name, StringComparison.Ordinal));
        return double.Parse(line[name.Length..], CultureInfo.InvariantCulture);
    }

    public Task UntilCountedAsync(double count, string channel, string result) =>
        SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(Count(channel, result) >= count), $"{count} {channel} {result}");

    public async ValueTask DisposeAsync()
    {
        await notifications.StopAsync(CancellationToken.None);
        notifications.Dispose();
    }

    private sealed class LogLines : ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{logLevel}: {formatter(state, exception)}{exception}");
    }
}
