using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Operating;

/// <summary>What a load balancer is told.</summary>
/// <param name="Yes">Traffic may go there. Null: not known, which is neither yes nor no.</param>
/// <param name="Reason">Why, for people.</param>
public sealed record RoleAnswer(bool? Yes, string Reason)
{
    /// <summary>HTTP has no third answer. Reads, for which alone something is unknown, have other places to go.</summary>
    public int StatusCode => Yes == true ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
}

/// <summary>
/// Who may get which traffic. The record says who is the primary, and only this watchdog changes it: while it is blind or does nothing, the
/// last known primary stays. A positive statement takes the role away; a verdict, silence or another node's claim does not.
/// </summary>
/// <param name="Spec">The cluster.</param>
/// <param name="Record">What is on record, before the first look of a process as well.</param>
/// <param name="Last">The last look; null before the first.</param>
/// <param name="Silence">For how long nothing has come to its end since (<see cref="Watchdog.Silence"/>).</param>
public sealed record NodeRoles(ClusterSpec Spec, ClusterMemory Record, Checked? Last, TimeSpan Silence)
{
    /// <summary>At this moment. The record is read first: the look is never older than it.</summary>
    public static NodeRoles Of(Watchdog watchdog)
    {
        ArgumentNullException.ThrowIfNull(watchdog);
        var record = watchdog.Record;
        return new NodeRoles(watchdog.Spec, record, watchdog.Last, watchdog.Silence ?? TimeSpan.MaxValue);
    }

    /// <summary>Some node is the primary.</summary>
    public RoleAnswer Primary() => Spec.Has(Record.IntendedPrimary) is { } intended ? Primary(intended) : Unknown("no primary is known");

    /// <summary>The record has this node as the primary, and nothing positive is against it.</summary>
    public RoleAnswer Primary(string node)
    {
        if (Record.Later is not null)
            return Unknown("the watchdog's record is older than what the hosts have");
        if (Excluded(node) is { } excluded)
            return No(excluded);
        if (Record.IntendedPrimary != node)
            return Record.IntendedPrimary is { } intended ? Other(node, intended) : Unknown("no primary is known");
        if (Last?.Observation.Find(node) is not { Server: { } server } seen)
            return Yes($"{node} is the primary on record");
        if (server.SystemIdentifier != (Record.SystemIdentifier ?? server.SystemIdentifier))
            return No($"another server stands at the address of {node}: its system identifier is not the cluster's");
        return seen.IsServingStandby ? No($"{node} serves as standby") : Yes($"{node} is the primary");
    }

    /// <summary>
    /// This node serves as a standby and streams on the newest timeline; where a maximum is given, it lacks no more than that of what the primary
    /// has written. A standby that alone does not answer gets no reads; where nobody answers, nothing is known of it.
    /// </summary>
    public RoleAnswer Replica(string node, long? maximumLagBytes)
    {
        if (Excluded(node) is { } excluded)
            return No(excluded);
        if (Last is not { } last)
            return Unknown("no check has ended yet");
        if (Silence > Spec.Policy.LateAfter)
            return Unknown(Invariant($"status is stale: last check finished {Silence.TotalSeconds:0.0} s ago"));
        if (last.Observation.Find(node) is not { Server: { } server } seen)
        {
            return last.Observation.Nodes.Any(other => other.Server is not null)
                ? No($"{node} does not answer the watchdog, and other nodes do")
                : Unknown("no node answers the watchdog");
        }
        if (!seen.IsServingStandby)
            return No($"{node} does not serve as standby");
        if (server.WalReceiver is not { IsStreaming: true })
            return No($"{node} does not stream");
        if (server.SystemIdentifier != Record.SystemIdentifier || server.Timeline < Record.NewestTimeline)
            return No(Invariant($"{node} does not follow this cluster's primary: timeline {server.Timeline}"));
        if (maximumLagBytes is not { } maximum)
            return Yes($"{node} is a standby and streams");
        return last.Decision.Lags.GetValueOrDefault(node)?.ReplayBytes is not { } lag ? Unknown($"how far {node} is behind is unknown")
            : lag > maximum ? No(Invariant($"{node} lacks {lag} bytes, more than {maximum}"))
            : Yes(Invariant($"{node} is a standby, streams, and lacks {lag} bytes"));
    }

    /// <summary>A record that comes from a backup has another primary than there is: what serves as primary is not taken out.</summary>
    private RoleAnswer Other(string node, string intended) =>
        Last is not { } last ? Unknown($"no check has ended yet; the primary on record is {intended}")
        : last.Observation.Find(node) is { IsServingPrimary: true } && last.Observation.Find(intended) is not { IsServingPrimary: true }
            ? Unknown($"{node} serves as primary, and the primary on record is {intended}")
        : No($"the primary is {intended}");

    /// <summary>The record is against this node, whatever the node says of itself.</summary>
    private string? Excluded(string node) =>
        Record.Procedure is { } procedure && procedure.From == node && IsReplacing(procedure) ? $"{node} is being replaced by {procedure.To}"
        : Record.Replaced.Contains(node) ? $"{node} was replaced by {Record.IntendedPrimary}"
        : null;

    /// <summary>
    /// A failover that has asked for no promotion may be held, and end with the old primary in its place: it counts while that is stopped, or found failed, and does not serve.
    /// </summary>
    private bool IsReplacing(Procedure procedure) => procedure.PromotedAt is not null
        || (Last?.Observation.Find(procedure.From) is not { IsServingPrimary: true }
            && (procedure.FencedBy != FencedBy.Unknown || Last?.Decision.Diagnosis.Verdict.IsFailure() == true));

    private static RoleAnswer Yes(string reason) => new(true, reason);

    private static RoleAnswer No(string reason) => new(false, reason);

    private static RoleAnswer Unknown(string reason) => new(null, reason);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
