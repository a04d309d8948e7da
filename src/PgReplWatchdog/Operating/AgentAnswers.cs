using System.Globalization;
using System.Net;

namespace PgReplWatchdog.Operating;

/// <summary>
/// What HAProxy's agent-check is told of a node: "ready up", "down", or a comment alone, which leaves the server as it is (HAProxy
/// configuration manual, agent-check). A proxy hears that a node is the primary only after it heard from this process that every other node
/// of the cluster is not: two servers are never up at once.
/// </summary>
public sealed class AgentAnswers(WatchedClusters clusters, TimeProvider clock)
{
    /// <summary>A proxy that has not asked about a node for this long has no server of that name.</summary>
    public static readonly TimeSpan Forgotten = TimeSpan.FromSeconds(10);

    /// <summary>Proxies that are remembered at once.</summary>
    internal const int ProxyLimit = 1000;

    private const string Form = "agent-send has to be CLUSTER NODE primary [PROXY] or CLUSTER NODE replica [LAG_BYTES]";

    private readonly Dictionary<(IPAddress Address, string Name, string Cluster), Proxy> proxies = [];
    private readonly Lock gate = new();

    /// <summary>The answer to a line, both without line end.</summary>
    public string To(string question, IPAddress client)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (question.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [var cluster, var node, var role, .. { Length: <= 1 } rest])
            return Nothing(Form);
        if (clusters.Find(cluster) is not { } watchdog || watchdog.Spec.Has(node) is null)
            return Nothing("there is no such node in the configuration of pgwatchdog");
        return role switch
        {
            "primary" => Primary(watchdog, node, (client, rest.FirstOrDefault() ?? "", cluster)),
            "replica" when rest is [] => Say(NodeRoles.Of(watchdog).Replica(node, null)),
            "replica" when long.TryParse(rest[0], NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) => Say(NodeRoles.Of(watchdog).Replica(node, bytes)),
            _ => Nothing(Form),
        };
    }

    private string Primary(Watchdog watchdog, string node, (IPAddress, string, string) asker)
    {
        lock (gate)
        {
            if (Known(asker) is not { } proxy)
                return Nothing(string.Create(CultureInfo.InvariantCulture, $"more than {ProxyLimit} proxies ask"));
            proxy.Asked[node] = proxy.Last = clock.GetTimestamp();
            var answer = NodeRoles.Of(watchdog).Primary(node);
            if (answer.Yes is false)
                proxy.Down.Add(node);
            if (answer.Yes is not true)
                return Say(answer);
            if (watchdog.Spec.Nodes.Select(spec => spec.Name).FirstOrDefault(other => other != node && MayBeUp(proxy, other)) is { } waitsFor)
                return Nothing($"{answer.Reason}; this proxy has yet to hear that {waitsFor} is not");
            proxy.Down.Remove(node);
            return Say(answer);
        }
    }

    /// <summary>It has not been told that the node is down, and it may have a server of that name.</summary>
    private bool MayBeUp(Proxy proxy, string node) =>
        !proxy.Down.Contains(node) && clock.GetElapsedTime(proxy.Asked.GetValueOrDefault(node, proxy.First)) <= Forgotten;

    private Proxy? Known((IPAddress, string, string) asker)
    {
        if (proxies.TryGetValue(asker, out var known))
            return known;
        if (proxies.Count >= ProxyLimit)
        {
            foreach (var gone in proxies.Where(proxy => clock.GetElapsedTime(proxy.Value.Last) > Forgotten).Select(proxy => proxy.Key).ToList())
                proxies.Remove(gone);
        }
        return proxies.Count >= ProxyLimit ? null : proxies[asker] = new Proxy(clock.GetTimestamp());
    }

    private static string Say(RoleAnswer answer) => answer.Yes switch
    {
        true => $"ready up #{answer.Reason}",
        false => $"down #{answer.Reason}",
        null => Nothing(answer.Reason),
    };

    private static string Nothing(string reason) => "#" + reason;

    /// <summary>What one proxy was told of the nodes of one cluster.</summary>
    private sealed class Proxy(long first)
    {
        public long First { get; } = first;
        public long Last { get; set; } = first;
        public Dictionary<string, long> Asked { get; } = [];
        public HashSet<string> Down { get; } = [];
    }
}
