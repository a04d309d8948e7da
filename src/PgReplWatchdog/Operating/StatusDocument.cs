using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Operating;

/// <summary>What GET /api/v1/status answers and `status --json` prints.</summary>
public sealed record StatusDocument(string Version, ImmutableArray<ClusterStatus> Clusters);

/// <summary>One cluster as the last check found it; null members are unknown, never zero.</summary>
public sealed record ClusterStatus(
    string Name, Verdict Verdict, DateTimeOffset? VerdictSince, ImmutableArray<string> Evidence,
    string? IntendedPrimary, long Epoch, bool FailoverReady, ImmutableArray<ShutGate> Gates, double PrimarySilenceSeconds,
    DateTimeOffset? LastCheck, Procedure? Procedure, FinishedFailover? LastFailover,
    ImmutableArray<NodeStatus> Nodes, ImmutableArray<JournalEntry> Events)
{
    public static ClusterStatus Of(ClusterSpec spec, Checked? last, IReadOnlyList<JournalEntry> events)
    {
        if (last is null)
            return new ClusterStatus(spec.Name, Verdict.Unknown, null, ["no check has ended yet"], null, 0, false, [], 0, null, null, null, [], [.. events]);
        var (observation, decision, since, _) = last;
        return new ClusterStatus(
            spec.Name, decision.Diagnosis.Verdict, since, decision.Diagnosis.Evidence,
            decision.Memory.IntendedPrimary, decision.Memory.Epoch, decision.IsReady, decision.Gates, decision.Silence.TotalSeconds,
            observation.Time, decision.Memory.Procedure, decision.Memory.LastFailover,
            [.. observation.Nodes.Select(node => NodeStatus.Of(spec.Node(node.Node), node, decision))], [.. events]);
    }
}

/// <summary>One node as the last check found it.</summary>
public sealed record NodeStatus(
    string Name, string Host, int Port, Reach Reach, string Detail, Role Role, uint? Timeline,
    Lsn? CurrentLsn, Lsn? ReceivedLsn, Lsn? ReplayedLsn, long? ReceiveLagBytes, long? ReplayLagBytes, double? ReplayLagSeconds,
    bool? Streaming, double? LastMessageAgeSeconds, bool? Candidate, ImmutableArray<WalSender> WalSenders, ImmutableArray<ReplicationSlot> Slots)
{
    public static NodeStatus Of(NodeSpec spec, NodeObservation seen, Decision decision)
    {
        var server = seen.Server;
        var lag = decision.Lags.GetValueOrDefault(seen.Node) ?? Lag.Unknown;
        return new NodeStatus(
            spec.Name, spec.Host, spec.Port, seen.Reach, seen.Detail, server?.Role ?? Role.Unknown, server?.Timeline,
            server?.CurrentLsn, server?.ReceivedLsn, server?.ReplayedLsn, lag.ReceiveBytes, lag.ReplayBytes, lag.Replay?.TotalSeconds,
            server is { Role: Role.Standby } ? server.WalReceiver is { IsStreaming: true } : null,
            server?.WalReceiver?.LastMessageAge?.TotalSeconds,
            decision.Candidates.FirstOrDefault(candidate => candidate.Node == seen.Node)?.IsEligible,
            server?.WalSenders ?? [], server?.Slots ?? []);
    }
}
