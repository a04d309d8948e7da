using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Deciding;

/// <summary>An operator says which node is the primary, where the record is wrong or the evidence is not enough (<see cref="Claim"/>).</summary>
public static class Adoption
{
    /// <summary>An operator's request holds for so long: later the cluster may not be what the operator looked at.</summary>
    public static readonly TimeSpan RequestHolds = TimeSpan.FromMinutes(5);

    /// <summary>An operator asked for it and the node serves as primary: it is the primary on record from now on. Null where there is nothing to do.</summary>
    public static NextStep? AsRequested(Situation now)
    {
        ArgumentNullException.ThrowIfNull(now);
        var (memory, observation) = (now.Memory, now.Observation);
        if (observation.Wish.Adopt is not { } request || !Holds(request, memory, observation) || WhyNot(request, memory, observation) is not null)
            return null;
        var server = observation.Find(request.Node)!.Server!;
        // A promotion that was asked for may still come about: the trigger file is removed.
        var withdrawn = memory.Procedure is { PromotedAt: not null } procedure && procedure.To != request.Node ? procedure.To : null;
        var replaced = memory.IntendedPrimary is { } former ? memory.Replaced.Remove(former).Add(former) : memory.Replaced;
        var epoch = Math.Max(memory.Epoch, memory.Later?.Epoch ?? 0) + 1;
        return new NextStep(
            memory with
            {
                IntendedPrimary = request.Node,
                Epoch = epoch,
                Later = null,
                SystemIdentifier = server.SystemIdentifier,
                NewestTimeline = server.Timeline,
                History = observation.Host(request.Node)?.History?.Of(server.Timeline),
                Abandoned = new(memory.NewestTimeline, epoch),
                LastPosition = null,
                Replaced = replaced.Remove(request.Node),
                Following = [.. now.Spec.Nodes.Select(node => node.Name).Where(node => node != request.Node && !replaced.Contains(node))],
                Returning = [],
                Guard = null,
                Procedure = null,
            },
            withdrawn is null ? WatchdogAction.Nothing : new WatchdogAction.WithdrawPromotion(withdrawn),
            [new(EventKind.PrimaryAdopted, $"{request.Node} is the primary from now on, as {request.By} asked"
                + (memory.IntendedPrimary is { } before && before != request.Node ? $", in place of {before}" : ""))]);
    }

    /// <summary>A request that has to wait says so once.</summary>
    public static NextStep Tell(Situation now, AdoptionRequest? told, NextStep step)
    {
        ArgumentNullException.ThrowIfNull(now);
        ArgumentNullException.ThrowIfNull(step);
        return now.Observation.Wish.Adopt != told && Waiting(now.Memory, now.Observation) is { } waits
            ? step with { Events = step.Events.Add(new(EventKind.AdoptionWaits, waits)) }
            : step;
    }

    /// <summary>Why a request that holds is not done yet; null where there is none, or nothing is in its way.</summary>
    public static string? Waiting(ClusterMemory memory, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(observation);
        return observation.Wish.Adopt is { } request && Holds(request, memory, observation) && WhyNot(request, memory, observation) is { } reason
            ? FormattableString.Invariant($"{request.By} asked to adopt {request.Node}: {reason}. The request ends at {request.At + RequestHolds:u}")
            : null;
    }

    private static bool Holds(AdoptionRequest request, ClusterMemory memory, ClusterObservation observation) =>
        request.Epoch == memory.Epoch && (request.Node != memory.IntendedPrimary || memory.Later is not null)
        && observation.Time >= request.At && observation.Time - request.At <= RequestHolds;

    private static string? WhyNot(AdoptionRequest request, ClusterMemory memory, ClusterObservation observation) => observation.Find(request.Node) switch
    {
        null => $"{request.Node} is no node of this cluster",
        { IsServingPrimary: true, Server: { } server } => (memory.SystemIdentifier ?? server.SystemIdentifier) == server.SystemIdentifier ? null
            : $"{request.Node} has another system identifier ({server.SystemIdentifier})",
        { IsServingStandby: true } => $"{request.Node} is a standby: promote it first",
        _ => $"{request.Node} does not serve as primary",
    };
}
