using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Deciding;

/// <summary>
/// Each role change goes on record on the hosts as well. A host with a later one proves that the watchdog's record is an
/// old one, such as a state directory from a backup (docs/decisions/0014).
/// </summary>
internal static class Epochs
{
    /// <summary>A host whose disk is full, or that answers late, is not told in every look.</summary>
    private static readonly TimeSpan BetweenMarks = TimeSpan.FromSeconds(3);

    /// <summary>
    /// What the hosts say of later role changes. It stays on record, whether that host answers again or not, until the
    /// primary that it names serves, or an operator names one. The same instance where nothing changes.
    /// </summary>
    public static ClusterMemory Looked(ClusterMemory memory, ClusterObservation observation)
    {
        var later = memory.Later;
        foreach (var host in observation.Hosts)
        {
            if (host.Mark is { } mark && IsLater(memory, mark) && (later is null || mark.Epoch > later.Epoch))
                later = new LaterEpoch(mark.Epoch, mark.Primary, host.Node);
        }
        if (later is not null && later.Primary == memory.IntendedPrimary && IsTheOnlyPrimary(memory, observation))
            return memory with { Epoch = later.Epoch, Later = null };
        return later == memory.Later ? memory : memory with { Later = later };
    }

    /// <summary>One epoch has one primary: with another one it is from another record.</summary>
    private static bool IsLater(ClusterMemory memory, EpochMark mark) =>
        mark.Epoch > memory.Epoch
        || (mark.Epoch > 0 && mark.Epoch == memory.Epoch && mark.Primary != memory.IntendedPrimary);

    private static bool IsTheOnlyPrimary(ClusterMemory memory, ClusterObservation observation) =>
        observation.Nodes.Where(node => node.IsServingPrimary).ToList() is [var primary]
        && primary.Node == memory.IntendedPrimary
        && (memory.SystemIdentifier is not { } system || system == primary.Server!.SystemIdentifier);

    /// <summary>The record was old, and names the right primary.</summary>
    public static NextStep Tell(ClusterMemory before, ClusterMemory looked, NextStep step) =>
        looked.Epoch == before.Epoch ? step : step with
        {
            Events = step.Events.Insert(0, new(EventKind.PrimaryAdopted, FormattableString.Invariant(
                $"{looked.IntendedPrimary} is the primary: the record was an old one (epoch {before.Epoch}), ")
                + FormattableString.Invariant($"a host has epoch {looked.Epoch}"))),
        };

    /// <summary>
    /// In a quiet look the next host that does not have this epoch gets it. A host's answer from before it was last told
    /// says nothing.
    /// </summary>
    public static NextStep Mark(Situation now, ImmutableDictionary<string, TimeSpan> toldAt, NextStep step)
    {
        var memory = step.Memory;
        if (step.Action is not WatchdogAction.None || memory is not { Later: null, IntendedPrimary: { } primary })
            return step;
        var host = now.Spec.Nodes.Select(node => now.Observation.Host(node.Name)).FirstOrDefault(host =>
            host is { IsReachable: true, Mark: { } mark } && mark.Epoch < memory.Epoch
            && !(toldAt.TryGetValue(host.Node, out var at) && (host.At <= at || now.Observation.At - at < BetweenMarks)));
        return host is null ? step
            : step with { Action = new WatchdogAction.RecordEpoch(host.Node, memory.Epoch, primary) };
    }
}
