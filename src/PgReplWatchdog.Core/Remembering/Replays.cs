using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// For how long the replay of each standby has stood still although it has received more WAL, while the primary served.
/// </summary>
public sealed record Replays
{
    public static readonly Replays None = new();

    private ImmutableDictionary<string, Replay> ByNode { get; init; } = ImmutableDictionary<string, Replay>.Empty;

    private bool PrimaryServed { get; init; }

    /// <summary>Zero where replay moves or has reached the end.</summary>
    public TimeSpan StandsStillFor(string node) => ByNode.TryGetValue(node, out var replay) ? replay.For : TimeSpan.Zero;

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
            if (server.ReplayedLsn is not { } replayed || !(Lsn.Greater(server.ReceivedLsn, replayed) > replayed))
                found = found.Remove(node);
            else if (found.TryGetValue(node, out var before) && before.Position == replayed && before.StartedAt == server.StartedAt)
            {
                var passed = primaryServes && PrimaryServed ? observation.At - before.LookedAt : TimeSpan.Zero;
                found = found.SetItem(node, before with { For = before.For + passed, LookedAt = observation.At });
            }
            else
                found = found.SetItem(node, new Replay(replayed, server.StartedAt, TimeSpan.Zero, observation.At));
        }
        return new Replays { ByNode = found, PrimaryServed = primaryServes };
    }

    private readonly record struct Replay(Lsn Position, DateTimeOffset StartedAt, TimeSpan For, TimeSpan LookedAt);
}
