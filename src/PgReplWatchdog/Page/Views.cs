using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Page;

/// <summary>
/// Looks at what the checks have left (<see cref="Watchdog.Last"/>, one immutable record a check) some times a second, makes the views of it that pages are written from, and
/// writes a live page once for all who look at it. No check knows of it or waits for it; when it is late, the page is.
/// </summary>
public sealed class Views(WatchedClusters clusters, IJournal journal, PageWriter writer, IHostApplicationLifetime life, ILogger<Views> logger) : BackgroundService
{
    /// <summary>The newest events that a page is written from.</summary>
    private const int EventsKept = 500;
    private const int NotDoneKept = 50;
    private static readonly ImmutableArray<EventKind> NothingDone = [EventKind.FailoverNotBegun, EventKind.FailoverWithdrawn];
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<string, ClusterView> views = new(clusters.All.Select(watchdog =>
        KeyValuePair.Create(watchdog.Spec.Name, new ClusterView(watchdog.Spec, null, [], [], LagHistory.Of(watchdog.Spec)))));

    private readonly Dictionary<string, LivePage> pages = clusters.All.Select(watchdog => watchdog.Spec.Name).ToDictionary(name => name, _ => new LivePage());

    /// <summary>All clusters in the order of the configuration, as of now.</summary>
    public ImmutableArray<ClusterView> All => [.. clusters.All.Select(watchdog => Of(watchdog.Spec.Name)!)];

    /// <summary>The live page of all clusters.</summary>
    public LivePage Fleet { get; } = new();

    /// <summary>One cluster as of now; null where there is none of that name.</summary>
    public ClusterView? Of(string cluster) => views.TryGetValue(cluster, out var view)
        ? view with { Now = TimeProvider.System.GetUtcNow(), Silence = view.Last is null ? null : clusters[cluster].Silence }
        : null;

    /// <summary>The live page of a cluster; null where there is none of that name.</summary>
    public LivePage? PageOf(string cluster) => pages.GetValueOrDefault(cluster);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A service that cannot listen does not start, and nobody looks.
        var listens = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var told = life.ApplicationStarted.Register(listens.SetResult);
        using var beats = new PeriodicTimer(Beat);
        try
        {
            await listens.Task.WaitAsync(stoppingToken);
            while (await beats.WaitForNextTickAsync(stoppingToken))
                await BeatAsync();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The service stops.
        }
    }

    private async Task BeatAsync()
    {
        // A third broad catch: a bug in what people look at must not end the watching, as a background service that throws would.
        try
        {
            foreach (var watchdog in clusters.All)
                Look(watchdog);
            await WriteAsync(Fleet, string.Concat(All.Select(Version)), () => writer.LiveAsync<FleetPage>(new() { [nameof(FleetPage.Views)] = All }));
            foreach (var view in All)
                await WriteAsync(pages[view.Name], Version(view), () => writer.LiveAsync<ClusterPage>(new() { [nameof(ClusterPage.View)] = view, [nameof(ClusterPage.Views)] = All }));
        }
        catch (Exception failure)
        {
            Log.PageFailed(logger, failure);
        }
    }

    private void Look(Watchdog watchdog)
    {
        var (view, last) = (views[watchdog.Spec.Name], watchdog.Last);
        if (last is null || ReferenceEquals(last, view.Last))
            return;
        var (events, notDone, failovers, trouble) = (view.Events, view.NotDone, view.Failovers, (string?)null);
        try
        {
            var known = events is [var newest, ..] ? newest.Id : 0;
            var fresh = journal.Recent(view.Name, EventsKept, known);
            if (known == 0 || fresh.Any(entry => NothingDone.Contains(entry.Kind)))
                notDone = [.. journal.Recent(view.Name, NotDoneKept, kinds: NothingDone.AsSpan())];
            events = [.. fresh.Concat(events).Take(EventsKept)];
            if (view.Last is null || view.JournalTrouble is not null || !Equals(view.Last.Decision.Memory.LastFailover, last.Decision.Memory.LastFailover))
                failovers = [.. journal.Failovers(view.Name).Reverse().Select(failover => FailoverReport.Of(view.Name, failover))];
        }
        catch (SqliteException failure)
        {
            trouble = failure.Message;
        }
        views[view.Name] = new ClusterView(view.Spec, last, events, failovers, view.Lag.Add(last.Observation.Time, last.Decision)) { NotDone = notDone, JournalTrouble = trouble };
    }

    /// <summary>What is new with each check, and when it has become too old.</summary>
    private static string Version(ClusterView view) => FormattableString.Invariant($"{view.Last?.Timestamp}{(view.IsStale ? "stale" : "")} ");

    private static async Task WriteAsync(LivePage page, string version, Func<Task<string>> write)
    {
        if ((page.HasReaders && page.Version != version) || page.Version.Length == 0) // once without readers: the first one is not to wait for the compiler
            await page.PublishAsync(version, await write());
    }
}
