using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>A node that is not the primary, and whether it could become it.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Position">The greater of what it received and replayed; null where unknown.</param>
/// <param name="MissingBytes">WAL known to be written by the primary that it lacks; null where unknown.</param>
/// <param name="Reasons">Why it may not be promoted; empty for a candidate.</param>
public sealed record Candidate(string Node, Lsn? Position, long? MissingBytes, ImmutableArray<ShutGate> Reasons)
{
    public bool IsEligible => Reasons.IsEmpty;

    /// <summary>Whether it hears the primary is unknown.</summary>
    public bool IsUnreadable => Reasons.Any(reason => reason.Gate == Gate.CandidateUnreadable);

    /// <summary>WAL that it has received and not replayed, bytes: all of it is replayed before a promotion is done. Null where unknown.</summary>
    public long? BacklogBytes { get; init; }

    /// <summary>What would delay or spoil a failover to it (<see cref="CandidateDoubts"/>); it may be promoted all the same.</summary>
    public ImmutableArray<ShutGate> Doubts { get; init; } = [];
}

/// <summary>Who could be promoted (a filter that keeps its reasons) and who would be (one comparer).</summary>
public static class CandidateSelection
{
    /// <summary>All nodes but the primary, the best candidate first.</summary>
    public static ImmutableArray<Candidate> Assess(
        ClusterSpec spec, ClusterMemory memory, Lsn? lastKnownPosition, string? primary, ClusterObservation observation,
        CandidateDoubts? doubts = null) =>
    [
        .. spec.Nodes
            .Where(node => node.Name != primary)
            .Select(node => Assess(node, spec.Policy, memory, lastKnownPosition, MayBeShipped(primary, memory, observation), observation.Find(node.Name), observation.Host(node.Name)))
            .Select(candidate => !candidate.IsEligible ? candidate : candidate with
            {
                Doubts = [.. (doubts ?? CandidateDoubts.Nothing).About(candidate, spec.Policy, primary, observation)],
            })
            .OrderByDescending(candidate => candidate.IsEligible)
            // What a standby lacks is copied from the old primary, if the standby can take it.
            .ThenBy(candidate => MayBeShipped(primary, memory, observation) ? candidate.Doubts.Length : 0)
            .ThenByDescending(candidate => candidate.Position ?? default)
            .ThenBy(candidate => candidate.Doubts.Length)
            .ThenBy(candidate => candidate.BacklogBytes ?? long.MaxValue)
            .ThenByDescending(candidate => spec.Node(candidate.Node).Priority)
            .ThenBy(candidate => candidate.Node, StringComparer.Ordinal),
    ];

    /// <summary>The host of a primary that serves no more answers: what a standby lacks is there, and is shipped before the promotion.</summary>
    private static bool MayBeShipped(string? primary, ClusterMemory memory, ClusterObservation observation) =>
        memory.Procedure is not { SalvageFailed: true } && observation.Find(primary) is { IsSilent: true } && observation.Host(primary) is { IsReachable: true, StorageHangs: false };

    private static Candidate Assess(
        NodeSpec node, Policy policy, ClusterMemory memory, Lsn? lastKnownPosition, bool mayBeShipped, NodeObservation? seen, HostObservation? host)
    {
        var position = Lsn.Greater(seen?.Server?.ReceivedLsn, seen?.Server?.ReplayedLsn);
        long? missing = position is { } reached && lastKnownPosition is { } written ? written.BytesSince(reached) : null;
        return new Candidate(node.Name, position, missing, [.. Reasons(node, policy, memory, missing, mayBeShipped, seen, host)])
        {
            BacklogBytes = position is { } end && seen?.Server?.ReplayedLsn is { } replayed ? end.BytesSince(replayed) : null,
        };
    }

    private static IEnumerable<ShutGate> Reasons(
        NodeSpec node, Policy policy, ClusterMemory memory, long? missing, bool mayBeShipped, NodeObservation? seen, HostObservation? host)
    {
        if (node.Priority == 0)
            yield return Shut(Gate.CandidateExcluded, $"{node.Name} has priority 0 and is never promoted");
        if (seen?.Server is not { } server)
        {
            yield return Shut(Gate.CandidateUnreachable, $"{node.Name} cannot be asked: {(seen is { Detail.Length: > 0 } ? seen.Detail : "no reason given")}");
            yield break;
        }
        if (!server.ReadsStatistics)
            yield return Shut(Gate.CandidateUnreadable, $"the watchdog's role may not read the replication views of {node.Name}: run setup");
        if (server.Role != Role.Standby)
        {
            yield return Shut(Gate.CandidateNotInRecovery, $"{node.Name} is not a standby");
            yield break;
        }
        if (memory.SystemIdentifier is { } system && server.SystemIdentifier != system)
            yield return Shut(Gate.CandidateOtherSystem, $"{node.Name} has system identifier {server.SystemIdentifier}, the cluster's is {system}");
        if (server.Timeline < memory.NewestTimeline)
            yield return Shut(Gate.CandidateTimeline, $"{node.Name} follows timeline {server.Timeline}, the newest known is {memory.NewestTimeline}");
        else if (memory.History is { } record && server.Timeline == record.Timeline && host?.History?.Of(record.Timeline) is { } history && history != record)
            yield return Shut(Gate.CandidateTimeline, $"{node.Name} follows another timeline {server.Timeline} than the primary wrote: the histories differ");
        if (missing is null && !mayBeShipped)
            yield return Shut(Gate.CandidateTooFarBehind, $"how far {node.Name} is behind is unknown: the primary's position has not been seen");
        else if (missing > policy.MaximumLagBytes)
            yield return Shut(Gate.CandidateTooFarBehind, $"{node.Name} lacks {missing} bytes of WAL, MaximumLagBytes is {policy.MaximumLagBytes}");
        if (server.ReplayPaused)
            yield return Shut(Gate.CandidateReplayPaused, $"replay is paused on {node.Name}: run SELECT {(server.Version.HasNamesOfToday ? "pg_wal_replay_resume" : "pg_xlog_replay_resume")}()");
        if (!server.MayPromote && WhyNotOverSsh(node, server, host) is { } obstacle)
            yield return Shut(Gate.PromotionUnavailable, server.Version.HasPromoteFunction ? $"{obstacle}; nor may the watchdog's role execute pg_promote() there" : obstacle);

        ShutGate Shut(Gate gate, string sentence) => new(gate, node.Name, sentence);
    }

    /// <summary>
    /// What stands in the way of a promotion over SSH, by trigger file or, from PostgreSQL 16, by pg_ctl; null where nothing does. A host that was not asked yet proves nothing.
    /// </summary>
    public static string? WhyNotOverSsh(NodeSpec node, ServerFacts server, HostObservation? host)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(server);
        var (setting, file) = server.Version.HasRecoveryFile ? ("trigger_file", host?.TriggerFile ?? "") : ("promote_trigger_file", server.PromoteTriggerFile);
        var told = !server.Version.HasRecoveryFile || host is { IsReachable: true };
        return server.Version.HasTriggerFile && told && file.Length == 0 ? $"{setting} is not set on {node.Name}: run setup"
            : server.Version.HasTriggerFile && told && file != node.TriggerFile
                ? $"{setting} on {node.Name} is {file}, the watchdog would create {node.TriggerFile}: run setup"
            : host is null or { Reach: HostReach.Unknown } ? $"the host of {node.Name} has not been asked yet"
            : !host.IsReachable ? $"the host of {node.Name} cannot be used over SSH: {host.Detail}"
            : host.TriggerDirectoryWritable ? null
            : $"no file can be made in {node.StateDirectory} on {node.Name}: see to its rights and to space";
    }
}
