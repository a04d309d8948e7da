using System.Reflection;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;
using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>
/// All metric names, labels and help texts. States are state sets: one gauge a state, 1 for the one that holds. What is not known
/// is not published: a series of a node that does not answer goes away instead of keeping its last value.
/// </summary>
public sealed class WatchdogMetrics
{
    public const string Prefix = "pgwatchdog_";

    private static readonly string[] OfCluster = ["cluster"];
    private static readonly string[] OfNode = ["cluster", "node"];

    private readonly Gauge lastCheck, clusterNodes, clusterPrimaries, streamingStandbys, checkInterval, verdict, gateShut, ready, silence, epoch;
    private readonly Gauge lastFailoverEnd, drift, probeSuccess, reach, role, timeline, currentLsn, receiveLsn, replayLsn, lagBytes, lagSeconds, lagKnown;
    private readonly Gauge walReceiverStreaming, slotActive;
    private readonly Histogram checkDuration, scheduleDelay;
    private readonly Counter failovers, commands, errors;

    public WatchdogMetrics()
    {
        Registry = Prometheus.Metrics.NewCustomRegistry();
        DotNetStats.Register(Registry);
        var create = Prometheus.Metrics.WithCustomRegistry(Registry);

        create.CreateGauge(Prefix + "build_info", "What runs; always 1.", "version", "dotnet_version").WithLabels(Version, Environment.Version.ToString()).Set(1);
        checkInterval = create.CreateGauge(Prefix + "check_interval_seconds", "Configured time from one check to the next.", OfCluster);
        lastCheck = create.CreateGauge(Prefix + "cluster_last_check_timestamp_seconds", "When the last check ended: the heartbeat of the watchdog.", OfCluster);
        checkDuration = create.CreateHistogram(Prefix + "check_duration_seconds", "Duration of a check: asking, deciding, recording.",
            new HistogramConfiguration { LabelNames = OfCluster, Buckets = Histogram.ExponentialBuckets(0.001, 2, 14) });
        scheduleDelay = create.CreateHistogram(Prefix + "schedule_delay_seconds", "How late a check started.",
            new HistogramConfiguration { LabelNames = OfCluster, Buckets = Histogram.ExponentialBuckets(0.001, 2, 16) });
        errors = create.CreateCounter(Prefix + "errors_total", "Checks that failed by a bug.", OfCluster);

        clusterNodes = create.CreateGauge(Prefix + "cluster_nodes", "Configured nodes.", OfCluster);
        clusterPrimaries = create.CreateGauge(Prefix + "cluster_primaries", "Nodes that answered as primary in the last check: 1 is right, 2 is split brain.", OfCluster);
        streamingStandbys = create.CreateGauge(Prefix + "cluster_streaming_standbys", "Standbys that stream, as the primary sees them; absent while it does not answer.", OfCluster);
        verdict = create.CreateGauge(Prefix + "verdict", "What is the matter with the primary: 1 for the verdict that stands.", "cluster", "verdict");
        gateShut = create.CreateGauge(Prefix + "gate_shut", "1 for every gate that stands between now and a failover.", "cluster", "gate");
        ready = create.CreateGauge(Prefix + "failover_ready", "1 when nothing but the threshold stands between a dead primary and a failover.", OfCluster);
        silence = create.CreateGauge(Prefix + "primary_silence_seconds", "Time since anybody had a sign of life of the primary.", OfCluster);
        epoch = create.CreateGauge(Prefix + "epoch", "Grows by one with each change of the intended primary.", OfCluster);
        failovers = create.CreateCounter(Prefix + "failovers_total", "Automatic failovers that ended in this process.", "cluster", "result");
        lastFailoverEnd = create.CreateGauge(Prefix + "failover_last_end_timestamp_seconds", "When the last failover ended; 0 for never.", OfCluster);
        drift = create.CreateGauge(Prefix + "setup_drift_steps",
            "Steps that set-up would take: 0 is as set-up leaves it. Absent while that is not known: not looked yet, a host silent, the primary not serving, set-up would refuse.", OfCluster);
        commands = create.CreateCounter(Prefix + "commands_total", "Actions on hosts.", "cluster", "action", "result");

        probeSuccess = create.CreateGauge(Prefix + "node_probe_success", "1 when the node answered the last check's question.", OfNode);
        reach = create.CreateGauge(Prefix + "node_reach", "How far the last check's question got: 1 for the answer that holds.", "cluster", "node", "reach");
        role = create.CreateGauge(Prefix + "node_role", "What the server says it is: 1 for the role that holds.", "cluster", "node", "role");
        timeline = create.CreateGauge(Prefix + "node_timeline", "PostgreSQL timeline written or followed.", OfNode);
        currentLsn = create.CreateGauge(Prefix + "node_wal_current_lsn_bytes", "pg_current_wal_lsn() of a primary.", OfNode);
        receiveLsn = create.CreateGauge(Prefix + "node_wal_receive_lsn_bytes", "pg_last_wal_receive_lsn() of a standby, never behind what it replayed.", OfNode);
        replayLsn = create.CreateGauge(Prefix + "node_wal_replay_lsn_bytes", "pg_last_wal_replay_lsn() of a standby.", OfNode);
        lagBytes = create.CreateGauge(Prefix + "replication_lag_bytes", "WAL that the primary has written and the standby has not received or replayed.", "cluster", "node", "stage");
        lagSeconds = create.CreateGauge(Prefix + "replication_lag_seconds", "Age of the first WAL not yet replayed; 0 when nothing is missing.", OfNode);
        lagKnown = create.CreateGauge(Prefix + "replication_lag_known", "1 when lag could be measured in the last check.", OfNode);
        walReceiverStreaming = create.CreateGauge(Prefix + "wal_receiver_streaming", "1 when the standby's own walreceiver streams.", OfNode);
        slotActive = create.CreateGauge(Prefix + "replication_slot_active", "1 when something is connected to the slot.", "cluster", "node", "slot");
    }

    public CollectorRegistry Registry { get; }

    /// <summary>The version as built, with the revision it was built from.</summary>
    public static string Version { get; } = typeof(WatchdogMetrics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Counters are there at 0 before anything happens: increase() misses one that is born at 1.</summary>
    public void Announce(ClusterSpec spec)
    {
        checkInterval.WithLabels(spec.Name).Set(spec.Policy.CheckInterval.TotalSeconds);
        clusterNodes.WithLabels(spec.Name).Set(spec.Nodes.Length);
        errors.WithLabels(spec.Name).Inc(0);
        lastFailoverEnd.WithLabels(spec.Name).Set(0);
        foreach (var result in new[] { "succeeded", "failed" })
        {
            failovers.WithLabels(spec.Name, result).Inc(0);
            foreach (var action in WatchdogAction.Kinds)
                commands.WithLabels(spec.Name, action, result).Inc(0);
        }
    }

    public void PublishDelay(ClusterSpec spec, TimeSpan delay) => scheduleDelay.WithLabels(spec.Name).Observe(Math.Max(0, delay.TotalSeconds));

    public void PublishError(ClusterSpec spec) => errors.WithLabels(spec.Name).Inc();

    public void PublishOutcome(ClusterSpec spec, WatchdogAction action, ActionOutcome outcome) =>
        commands.WithLabels(spec.Name, action.Kind, outcome.Succeeded ? "succeeded" : "failed").Inc();

    /// <summary>What the last look at the whole set-up found; null where it found nothing out.</summary>
    public void PublishDrift(ClusterSpec spec, int? steps) => SetOrRemove(drift, steps, spec.Name);

    /// <summary>Everything that one check found, once a check.</summary>
    public void Publish(ClusterSpec spec, ClusterObservation observation, Decision decision, TimeSpan took)
    {
        var cluster = spec.Name;
        checkDuration.WithLabels(cluster).Observe(took.TotalSeconds);
        lastCheck.WithLabels(cluster).Set(observation.Time.ToUnixTimeMilliseconds() / 1000.0);
        clusterPrimaries.WithLabels(cluster).Set(observation.Nodes.Count(node => node.IsServingPrimary));
        StateSet(verdict, decision.Diagnosis.Verdict, cluster);
        foreach (var gate in Enum.GetValues<Gate>().Where(gate => gate != Gate.Unknown))
            gateShut.WithLabels(cluster, gate.ToString()).Set(decision.Gates.Any(shut => shut.Gate == gate) ? 1 : 0);
        ready.WithLabels(cluster).Set(decision.IsReady ? 1 : 0);
        silence.WithLabels(cluster).Set(decision.Silence.TotalSeconds);
        epoch.WithLabels(cluster).Set(decision.Memory.Epoch);
        if (decision.Memory.LastFailover is { } last)
            lastFailoverEnd.WithLabels(cluster).Set(last.FinishedAt.ToUnixTimeMilliseconds() / 1000.0);
        foreach (var ended in decision.Events.Where(ended => ended.Kind is EventKind.FailoverSucceeded or EventKind.FailoverFailed))
            failovers.WithLabels(cluster, ended.Kind == EventKind.FailoverSucceeded ? "succeeded" : "failed").Inc();
        var primary = observation.Find(decision.Diagnosis.Primary)?.Server;
        SetOrRemove(streamingStandbys, primary is { Role: Role.Primary } ? primary.WalSenders.Count(IsStreamingStandby) : null, cluster);
        foreach (var node in observation.Nodes)
            Publish(cluster, node, decision.Lags.GetValueOrDefault(node.Node));

        bool IsStreamingStandby(WalSender sender) => sender.State == "streaming" && spec.Nodes.Any(node => node.Name == sender.ApplicationName);
    }

    private void Publish(string cluster, NodeObservation node, Lag? lag)
    {
        var server = node.Server;
        probeSuccess.WithLabels(cluster, node.Node).Set(server is null ? 0 : 1);
        StateSet(reach, node.Reach, cluster, node.Node);
        StateSet(role, server?.Role ?? Role.Unknown, cluster, node.Node);
        SetOrRemove(timeline, server?.Timeline, cluster, node.Node);
        SetOrRemove(currentLsn, server?.CurrentLsn?.Value, cluster, node.Node);
        SetOrRemove(receiveLsn, server?.ReceivedLsn?.Value, cluster, node.Node);
        SetOrRemove(replayLsn, server?.ReplayedLsn?.Value, cluster, node.Node);
        SetOrRemove(lagBytes, lag?.ReceiveBytes, cluster, node.Node, "receive");
        SetOrRemove(lagBytes, lag?.ReplayBytes, cluster, node.Node, "replay");
        SetOrRemove(lagSeconds, lag?.Replay?.TotalSeconds, cluster, node.Node);
        SetOrRemove(lagKnown, lag is null ? null : lag.ReplayBytes is null ? 0 : 1, cluster, node.Node);
        SetOrRemove(walReceiverStreaming, server is { Role: Role.Standby } ? (server.WalReceiver is { IsStreaming: true } ? 1 : 0) : null, cluster, node.Node);
        var slots = server?.Slots ?? [];
        foreach (var gone in slotActive.GetAllLabelValues().Where(labels => labels[0] == cluster && labels[1] == node.Node && slots.All(slot => slot.Name != labels[2])).ToList())
            slotActive.RemoveLabelled(gone);
        foreach (var slot in slots)
            slotActive.WithLabels(cluster, node.Node, slot.Name).Set(slot.Active ? 1 : 0);
    }

    private static void StateSet<T>(Gauge gauge, T holds, params string[] labels)
        where T : struct, Enum
    {
        foreach (var state in Enum.GetValues<T>())
            gauge.WithLabels([.. labels, state.ToString()]).Set(state.Equals(holds) ? 1 : 0);
    }

    private static void SetOrRemove(Gauge gauge, double? value, params string[] labels)
    {
        if (value is { } known)
            gauge.WithLabels(labels).Set(known);
        else
            gauge.RemoveLabelled(labels);
    }
}
