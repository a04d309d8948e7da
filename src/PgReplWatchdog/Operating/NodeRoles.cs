using System.Globalization;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Operating;

/// <summary>What a load balancer is told: 200 or 503, and why.</summary>
public sealed record RoleAnswer(bool Yes, string Reason)
{
    public int StatusCode => Yes ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
}

/// <summary>
/// Who may get which traffic, from the last look and the durable record alone. At most one node is told to be the primary; a look that is too old says nothing of anybody.
/// </summary>
/// <param name="Spec">The cluster.</param>
/// <param name="Last">The last look; null before the first.</param>
/// <param name="Silence">For how long nothing has come to its end since (<see cref="Watchdog.Silence"/>).</param>
public sealed record NodeRoles(ClusterSpec Spec, Checked? Last, TimeSpan Silence)
{
    /// <summary>Somebody serves as the primary, it is the intended one, and nobody else says that it is primary.</summary>
    public RoleAnswer Primary() => Look() switch
    {
        { Why: { } why } => No(why),
        { Memory.IntendedPrimary: null } => No("no primary is known"),
        { Memory.IntendedPrimary: { } intended } now when Others(now, intended).FirstOrDefault() is { } other => No($"{other} says that it is primary beside {intended}"),
        { Memory.IntendedPrimary: { } intended } => Primary(intended),
    };

    /// <summary>This node is the intended primary, and serves. Another one that says so does not count where the record says that it was replaced: it is being stopped.</summary>
    public RoleAnswer Primary(string node)
    {
        var now = Look();
        if (now.Why is { } why)
            return No(why);
        if (Excluded(now, node) is { } excluded)
            return No(excluded);
        if (now.Memory.IntendedPrimary != node)
            return No(now.Memory.IntendedPrimary is { } intended ? $"the primary is {intended}" : "no primary is known");
        if (now.Observation.Find(node) is not { IsServingPrimary: true, Server: { } server })
            return No($"{node} does not serve as primary: verdict {now.Verdict}");
        if (server.SystemIdentifier != now.Memory.SystemIdentifier)
            return No($"another server stands at the address of {node}: its system identifier is not the cluster's");
        if (Others(now, node).FirstOrDefault(other => !now.Memory.Replaced.Contains(other)) is { } second)
            return No($"{second} says that it is primary, too");
        return now.Verdict is Verdict.Serving or Verdict.TwoPrimaries ? new(true, $"{node} is the primary") : No($"verdict {now.Verdict}");
    }

    /// <summary>This node serves as a standby and streams on the newest timeline; where a maximum is given, it lacks no more than that of what the primary has written.</summary>
    public RoleAnswer Replica(string node, long? maximumLagBytes)
    {
        var now = Look();
        if (now.Why is { } why)
            return No(why);
        if (Excluded(now, node) is { } excluded)
            return No(excluded);
        if (now.Observation.Find(node) is not { IsServingStandby: true, Server: { } server })
            return No($"{node} does not serve as standby");
        if (server.WalReceiver is not { IsStreaming: true })
            return No($"{node} does not stream");
        if (server.SystemIdentifier != now.Memory.SystemIdentifier || server.Timeline < now.Memory.NewestTimeline)
            return No($"{node} does not follow this cluster's primary: timeline {server.Timeline.ToString(CultureInfo.InvariantCulture)}");
        if (maximumLagBytes is not { } maximum)
            return new(true, $"{node} is a standby and streams");
        return Last!.Decision.Lags.GetValueOrDefault(node)?.ReplayBytes is not { } lag ? No($"how far {node} is behind is unknown")
            : lag > maximum ? No(string.Create(CultureInfo.InvariantCulture, $"{node} lacks {lag} bytes, more than {maximum}"))
            : new(true, string.Create(CultureInfo.InvariantCulture, $"{node} is a standby, streams, and lacks {lag} bytes"));
    }

    private Now Look() =>
        Last is not { } last ? new(null!, null!, default, "no check has ended yet")
        : new(last.Observation, last.Decision.Memory, last.Decision.Diagnosis.Verdict, Silence <= Spec.Policy.LateAfter ? null
            : string.Create(CultureInfo.InvariantCulture, $"no check has ended for {Silence.TotalSeconds:0.0} s, and the last one says nothing any more"));

    /// <summary>Whatever it says of itself: the record is against it.</summary>
    private static string? Excluded(Now now, string node) =>
        now.Memory.Procedure is { } procedure && procedure.From == node ? $"{node} is being replaced by {procedure.To}"
        : now.Memory.Replaced.Contains(node) ? $"{node} was replaced by {now.Memory.IntendedPrimary}"
        : null;

    private static IEnumerable<string> Others(Now now, string node) =>
        now.Observation.Nodes.Where(other => other.IsServingPrimary && other.Node != node).Select(other => other.Node);

    private static RoleAnswer No(string reason) => new(false, reason);

    private sealed record Now(ClusterObservation Observation, ClusterMemory Memory, Verdict Verdict, string? Why);
}
