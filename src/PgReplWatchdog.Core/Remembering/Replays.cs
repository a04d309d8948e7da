using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// For how long the replay of each standby has stood still although it has received more WAL, while the primary served; and when
/// it moved last.
/// </summary>
public sealed record Replays
{
    public static readonly Replays None = new();

    private ImmutableDictionary<string, Replay> ByNode { get; init; } = ImmutableDictionary<string, Replay>.Empty;

    private bool PrimaryServed { get; init; }

    /// <summary>Zero where replay moves or has reached the end.</summary>
    public TimeSpan StandsStillFor(string node) => ByNode.TryGetValue(node, out var replay) ? replay.For : TimeSpan.Zero;

    /// <summary>
    /// The last look that found its replay elsewhere than the look before, or the first one that found it. Null where none has.
    /// </summary>
    public TimeSpan? MovedAt(string node) => ByNode.TryGetValue(node, out var replay) ? replay.MovedAt : null;

    /// <summary>
    /// One more look. Time counts only between two looks at a primary that serves: a primary that died may have sent half a
    /// record, and no standby replays that.
    /// </summary>
    public Replays Looked(ClusterObservation observation, bool primaryServes)
    {
        ArgumentNullException.ThrowIfNull(observation);
        var found = ByNode;
        foreach (var standby in observation.Nodes.Where(node => node.IsServingStandby))
        {
            var (node, server) = (standby.Node, standby.Server!);
            if (server.ReplayedLsn is not { } replayed)
            {
                found = found.Remove(node);
                continue;
            }
            var atEnd = !(Lsn.Greater(server.ReceivedLsn, replayed) > replayed);
            if (found.TryGetValue(node, out var before) && before.Position == replayed && before.StartedAt == server.StartedAt)
            {
                var passed = primaryServes && PrimaryServed && !before.AtEnd ? observation.At - before.LookedAt : TimeSpan.Zero;
                var still = atEnd ? TimeSpan.Zero : before.For + passed;
                found = found.SetItem(node, before with { AtEnd = atEnd, For = still, LookedAt = observation.At });
            }
            else
                found = found.SetItem(node, new(replayed, server.StartedAt, atEnd, TimeSpan.Zero, observation.At, observation.At));
        }
        return new Replays { ByNode = found, PrimaryServed = primaryServes };
    }

    private readonly record struct Replay(
        Lsn Position, DateTimeOffset StartedAt, bool AtEnd, TimeSpan For, TimeSpan LookedAt, TimeSpan MovedAt);
}
