using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// The timelines that standbys have been seen to stream on. When the walreceiver ends with its primary, a standby tells the timeline of its last restartpoint
/// (pg_control_checkpoint()), which may be minutes old and on an older one. No server goes back to an older timeline while it runs.
/// </summary>
public sealed record FollowedTimelines
{
    public static readonly FollowedTimelines None = new();

    private ImmutableDictionary<string, (DateTimeOffset StartedAt, uint Timeline)> ByNode { get; init; } = ImmutableDictionary<string, (DateTimeOffset, uint)>.Empty;

    /// <summary>One more look. A timeline that is newer than <paramref name="newest"/>, the newest on record, is nobody's yet: one nonsensical answer must not last.</summary>
    public FollowedTimelines Looked(ClusterObservation observation, uint newest)
    {
        ArgumentNullException.ThrowIfNull(observation);
        var found = ByNode;
        foreach (var node in observation.Nodes)
        {
            if (node is { IsServingStandby: true, Server: { WalReceiver.IsStreaming: true } server } && server.Timeline <= newest && server.Timeline > Of(node))
                found = found.SetItem(node.Node, (server.StartedAt, server.Timeline));
        }
        return ReferenceEquals(found, ByNode) ? this : new FollowedTimelines { ByNode = found };
    }

    /// <summary>The same look, in which each standby is on the newest timeline that it was seen to follow since it was started.</summary>
    public ClusterObservation In(ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(observation);
        return observation.Nodes.Any(node => node.IsServingStandby && node.Server!.Timeline < Of(node))
            ? observation with
            {
                Nodes = [.. observation.Nodes.Select(node => node.IsServingStandby && node.Server!.Timeline < Of(node)
                    ? node with { Server = node.Server with { Timeline = Of(node) } } : node)],
            }
            : observation;
    }

    private uint Of(NodeObservation node) => ByNode.TryGetValue(node.Node, out var known) && known.StartedAt == node.Server!.StartedAt ? known.Timeline : 0;
}
