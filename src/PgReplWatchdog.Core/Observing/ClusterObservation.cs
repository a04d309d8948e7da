namespace PgReplWatchdog.Observing;

/// <summary>One look at a whole cluster: every node's answer under one stamp. No verdict in it.</summary>
/// <param name="At">When the answers were in, on the watchdog's monotonic clock; only differences mean anything.</param>
/// <param name="Time">The same moment on the wall clock, for people and for the durable memory.</param>
/// <param name="Nodes">One entry a configured node, in the order of the configuration.</param>
/// <param name="JournalWritable">Of the watchdog itself: it could write its journal the last time it had to.</param>
/// <param name="LastActionSucceeded">Of the watchdog itself: its last action came to its end. False in a new process, which cannot know.</param>
public sealed record ClusterObservation(
    TimeSpan At, DateTimeOffset Time, ImmutableArray<NodeObservation> Nodes, bool JournalWritable = true, bool LastActionSucceeded = true)
{
    public NodeObservation? Find(string? node) => Nodes.FirstOrDefault(seen => seen.Node == node);
}
