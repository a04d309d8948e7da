using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>
/// What follows a failover: the other standbys are pointed at the new primary, the old one is rewound and made its standby. Done is what the primary
/// itself sees streaming; a node that merely started proves nothing. Each node has its own count of attempts; no more than one is copied or rewound at a time.
/// </summary>
public static class Returning
{
    private const int ReserveAttempts = 5;
    private const int RepointAttempts = 5;
    private const int RejoinAttempts = 3;

    /// <summary>What a walreceiver needs to connect; and what a started server needs to become one.</summary>
    private static readonly TimeSpan BetweenRepoints = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan StreamingLimit = TimeSpan.FromSeconds(30);

    /// <summary>From one attempt to the next: what keeps a rewind or a copy from working, such as a link or a full disk, takes minutes to pass.</summary>
    private static readonly ImmutableArray<TimeSpan> BetweenRejoins = [TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2)];

    /// <summary>One that was asked for goes on by itself, and is not asked for twice at a time; this is for one that was lost.</summary>
    private static readonly TimeSpan BetweenCheckpoints = TimeSpan.FromSeconds(20);

    /// <summary>Called while the intended primary serves and nothing else is under way.</summary>
    public static NextStep Next(Situation now)
    {
        ArgumentNullException.ThrowIfNull(now);
        var (memory, events) = Returned(now);
        return Outstanding(memory).Select(node => Reserve(now, memory, node)).Concat(Outstanding(memory).Select(node => Step(now, memory, node)))
            .FirstOrDefault(step => step is not null) is { } next
            ? next with { Events = [.. events, .. next.Events] }
            : new NextStep(memory, WatchdogAction.Nothing, events);
    }

    /// <summary>Nodes that do not stream from the primary yet and should.</summary>
    public static ImmutableArray<string> Outstanding(ClusterMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return [.. memory.Following, .. memory.Replaced];
    }

    private static (ClusterMemory, ImmutableArray<WatchdogEvent>) Returned(Situation now)
    {
        var memory = now.Memory;
        ImmutableArray<WatchdogEvent> events = [];
        foreach (var node in Outstanding(memory).Where(node => Streams(now, node)))
        {
            memory = memory with
            {
                Following = memory.Following.Remove(node),
                Replaced = memory.Replaced.Remove(node),
                Returning = memory.Returning.RemoveAll(other => other.Node == node),
            };
            events = events.Add(new(EventKind.NodeReplacedReturned, $"{node} streams from {memory.IntendedPrimary} as its standby"));
        }
        return (memory, events);
    }

    private static bool Streams(Situation now, string node) =>
        now.Observation.Find(node) is { IsServingStandby: true, Server: { WalReceiver.IsStreaming: true } or { TellsWalReceiver: false } } // the primary may not have noticed yet that it is gone
        && IsSeen(now, node, "streaming");

    /// <summary>The primary itself sees it in this state (manual, pg_stat_replication).</summary>
    private static bool IsSeen(Situation now, string node, string state) =>
        now.Observation.Find(now.Memory.IntendedPrimary)?.Server is { } primary
        && primary.WalSenders.Any(sender => sender.ApplicationName == node && sender.State == state);

    /// <summary>
    /// The new primary's first checkpoint removes the WAL from before its promotion, without which a node that is away now can neither follow nor be rewound: it is to be kept from
    /// before that on. Where nothing limits what a slot holds (max_slot_wal_keep_size), one that never returns would fill the disk: there it takes a fresh copy.
    /// </summary>
    private static NextStep? Reserve(Situation now, ClusterMemory memory, string node)
    {
        var before = memory.Returning.FirstOrDefault(other => other.Node == node);
        var due = before is null || (before is { Step: ReturnStep.Reserve, Attempts: < ReserveAttempts } && now.Since(before.TriedAt) >= BetweenRepoints);
        return due && now.Observation.Find(node) is not { IsServingStandby: true }
            && now.Observation.Find(memory.IntendedPrimary)?.Server is { LimitsSlots: true } primary && primary.Slots.All(slot => slot.Name != now.Spec.Node(node).SlotName)
            ? Try(now, memory, node, ReturnStep.Reserve, before, new WatchdogAction.Reserve(memory.IntendedPrimary!, node, primary.Version))
            : null;
    }

    private static NextStep? Step(Situation now, ClusterMemory memory, string node)
    {
        var before = memory.Returning.FirstOrDefault(other => other.Node == node);
        if (before is { Step: ReturnStep.GivenUp } || IsSeen(now, node, "catchup"))
            return null;
        var host = now.Observation.Host(node);
        if (before is { Step: ReturnStep.Rejoin } && (IsAtWork(now, before) || host is not { IsReachable: true }))
            return null;
        if (before is { Step: ReturnStep.Rejoin, Attempts: >= RejoinAttempts } && !HasTouchedNothing(memory, host))
            return GiveUp(memory, before, host?.Job?.Words ?? "no reason given");
        if (now.Observation.Find(node) is { IsServingStandby: true, Server: { } standby } && before is not { Step: ReturnStep.Rejoin })
        {
            if (before is { Step: ReturnStep.Repoint } && now.Since(before.TriedAt) < BetweenRepoints)
                return null;
            return before is { Step: ReturnStep.Repoint, Attempts: >= RepointAttempts } || IsBeyondSwitchPoint(memory, standby)
                || Histories.IsOther(memory, now.Observation, node)
                ? Rejoin(now, memory, node, before, host)
                : Try(now, memory, node, ReturnStep.Repoint, before, new WatchdogAction.Repoint(node, memory.IntendedPrimary!, standby.Version));
        }
        // A standby that somebody has stopped is not ours to start. With a start block it was stopped for a rejoin, before the last failover.
        return before is { Step: ReturnStep.Rejoin } || (host is { IsDead: true } && (memory.Replaced.Contains(node) || host.IsFenced)) ? Rejoin(now, memory, node, before, host) : null;
    }

    /// <summary>
    /// A fresh copy where the node may be on another timeline of the same number: pg_rewind compares numbers, finds nothing to do, and leaves
    /// what the primary never had. Also where an attempt did not come out well; not where it found its source out of reach and touched nothing, or has not even begun.
    /// </summary>
    private static NextStep? Rejoin(Situation now, ClusterMemory memory, string node, ReturningNode? before, HostObservation? host) =>
        !now.Policy.Rejoin ? GiveUp(memory, before ?? new ReturningNode(node, ReturnStep.Rejoin, 0, now.Observation.Time), "Rejoin is false")
        : host is not { IsReachable: true, StorageHangs: false } || memory.Returning.Any(other => other.Node != node && other.Step == ReturnStep.Rejoin && IsAtWork(now, other)) ? null
        : before is { Step: ReturnStep.Rejoin } && now.Since(before.TriedAt) < BetweenRejoins[Math.Min(before.Attempts, BetweenRejoins.Length) - 1] ? null
        : NeedsCheckpoint(now) && before is not { Step: ReturnStep.Rejoin } ? Checkpoint(now, memory, node, before)
        : Try(now, memory, node, ReturnStep.Rejoin, before, new WatchdogAction.Rejoin(node, memory.IntendedPrimary!, Version(now), memory.Epoch,
            FreshCopy: Histories.MayDiverge(memory, now.Observation, node)
                || (before is { Step: ReturnStep.Rejoin } && host.Job?.Epoch == memory.Epoch && !HasTouchedNothing(memory, host))));

    /// <summary>The last attempt did not reach its source: a link that is cut for an hour is no reason to give the node up.</summary>
    private static bool HasTouchedNothing(ClusterMemory memory, HostObservation? host) => host?.Job is { ExitStatus: HostJob.SourceNotReached } job && job.Epoch == memory.Epoch;

    /// <summary>The primary's: a node that does not run has the same (manual, "Log-Shipping Standby Servers").</summary>
    private static PostgresVersion Version(Situation now) => now.Observation.Find(now.Memory.IntendedPrimary)!.Server!.Version;

    /// <summary>
    /// Below PostgreSQL 16 pg_rewind goes by the timeline of the source's last checkpoint (manual, pg_rewind, "Notes"), and the one after a promotion takes its time.
    /// </summary>
    private static bool NeedsCheckpoint(Situation now) =>
        now.Observation.Find(now.Memory.IntendedPrimary)?.Server is { CheckpointTimeline: { } checkpoint } primary && checkpoint < primary.Timeline;

    private static NextStep? Checkpoint(Situation now, ClusterMemory memory, string node, ReturningNode? before) =>
        before is { Step: ReturnStep.Checkpoint } && now.Since(before.TriedAt) < BetweenCheckpoints ? null
        : Try(now, memory, node, ReturnStep.Checkpoint, before, new WatchdogAction.Checkpoint(memory.IntendedPrimary!));

    private static NextStep Try(Situation now, ClusterMemory memory, string node, ReturnStep step, ReturningNode? before, WatchdogAction action)
    {
        var attempts = before?.Step == step ? before.Attempts + 1 : 1;
        return new NextStep(
            Remembering(memory, new ReturningNode(node, step, attempts, now.Observation.Time)), action,
            [new(EventKind.NodeReturning, step switch
            {
                ReturnStep.Reserve => $"{memory.IntendedPrimary} keeps the WAL that {node} will need (attempt {attempts})",
                ReturnStep.Repoint => $"{node} is pointed at {memory.IntendedPrimary} (attempt {attempts})",
                ReturnStep.Checkpoint => $"{memory.IntendedPrimary} makes a checkpoint, which a rewind of {node} needs",
                _ => $"{node} is made a standby of {memory.IntendedPrimary}, by pg_rewind or a fresh copy (attempt {attempts})",
            })]);
    }

    private static NextStep GiveUp(ClusterMemory memory, ReturningNode before, string why) => new(
        Remembering(memory, before with { Step = ReturnStep.GivenUp }), WatchdogAction.Nothing,
        [new(EventKind.NodeNotReturning, $"{before.Node} could not be made a standby in {before.Attempts} attempts ({why}): run pgwatchdog setup with --overwrite {before.Node}")]);

    private static ClusterMemory Remembering(ClusterMemory memory, ReturningNode node) =>
        memory with { Returning = memory.Returning.RemoveAll(other => other.Node == node.Node).Add(node) };

    /// <summary>
    /// The job runs, or has ended well and the server needs its time to stream: as long as it takes while it recovers. One whose job has failed may recover for ever: from WAL that nobody
    /// has any more.
    /// </summary>
    private static bool IsAtWork(Situation now, ReturningNode before)
    {
        var job = now.Observation.Host(before.Node)?.Job;
        var sinceTried = now.Since(before.TriedAt);
        if (job is { Running: false, ExitStatus: not (null or 0) } && job.Epoch == now.Memory.Epoch)
            return false;
        return job is { Running: true } && job.Epoch == now.Memory.Epoch
            || now.Observation.Find(before.Node) is { Reach: Reach.Alive }
            || ((job is { ExitStatus: 0 } || job?.Epoch != now.Memory.Epoch) && sinceTried < StreamingLimit);
    }

    /// <summary>It has WAL that the new primary never had: on its own it can only fail to stream.</summary>
    private static bool IsBeyondSwitchPoint(ClusterMemory memory, ServerFacts standby) =>
        memory.LastFailover is { Succeeded: true } last && last.Epoch == memory.Epoch && last.Procedure.PromotedAt is { } switchPoint
        && standby.Timeline < memory.NewestTimeline && Lsn.Greater(standby.ReceivedLsn, standby.ReplayedLsn) > switchPoint && last.EstimatedLossBytes is not 0;
}
