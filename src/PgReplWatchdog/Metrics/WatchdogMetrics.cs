using System.Diagnostics;
using System.Reflection;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;
using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>
/// All metrics; docs/metrics.md lists them. A check hands over what it found, in one piece, and whoever scrapes has the gauges set from it: under one lock,
/// so that nobody sees half a check, and from memory alone.
/// </summary>
public sealed class WatchdogMetrics
{
    /// <summary>Prometheus's text format.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Of an answer that is given again while no check ends; process figures are no older. However often somebody asks, a check waits for one rendering at most.</summary>
    private static readonly TimeSpan GivenAgainFor = TimeSpan.FromSeconds(1);

    private readonly Lock one = new();
    private readonly CollectorRegistry registry = Prometheus.Metrics.NewCustomRegistry();
    private readonly MetricList list;
    private readonly LoopMetrics loop;
    private readonly NodeMetrics nodes;
    private readonly ReplicationMetrics replication;
    private readonly DecisionMetrics decisions;
    private readonly FailoverMetrics failovers;
    private readonly Dictionary<string, Finding> findings = [];
    private readonly HashSet<string> unwritten = [];
    private byte[]? answer;
    private long answeredAt;

    public WatchdogMetrics()
    {
        DotNetStats.Register(registry);
        list = new MetricList(registry);
        loop = new LoopMetrics(list, Version);
        nodes = new NodeMetrics(list);
        replication = new ReplicationMetrics(list);
        decisions = new DecisionMetrics(list);
        failovers = new FailoverMetrics(list);
    }

    /// <summary>The version as built, with the revision it was built from.</summary>
    public static string Version { get; } = typeof(WatchdogMetrics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Every metric of the product, by name.</summary>
    public ImmutableArray<MetricDescription> All => list.Made;

    /// <summary>Counters are there at 0 before anything happens: increase() misses one that is born at 1. And no check has ended yet: that is on record, too.</summary>
    public void Announce(ClusterSpec spec) => Change(() =>
    {
        loop.Announce(spec);
        nodes.Announce(spec);
        decisions.Announce(spec);
        failovers.Announce(spec);
    });

    /// <summary>A check begins, so late.</summary>
    public void PublishDelay(ClusterSpec spec, TimeSpan delay) => Change(() => loop.Delayed(spec, delay));

    public void PublishError(ClusterSpec spec) => Change(() => loop.Failed(spec));

    public void PublishNotification(string channel, string result) => Change(() => loop.Notified(channel, result));

    public void TokenRefused(string cluster) => Change(() => loop.RefusedToken(cluster));

    public void PublishEvent(ClusterSpec spec, EventKind kind) => Change(() => decisions.Told(spec, kind));

    public void PublishOutcome(ClusterSpec spec, WatchdogAction action, ActionOutcome outcome) => Change(() => failovers.Did(spec, action, outcome));

    /// <summary>What the last look at the whole set-up found; null where it found nothing out.</summary>
    public void PublishDrift(ClusterSpec spec, int? steps) => Change(() => decisions.Drifted(spec, steps));

    /// <summary>Everything that one check found, once a check.</summary>
    public void Publish(ClusterSpec spec, ClusterObservation observation, Decision decision, TimeSpan took) => Change(() =>
    {
        var before = findings.GetValueOrDefault(spec.Name);
        var finding = findings[spec.Name] = Finding.After(before, spec, observation, decision);
        unwritten.Add(spec.Name);
        loop.Took(spec, took);
        nodes.Count(before, finding);
        decisions.Count(finding);
        failovers.Count(before, finding);
    });

    /// <summary>What a scrape gets.</summary>
    public byte[] Scrape()
    {
        lock (one)
        {
            if (answer is not null && Stopwatch.GetElapsedTime(answeredAt) < GivenAgainFor)
                return answer;
            foreach (var finding in unwritten.Select(cluster => findings[cluster]))
                Write(finding);
            unwritten.Clear();
            using var text = new MemoryStream();
            registry.CollectAndExportAsTextAsync(text).GetAwaiter().GetResult(); // into memory: it has ended when it returns
            (answer, answeredAt) = (text.ToArray(), Stopwatch.GetTimestamp());
            return answer;
        }
    }

    private void Write(Finding finding)
    {
        loop.Write(finding);
        nodes.Write(finding);
        replication.Write(finding);
        decisions.Write(finding);
        failovers.Write(finding);
    }

    private void Change(Action change)
    {
        lock (one)
        {
            change();
            answer = null;
        }
    }
}
