using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Deciding;

/// <summary>What the primary says of itself goes on record: which node it is, its system identifier, timeline, position.</summary>
internal static class Learning
{
    /// <summary>The primary's position and its guard's sight go on record at most this often: a write a check would be too many.</summary>
    public static readonly TimeSpan PositionRecordInterval = TimeSpan.FromSeconds(3);

    /// <summary>What a quiet look adds to the durable memory; the same instance where it adds nothing.</summary>
    public static NextStep Next(Situation now)
    {
        var (memory, observation) = (now.Memory, now.Observation);
        if (now.Diagnosis is not { Verdict: Verdict.Serving, Primary: { } name } || observation.Find(name)!.Server is not { } server)
            return NextStep.Wait(memory);
        if (memory.IntendedPrimary is null && !IsAgreed(now, observation.Find(name)!))
            return NextStep.Wait(memory);
        ImmutableArray<WatchdogEvent> events = [];
        if (memory.IntendedPrimary != name)
        {
            events = [new(EventKind.PrimaryAdopted, memory.IntendedPrimary is { } before
                ? $"{name} was promoted by somebody else: it is the primary from now on, in place of {before}"
                : $"{name} is the primary")];
            memory = memory with
            {
                IntendedPrimary = name,
                // A watchdog that had no record cannot tell whether this is the one that the hosts name: that stays.
                Epoch = 1 + (memory.IntendedPrimary is null ? memory.Epoch
                    : Math.Max(memory.Epoch, memory.Later?.Epoch ?? 0)),
                Later = memory.IntendedPrimary is null ? memory.Later : null,
                Procedure = null, // of an old record
                SystemIdentifier = server.SystemIdentifier,
                Replaced = memory.Replaced.Remove(name),
                Following = memory.IntendedPrimary is null ? [] : [.. memory.Following.Remove(name)],
                Returning = [],
                Guard = null,
            };
        }
        if (server.Timeline > memory.NewestTimeline && (!events.IsEmpty || IsBelieved(memory, now.SeenTimeline, server.Timeline)))
            memory = memory with { NewestTimeline = server.Timeline };
        if (server.Timeline == memory.NewestTimeline
            && Histories.Learn(now.Memory, observation, name, server.Timeline) is var history && history != memory.History)
            memory = memory with { History = history };
        if (server.CurrentLsn is { } position && server.Timeline <= memory.NewestTimeline
            && !(memory.LastPosition is { } last && observation.Time - last.Time < PositionRecordInterval && observation.Time >= last.Time))
        {
            memory = memory with { LastPosition = new(position, observation.Time, observation.Boot) };
            if (memory.Guard is { } guard && guard.Node == name && server.GuardOrderId == guard.Order.Id)
                memory = memory with { Guard = guard with { SeenAt = observation.Time } };
        }
        return new NextStep(memory, WatchdogAction.Nothing, events);
    }

    /// <summary>
    /// Without a record nobody knows the cluster's system identifier. It takes a standby that follows this primary, or two looks: by one answer of one server
    /// the real primary might be held for another server from then on.
    /// </summary>
    private static bool IsAgreed(Situation now, NodeObservation primary) =>
        primary.Server!.SystemIdentifier == now.SeenSystem || now.Observation.Nodes.Any(node => node.Confirms(primary));

    /// <summary>
    /// A newer timeline takes two looks: an address that has moved, or a server that tells nonsense, would spoil the record
    /// for good. To a position that the primary never had no standby would ever be near enough.
    /// </summary>
    public static bool IsBelieved(ClusterMemory memory, uint seenBefore, uint timeline) =>
        timeline <= memory.NewestTimeline || memory.NewestTimeline == 0 || seenBefore == timeline;
}
