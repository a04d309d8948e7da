using System.Globalization;
using System.Net;

namespace PgReplWatchdog.Operating;

/// <summary>
/// What HAProxy's agent-check is told of a node: "ready up", "down", or a comment alone, which leaves the server as it
/// is (HAProxy configuration manual, agent-check). A proxy hears that a node is the primary only after this process
/// told it that every other node of the cluster is not.
/// </summary>
/// <param name="find">The roles in the cluster of that name at this moment; null where there is no such cluster.</param>
/// <param name="clock">When a proxy asked.</param>
public sealed class AgentAnswers(Func<string, NodeRoles?> find, TimeProvider clock)
{
    /// <summary>A proxy that has not asked about a node for this long has no server of that name.</summary>
    public static readonly TimeSpan Forgotten = TimeSpan.FromSeconds(10);

    /// <summary>Proxies that are remembered at once. Names are the clients' own: they must not fill the memory.</summary>
    public const int ProxyLimit = 1000;

    private const string Form =
        "agent-send has to be CLUSTER NODE primary [PROXY] or CLUSTER NODE replica [LAG_BYTES]";

    private readonly Dictionary<(IPAddress Address, string Name, string Cluster), Proxy> proxies = [];
    private readonly Lock gate = new();

    /// <summary>The answer to a line, both without line end.</summary>
    public string To(string question, IPAddress client)
    {
        ArgumentNullException.ThrowIfNull(question);
        if (question.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            is not [var cluster, var node, var role, .. { Length: <= 1 } rest])
            return Nothing(Form);
        if (find(cluster)?.Spec.Has(node) is null)
            return Nothing("there is no such node in the configuration of pgwatchdog");
        return role switch
        {
            "primary" => Primary(cluster, node, (client, rest.FirstOrDefault() ?? "", cluster)),
            "replica" when rest is [] => Say(find(cluster)!.Replica(node, null)),
            "replica" when long.TryParse(rest[0], NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) =>
                Say(find(cluster)!.Replica(node, bytes)),
            _ => Nothing(Form),
        };
    }

    private string Primary(string cluster, string node, (IPAddress, string, string) asker)
    {
        lock (gate)
        {
            if (Known(asker) is not { } proxy)
                return Nothing(string.Create(CultureInfo.InvariantCulture, $"more than {ProxyLimit} proxies ask"));
            // A proxy that was not heard for a while, or that this process did not hear, has the servers that it had.
            if (clock.GetElapsedTime(proxy.Last) > Forgotten / 2)
            {
                proxy.First = clock.GetTimestamp();
                proxy.Asked.Clear();
            }
            proxy.Asked[node] = proxy.Last = clock.GetTimestamp();
            var roles = find(cluster)!; // not before the lock is held: an older role must not be told after a newer one
            var answer = roles.Primary(node);
            if (answer.Yes is false)
                proxy.Down.Add(node);
            if (answer.Yes is not true)
                return Say(answer);
            var others = roles.Spec.Nodes.Select(spec => spec.Name).Where(name => name != node);
            if (others.FirstOrDefault(other => MayBeUp(proxy, other)) is { } waitsFor)
                return Nothing($"{answer.Reason}; this proxy has yet to hear that {waitsFor} is not");
            proxy.Down.Remove(node);
            return Say(answer);
        }
    }

    /// <summary>It has not been told that the node is down, and it may have a server of that name.</summary>
    private bool MayBeUp(Proxy proxy, string node) => !proxy.Down.Contains(node)
        && clock.GetElapsedTime(proxy.Asked.GetValueOrDefault(node, proxy.First)) <= Forgotten;

    private Proxy? Known((IPAddress, string, string) asker)
    {
        if (proxies.TryGetValue(asker, out var known))
            return known;
        if (proxies.Count >= ProxyLimit)
        {
            var gone = proxies.Where(proxy => clock.GetElapsedTime(proxy.Value.Last) > Forgotten);
            foreach (var (one, _) in gone.ToList())
                proxies.Remove(one);
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
        /// <summary>Since when it has asked without a long break.</summary>
        public long First { get; set; } = first;
        public long Last { get; set; } = first;
        public Dictionary<string, long> Asked { get; } = [];
        public HashSet<string> Down { get; } = [];
    }
}
