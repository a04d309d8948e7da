using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// Which nodes may have been promoted while the watchdog saw nothing: it was down, cut off, or its record is an old one. Until the expected primary is seen or heard
/// again, that is every node that has not been seen as a standby since. And each that has said that it is primary: by hand,
/// or by a record that is gone.
/// </summary>
public sealed record Sight
{
    public static readonly Sight None = new();

    /// <summary>The last look in which any node answered; null before the first.</summary>
    private TimeSpan? LastSawAt { get; init; }

    /// <summary>No gap since the expected primary was seen or heard.</summary>
    private bool IsContinuous { get; init; }

    /// <summary>The last look before the gap: what a host said until then says nothing of what came after it. Null where there was none.</summary>
    private TimeSpan? BeforeGap { get; init; }

    /// <summary>Seen as standbys, or stopped with a start block, since the gap.</summary>
    private ImmutableHashSet<string> Standbys { get; init; } = [];

    /// <summary>Seen as primaries beside the expected one since that was seen or heard, and not as standbys since.</summary>
    private ImmutableHashSet<string> Claimed { get; init; } = [];

    /// <summary>Nodes that may have been promoted: in the gap, or because they said so; empty where there is none.</summary>
    public ImmutableArray<string> Unaccounted { get; private init; } = [];

    /// <param name="observation">The look.</param>
    /// <param name="memory">The expected primary, and the one that is being replaced: what became of that is known.</param>
    /// <param name="isAlive">It serves, or some standby hears it.</param>
    /// <param name="isFresh">The record is as young as a restart of the watchdog takes; only asked of a new process.</param>
    /// <param name="longest">No operator switches over within so short a time.</param>
    public Sight Looked(ClusterObservation observation, ClusterMemory memory, bool isAlive, bool isFresh, TimeSpan longest)
    {
        ArgumentNullException.ThrowIfNull(observation);
        ArgumentNullException.ThrowIfNull(memory);
        var sees = observation.Nodes.Any(node => node.Reach is not (Reach.Unreachable or Reach.Unknown));
        // An own action within a failover takes its time; what it did is known.
        var isBusy = memory.Procedure is not null && observation.Report is not null;
        var hasGap = LastSawAt is { } last ? sees && !isBusy && observation.At - last > longest : !isFresh;
        var before = hasGap ? LastSawAt : BeforeGap;
        var isContinuous = isAlive || (!hasGap && (LastSawAt is null || IsContinuous));
        var seen = observation.Nodes.Where(node => IsStandby(observation, node, before)).Select(node => node.Node).ToList();
        var standbys = isAlive ? [] : (hasGap ? [] : Standbys).Union(seen);
        var claimed = isAlive ? [] : Claimed.Union(observation.Nodes.Where(node => node.IsServingPrimary).Select(node => node.Node)).Except(seen);
        return new Sight
        {
            LastSawAt = sees || LastSawAt is null ? observation.At : LastSawAt,
            IsContinuous = isContinuous,
            BeforeGap = before,
            Standbys = standbys,
            Claimed = claimed,
            Unaccounted = [.. observation.Nodes.Select(node => node.Node).Where(node => node != memory.IntendedPrimary && node != memory.Procedure?.From
                && (claimed.Contains(node) || (!isContinuous && !standbys.Contains(node))))],
        };
    }

    private static bool IsStandby(ClusterObservation observation, NodeObservation node, TimeSpan? before) =>
        node.IsServingStandby || (observation.Host(node.Node) is { IsReachable: true, StandbySignal: true } or { IsFenced: true }
            && (before is null || observation.Host(node.Node)!.At > before));
}
