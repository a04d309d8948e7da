using PgReplWatchdog.Notifying;
using PgReplWatchdog.Topology;
using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>The watchdog itself: whether its checks come to an end, and in time.</summary>
internal sealed class LoopMetrics
{
    private readonly Gauge checkInterval, lastCheck;
    private readonly Histogram checkDuration, scheduleDelay;
    private readonly Counter missedTicks, errors, notifications, tokensRefused;

    public LoopMetrics(MetricList list, string version)
    {
        var (release, revision) = version.Split('+', 2) is [var before, var after] ? (before, after) : (version, "");
        list.Gauge("build_info", "What runs; always 1.", "version", "revision", "dotnet_version").WithLabels(release, revision, Environment.Version.ToString()).Set(1);
        checkInterval = list.Gauge("check_interval_seconds", "Configured time from one check to the next.", "cluster");
        lastCheck = list.Gauge("cluster_last_check_timestamp_seconds", "When the answers of the last check were in: the heartbeat of the watchdog. 0 before the first.", "cluster");
        checkDuration = list.Histogram("check_duration_seconds", "Duration of a check: asking, deciding, recording.", Histogram.ExponentialBuckets(0.001, 2, 14), "cluster");
        scheduleDelay = list.Histogram("schedule_delay_seconds", "How late a check started.", Histogram.ExponentialBuckets(0.001, 2, 16), "cluster");
        missedTicks = list.Counter("schedule_missed_ticks_total", "Checks that were due and left out because the one before had not ended.", "cluster");
        errors = list.Counter("errors_total", "Checks that failed by a bug.", "cluster");
        tokensRefused = list.Counter("tokens_refused_total", "Wrong tokens that were given over HTTP.", "cluster");
        notifications = list.Counter("notifications_total",
            "Messages to people and to dead-man services: taken by the other side, given up, or dropped from a full queue.", "channel", "result");
        foreach (var channel in NotificationCounter.Channels)
        {
            foreach (var result in NotificationCounter.Results)
                notifications.WithLabels(channel, result).Inc(0);
        }
    }

    public void Announce(ClusterSpec spec)
    {
        checkInterval.WithLabels(spec.Name).Set(spec.Policy.CheckInterval.TotalSeconds);
        lastCheck.WithLabels(spec.Name).Set(0);
        missedTicks.WithLabels(spec.Name).Inc(0);
        errors.WithLabels(spec.Name).Inc(0);
        tokensRefused.WithLabels(spec.Name).Inc(0);
    }

    /// <summary>A check that starts late by more than an interval stands for all that were due meanwhile.</summary>
    public void Delayed(ClusterSpec spec, TimeSpan delay)
    {
        scheduleDelay.WithLabels(spec.Name).Observe(Math.Max(0, delay.TotalSeconds));
        missedTicks.WithLabels(spec.Name).Inc(Math.Max(0, Math.Floor(delay / spec.Policy.CheckInterval)));
    }

    public void RefusedToken(string cluster) => tokensRefused.WithLabels(cluster).Inc();

    public void Notified(string channel, string result) => notifications.WithLabels(channel, result).Inc();

    public void Failed(ClusterSpec spec) => errors.WithLabels(spec.Name).Inc();

    public void Took(ClusterSpec spec, TimeSpan took) => checkDuration.WithLabels(spec.Name).Observe(took.TotalSeconds);

    public void Write(Finding finding) => lastCheck.WithLabels(finding.Cluster).Set(finding.Observation.Time.ToSeconds());
}
