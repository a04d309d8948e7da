using System.Threading.Channels;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Notifying;

/// <summary>
/// Where a check leaves what it found, and goes on: a bounded queue, whose oldest are dropped when nobody fetches them. What is to be told of it is for the other side to find
/// out, and a mistake there harms no check.
/// </summary>
public sealed class Notifier
{
    /// <summary>Many checks of many clusters, for an other side that has nothing to wait for.</summary>
    public const int QueueLimit = 2048;

    /// <summary>Where there is nobody to tell.</summary>
    public static readonly Notifier Nobody = new();

    private Channel<Found>? queue;

    /// <summary>For the one who listens; before that nothing is kept.</summary>
    /// <param name="dropped">Called for each that was not fetched in time.</param>
    internal ChannelReader<Found> Listen(Action dropped) => (queue = Channel.CreateBounded<Found>(
        new BoundedChannelOptions(QueueLimit) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true }, _ => dropped())).Reader;

    /// <summary>A check has ended. Never waits, never throws.</summary>
    public void Saw(ClusterSpec spec, Checked look, ImmutableArray<WatchdogEvent> events) => queue?.Writer.TryWrite(new Found(spec, look, events));
}

/// <summary>What a check found and what it told; immutable.</summary>
internal sealed record Found(ClusterSpec Spec, Checked Look, ImmutableArray<WatchdogEvent> Events);
