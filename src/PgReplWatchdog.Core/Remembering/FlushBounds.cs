using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// What each standby can have flushed at most, look by look. A guard's message says what its standbys had flushed when it was
/// written. So it was written after every look in which the standby could not have flushed that yet. No clock of another
/// machine enters, and WAL that arrives late proves nothing new.
/// </summary>
public sealed record FlushBounds
{
    public static readonly FlushBounds None = new();

    /// <summary>A guard writes twice a second, and the WAL writer sends it on within 0.2 s.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1.5);

    /// <summary>A younger position could not show that the guard is silent.</summary>
    private static readonly TimeSpan Youngest = TimeSpan.FromSeconds(0.5);

    private ImmutableDictionary<string, ImmutableArray<Bound>> ByNode { get; init; } =
        ImmutableDictionary<string, ImmutableArray<Bound>>.Empty;

    /// <param name="observation">The look.</param>
    /// <param name="longest">What is older is of no use.</param>
    public FlushBounds Looked(ClusterObservation observation, TimeSpan longest)
    {
        ArgumentNullException.ThrowIfNull(observation);
        var found = ByNode;
        foreach (var node in observation.Nodes)
        {
            var bounds = Of(node.Node).RemoveAll(bound => observation.At - bound.At > longest);
            // All that it has flushed was sent before, and whoever sends says how far its WAL goes.
            if (node is { IsServingStandby: true, Server: { ReceivedLsn: { } received, WalReceiver: { IsStreaming: true } receiver } }
                && receiver.UpstreamEnd is { } end)
                bounds = bounds.Add(new Bound(observation.At - node.AnsweredAgo, received > end ? received : end));
            found = bounds.IsEmpty ? found.Remove(node.Node) : found.SetItem(node.Node, bounds);
        }
        return found == ByNode ? this : new FlushBounds { ByNode = found };
    }

    /// <summary>The last look in which the standby could not have flushed that position yet; null where nobody knows.</summary>
    public TimeSpan? LastBefore(string node, Lsn flushed) => Of(node).LastOrDefault(bound => bound.Most < flushed)?.At;

    /// <summary>Behind this position the next look finds a message of a guard that lives; null where nobody knows.</summary>
    public Lsn? AskAfter(string node, TimeSpan now) => Of(node).LastOrDefault(bound => now - bound.At >= Youngest)?.Most;

    /// <summary>
    /// The standby heard its primary for longer than a guard is ever silent after the primary had reached that position.
    /// </summary>
    public bool ShouldHaveMore(string node, Lsn position, TimeSpan heardAt) =>
        Of(node).FirstOrDefault(bound => bound.Most >= position) is { } reached && heardAt - reached.At >= LongestPause;

    private ImmutableArray<Bound> Of(string node) => ByNode.GetValueOrDefault(node, []);

    private sealed record Bound(TimeSpan At, Lsn Most);
}
