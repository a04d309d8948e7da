using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Remembering;

/// <summary>When each host last answered over SSH: host key, login and rights were proven then.</summary>
public sealed record HostProofs
{
    public static readonly HostProofs None = new();

    /// <summary>Hosts are asked every 10 s, and every second after a failure: one lost probe proves nothing.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromSeconds(30);

    private ImmutableDictionary<string, TimeSpan> ByNode { get; init; } = ImmutableDictionary<string, TimeSpan>.Empty;

    /// <summary>Null where this process has not seen it answer.</summary>
    public TimeSpan? At(string node) => ByNode.TryGetValue(node, out var at) ? at : null;

    /// <summary>A new process asks all hosts in its first look: one that was not asked is no failure.</summary>
    public bool IsProven(string node, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(observation);
        return observation.Host(node) switch
        {
            null or { Reach: HostReach.Unknown } => true,
            { IsReachable: true } host => observation.At - host.At <= Lasts,
            _ => observation.At - At(node) <= Lasts,
        };
    }

    /// <summary>Since when the host has said nothing, and why.</summary>
    public string Silence(string node, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(observation);
        var since = At(node) is not { } at ? "does not answer over SSH"
            : FormattableString.Invariant($"has not answered over SSH for {(observation.At - at).TotalSeconds:0} s");
        return $"the host of {node} {since}{(observation.Host(node) is { Detail.Length: > 0 } host ? $": {host.Detail}" : "")}";
    }

    public HostProofs Looked(ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(observation);
        var found = ByNode;
        foreach (var host in observation.Hosts.Where(host => host.IsReachable))
            found = found.SetItem(host.Node, host.At);
        return ReferenceEquals(found, ByNode) ? this : new HostProofs { ByNode = found };
    }
}
