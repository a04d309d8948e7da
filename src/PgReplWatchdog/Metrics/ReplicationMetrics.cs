using PgReplWatchdog.Observing;
using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>WAL: where each node is, how far a standby is behind, how it is connected, and what slots hold.</summary>
internal sealed class ReplicationMetrics
{
    /// <summary>A server has max_replication_slots of them; what says that it has more is no reason to keep as many series.</summary>
    private const int SlotLimit = 64;
    private const int SlotNameLength = 63;
    private const string Disconnected = "disconnected";
    private const string Other = "other";

    private readonly Gauge streamingStandbys, currentLsn, receiveLsn, replayLsn, lagBytes, lagSeconds, lagKnown, walReceiverStreaming, replayPaused, upstream;
    private readonly Gauge slots, slotActive, slotRetained;
    private readonly StateSet state, syncState, slotStatus;
    private readonly HashSet<(string Cluster, string Node, string Slot)> known = [];

    public ReplicationMetrics(MetricList list)
    {
        string[] ofNode = ["cluster", "node"];
        string[] ofSlot = ["cluster", "node", "slot"];
        streamingStandbys = list.Gauge("cluster_streaming_standbys", "Standbys that stream, as the primary sees them; absent while it does not answer.", "cluster");
        currentLsn = list.Gauge("node_wal_current_lsn_bytes", "pg_current_wal_lsn() of a primary.", ofNode);
        receiveLsn = list.Gauge("node_wal_receive_lsn_bytes", "pg_last_wal_receive_lsn() of a standby, never behind what it replayed.", ofNode);
        replayLsn = list.Gauge("node_wal_replay_lsn_bytes", "pg_last_wal_replay_lsn() of a standby.", ofNode);
        lagBytes = list.Gauge("replication_lag_bytes",
            "WAL that the primary has written and the standby has not received or replayed (stage receive, replay), both seen in the same check; absent while unknown.", "cluster", "node", "stage");
        lagSeconds = list.Gauge("replication_lag_seconds", "Age of the first WAL not yet replayed, by the watchdog's clock; 0 when nothing is missing, absent while unknown.", ofNode);
        lagKnown = list.Gauge("replication_lag_known", "1 when the standby's lag could be measured in the last check.", ofNode);
        state = list.StateSet("replication_state", "pg_stat_replication.state of the standby, as its sender sees it; disconnected where no sender has it, absent while the primary does not answer.",
            ["streaming", "catchup", "startup", "backup", "stopping", Disconnected, Other], "cluster", "node", "state");
        syncState = list.StateSet("replication_sync_state", "pg_stat_replication.sync_state of the standby; none where no sender has it.",
            ["sync", "quorum", "potential", "async", "none", Other], "cluster", "node", "sync_state");
        walReceiverStreaming = list.Gauge("wal_receiver_streaming", "1 when the standby's own walreceiver streams.", ofNode);
        replayPaused = list.Gauge("wal_replay_paused", "1 while replay is paused on the standby.", ofNode);
        upstream = list.Gauge("replication_upstream_info", "From which node of the cluster the standby streams, by its own word; always 1.", "cluster", "node", "upstream");
        slots = list.Gauge("replication_slots", "Slots of the server, without temporary ones; the first 64 have series of their own.", ofNode);
        slotActive = list.Gauge("replication_slot_active", "1 when something is connected to the slot.", ofSlot);
        slotRetained = list.Gauge("replication_slot_retained_wal_bytes", "WAL from the slot's restart_lsn to where the server is: what the slot keeps from being removed.", ofSlot);
        slotStatus = list.StateSet("replication_slot_wal_status", "pg_replication_slots.wal_status, from PostgreSQL 13 on.",
            ["reserved", "extended", "unreserved", "lost"], "cluster", "node", "slot", "wal_status");
    }

    public void Write(Finding finding)
    {
        var (cluster, observation) = (finding.Cluster, finding.Observation);
        var primary = observation.Find(finding.Decision.Diagnosis.Primary) is { IsServingPrimary: true, Server: { ReadsStatistics: true } server } ? server : null;
        streamingStandbys.SetOrRemove(primary?.WalSenders.Count(sender => sender.State == "streaming" && finding.Spec.Has(sender.ApplicationName) is not null), cluster);
        var senders = observation.Nodes.SelectMany(node => node.Server?.WalSenders ?? []).ToLookup(sender => sender.ApplicationName);
        foreach (var node in observation.Nodes)
        {
            WritePositions(cluster, node, finding.Decision.Lags.GetValueOrDefault(node.Node));
            WriteConnection(cluster, node, primary is not null && !node.IsServingPrimary, [.. senders[node.Node].OrderByDescending(sender => sender.State == "streaming")]);
            WriteSlots(cluster, node.Node, node.Server);
        }
    }

    private void WritePositions(string cluster, NodeObservation node, Lag? lag)
    {
        string[] labels = [cluster, node.Node];
        currentLsn.SetOrRemove(node.Server?.CurrentLsn?.Value, labels);
        receiveLsn.SetOrRemove(node.Server?.ReceivedLsn?.Value, labels);
        replayLsn.SetOrRemove(node.Server?.ReplayedLsn?.Value, labels);
        lagBytes.SetOrRemove(lag?.ReceiveBytes, [.. labels, "receive"]);
        lagBytes.SetOrRemove(lag?.ReplayBytes, [.. labels, "replay"]);
        lagSeconds.SetOrRemove(lag?.Replay?.TotalSeconds, labels);
        lagKnown.SetOrRemove(lag is null ? null : lag.ReplayBytes is null ? 0 : 1, labels);
    }

    private void WriteConnection(string cluster, NodeObservation node, bool seen, ImmutableArray<WalSender> senders)
    {
        string[] labels = [cluster, node.Node];
        var standby = node.IsServingStandby ? node.Server : null;
        walReceiverStreaming.SetOrRemove(standby is null ? null : standby.WalReceiver is { IsStreaming: true } ? 1 : 0, labels);
        replayPaused.SetOrRemove(standby is null ? null : standby.ReplayPaused ? 1 : 0, labels);
        foreach (var other in upstream.GetAllLabelValues().Where(other => other[0] == cluster && other[1] == node.Node && other[2] != standby?.WalReceiver?.Upstream).ToList())
            upstream.RemoveLabelled(other);
        if (standby?.WalReceiver?.Upstream is { } sender)
            upstream.WithLabels([.. labels, sender]).Set(1);
        if (!seen)
        {
            state.Remove(labels);
            syncState.Remove(labels);
            return;
        }
        state.Set(labels, senders.IsEmpty ? Disconnected : OneOf(state, senders[0].State));
        syncState.Set(labels, senders.IsEmpty ? "none" : OneOf(syncState, senders[0].SyncState));
    }

    private void WriteSlots(string cluster, string node, ServerFacts? server)
    {
        slots.SetOrRemove(server?.Slots.Length, cluster, node);
        var named = (server?.Slots ?? []).Where(slot => IsSlotName(slot.Name)).Take(SlotLimit).ToList();
        foreach (var gone in known.Where(slot => slot.Cluster == cluster && slot.Node == node && named.All(still => still.Name != slot.Slot)).ToList())
        {
            string[] labels = [cluster, node, gone.Slot];
            slotActive.RemoveLabelled(labels);
            slotRetained.RemoveLabelled(labels);
            slotStatus.Remove(labels);
            known.Remove(gone);
        }
        foreach (var slot in named)
        {
            string[] labels = [cluster, node, slot.Name];
            known.Add((cluster, node, slot.Name));
            slotActive.WithLabels(labels).Set(slot.Active ? 1 : 0);
            slotRetained.SetOrRemove(slot.RestartLsn is { } from ? (server!.CurrentLsn ?? server.ReplayedLsn)?.BytesSince(from) : null, labels);
            if (slot.WalStatus.Length > 0)
                slotStatus.Set(labels, slot.WalStatus);
            else
                slotStatus.Remove(labels);
        }
    }

    /// <summary>As PostgreSQL has them (ReplicationSlotValidateName); a label takes nothing else from a server.</summary>
    private static bool IsSlotName(string name) =>
        name.Length is > 0 and <= SlotNameLength && name.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '_');

    private static string OneOf(StateSet set, string word) => set.States.Contains(word) ? word : Other;
}
