using System.Net;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Simulation;

/// <summary>
/// HAProxy as shipped (deploy/haproxy): it asks the watchdog's agent about each node twice a second, and leaves a server as it is where it gets no answer, or
/// one that says neither (docs/decisions/0016).
/// </summary>
internal sealed class LoadBalancer(World world, Clock clock)
{
    /// <summary>Steps between two questions about a node. Each node has its own phase.</summary>
    private const int Interval = 5;

    private readonly bool[] isUp = new bool[Setting.MostNodes];
    private Watchdog? watchdog;
    private AgentAnswers? agent;

    /// <summary>Servers start in MAINT.</summary>
    public IEnumerable<Node> Up => world.Nodes.Where(node => isUp[node.Index]);

    /// <summary>The watchdog's process: each remembers only what it has said itself.</summary>
    public void Ask(Watchdog next) => (watchdog, agent) = (next, new AgentAnswers(_ => NodeRoles.Of(next), clock));

    public void Step(int steps)
    {
        if (world.IsWatchdogAway || agent is null)
            return;
        foreach (var node in world.Nodes.Where(node => (steps + node.Index) % Interval == 0))
            Hear(node, agent.To($"{world.Setting.Spec.Name} {node} primary", IPAddress.Loopback));
    }

    private void Hear(Node node, string answer)
    {
        var before = isUp[node.Index];
        isUp[node.Index] = answer.StartsWith("ready up", StringComparison.Ordinal) || (before && !answer.StartsWith("down", StringComparison.Ordinal));
        if (isUp[node.Index] == before)
            return;
        if (world.Trace is not null)
            world.Tell($"the load balancer hears of {node}: {answer}");
        if (Up.Count() > 1)
            world.Truth.Violated("Roles", $"the load balancer sends writes to {string.Join(" and ", Up)}");
    }

    /// <summary>After a check: what it says of the primary that there is.</summary>
    /// <param name="looked">When its last look began.</param>
    public void Judge(double looked)
    {
        var roles = NodeRoles.Of(watchdog!);
        foreach (var node in world.Nodes)
            world.Truth.LookAtRole(node, roles.Primary(node.Name), looked, roles);
    }
}
