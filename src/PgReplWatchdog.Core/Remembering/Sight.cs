using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// Which nodes may have been promoted while the watchdog saw nothing: it was down, cut off, or its record is an old one. Until the expected primary is seen
/// again, that is every node that has not been seen as a standby since. That a standby hears the primary is less: another watchdog on the other side of a
/// partition may be about to fence it. Also each node that has said that it is primary: by hand, or by a record that is gone. Also each that was out of
/// sight alone while the expected primary was down: for so long that a person may have promoted it.
/// </summary>
public sealed record Sight
{
    public static readonly Sight None = new();

    /// <summary>A person who sees that the primary is down does not promote a standby sooner. The watchdog does, unless something holds it.</summary>
    public static readonly TimeSpan PersonTakes = TimeSpan.FromMinutes(1);

    /// <summary>The last look in which any node answered; null before the first.</summary>
    private TimeSpan? LastSawAt { get; init; }

    /// <summary>No gap since the expected primary was seen.</summary>
    private bool IsContinuous { get; init; }

    /// <summary>The last look before the gap: what a host said until then says nothing of what came after it. Null where there was none.</summary>
    private TimeSpan? BeforeGap { get; init; }

    /// <summary>Seen as standbys, or stopped with a start block, since the gap.</summary>
    private ImmutableHashSet<string> Standbys { get; init; } = [];

    /// <summary>When each was seen as a standby or stopped with a start block, or the expected primary was seen or heard, last.</summary>
    private ImmutableDictionary<string, TimeSpan> KnownAt { get; init; } = ImmutableDictionary<string, TimeSpan>.Empty;

    /// <summary>Seen as primaries of this cluster beside the expected one, and not as standbys since.</summary>
    private ImmutableHashSet<string> Claimed { get; init; } = [];

    /// <summary>Nodes that may have been promoted: in the gap, or because they said so; empty where there is none.</summary>
    public ImmutableArray<string> Unaccounted { get; private init; } = [];

    /// <summary>As of a new process, except that a node which said that it is primary may still be it.</summary>
    public Sight Forgotten => new() { Claimed = Claimed, BeforeGap = LastSawAt };

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
        var before = hasGap ? LastSawAt ?? BeforeGap : BeforeGap;
        var isSeen = observation.Find(memory.IntendedPrimary) is { IsServingPrimary: true, Server: { } server } && server.SystemIdentifier == memory.SystemIdentifier;
        var isContinuous = isSeen || (!hasGap && (LastSawAt is null || IsContinuous));
        var seen = observation.Nodes.Where(node => IsStandby(observation, node, before)).Select(node => node.Node).ToList();
        var standbys = isSeen ? [] : (hasGap ? [] : Standbys).Union(seen);
        // A replaced one that comes back beside the expected primary is fenced whenever it is seen.
        var claimed = Claimed.Union(observation.Nodes.Where(node => node.IsServingPrimary && node.Server!.SystemIdentifier == memory.SystemIdentifier).Select(node => node.Node))
            .Except(seen).Except(isAlive ? memory.Replaced : []).Except(new[] { memory.IntendedPrimary }.OfType<string>());
        var knownAt = observation.Nodes.Select(node => node.Node).Where(node => isAlive || seen.Contains(node) || !KnownAt.ContainsKey(node))
            .Aggregate(KnownAt, (known, node) => known.SetItem(node, observation.At));
        return new Sight
        {
            LastSawAt = sees || LastSawAt is null ? observation.At : LastSawAt,
            IsContinuous = isContinuous,
            BeforeGap = before,
            Standbys = standbys,
            Claimed = claimed,
            KnownAt = knownAt,
            Unaccounted = [.. observation.Nodes.Select(node => node.Node).Where(node => node != memory.IntendedPrimary && node != memory.Procedure?.From
                && (claimed.Contains(node) || (!isContinuous && !standbys.Contains(node))
                    || (memory.Procedure is null && observation.At - knownAt[node] > PersonTakes)))],
        };
    }

    private static bool IsStandby(ClusterObservation observation, NodeObservation node, TimeSpan? before) =>
        node.IsServingStandby || (observation.Host(node.Node) is { IsReachable: true, StandbySignal: true } or { IsFenced: true }
            && (before is null || observation.Host(node.Node)!.At > before));
}
