using System.Globalization;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;
using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>Each node: what it answered, what its host answered, what it says it is, and its way back into the cluster.</summary>
internal sealed class NodeMetrics
{
    private const string Sql = "sql";
    private const string Ssh = "ssh";

    private readonly Gauge info, probeSuccess, lastAnswer, started, timeline, diskFree, replaced;
    private readonly StateSet reach, hostReach, role, returning;
    private readonly Counter probes;

    public NodeMetrics(MetricList list)
    {
        string[] ofNode = ["cluster", "node"];
        info = list.Gauge("node_info", "Where a node is, and its version when it answered last; always 1.", "cluster", "node", "host", "port", "server_version");
        probeSuccess = list.Gauge("node_probe_success", "1 when the node answered the last check's question.", ofNode);
        reach = list.StateSet("node_reach", "How far the last check's question over SQL got.", Enum.GetNames<Reach>(), "cluster", "node", "reach");
        hostReach = list.StateSet("host_reach", "How far the last question to the node's host over SSH got; some 10 s old in quiet times.", Enum.GetNames<HostReach>(), "cluster", "node", "reach");
        probes = list.Counter("probes_total", "Questions asked, over SQL (reach) and over SSH (host_reach), by how far they got.", "cluster", "node", "probe", "reach");
        role = list.StateSet("node_role", "What the server says it is.", Enum.GetNames<Role>(), "cluster", "node", "role");
        lastAnswer = list.Gauge("node_last_answer_timestamp_seconds", "When the node answered last over SQL; 0 for not since the watchdog was started.", ofNode);
        started = list.Gauge("node_start_timestamp_seconds", "pg_postmaster_start_time(): another one is a restart.", ofNode);
        timeline = list.Gauge("node_timeline", "PostgreSQL timeline written or followed.", ofNode);
        diskFree = list.Gauge("host_disk_free_bytes", "Free space of the data directory's or pg_wal's filesystem, whichever has less, when the host was asked last.", ofNode);
        replaced = list.Gauge("node_replaced", "1 for a node that a failover replaced and that does not stream from the new primary yet: it is stopped wherever it serves as primary.", ofNode);
        returning = list.StateSet("node_return_step", "What was tried last to make the node a standby of the primary; all 0 where nothing is to be done.",
            Enum.GetNames<ReturnStep>().Where(step => step != nameof(ReturnStep.Unknown)), "cluster", "node", "step");
    }

    public void Announce(ClusterSpec spec)
    {
        foreach (var node in spec.Nodes)
        {
            foreach (var state in reach.States.Where(state => state != nameof(Reach.Unknown)))
                probes.WithLabels(spec.Name, node.Name, Sql, state).Inc(0);
            foreach (var state in hostReach.States.Where(state => state != nameof(HostReach.Unknown)))
                probes.WithLabels(spec.Name, node.Name, Ssh, state).Inc(0);
        }
    }

    /// <summary>Each answer counts once: of a host that was not asked again, the look before has the same.</summary>
    public void Count(Finding? before, Finding finding)
    {
        foreach (var node in finding.Observation.Nodes.Where(node => node.Reach != Reach.Unknown))
            probes.WithLabels(finding.Cluster, node.Node, Sql, node.Reach.ToString()).Inc();
        foreach (var host in finding.Observation.Hosts.Where(host => host.Reach != HostReach.Unknown && host.At != before?.Observation.Host(host.Node)?.At))
            probes.WithLabels(finding.Cluster, host.Node, Ssh, host.Reach.ToString()).Inc();
    }

    public void Write(Finding finding)
    {
        foreach (var node in finding.Spec.Nodes)
            Write(finding, node, finding.Observation.Find(node.Name), finding.Observation.Host(node.Name));
    }

    private void Write(Finding finding, NodeSpec node, NodeObservation? seen, HostObservation? host)
    {
        string[] labels = [finding.Cluster, node.Name];
        var answer = finding.Answers.GetValueOrDefault(node.Name);
        info.SetInfo(labels.Length, [.. labels, node.Host, node.Port.ToString(CultureInfo.InvariantCulture), Version(answer)]);
        probeSuccess.WithLabels(labels).Set(seen?.Server is null ? 0 : 1);
        reach.Set(labels, (seen?.Reach ?? Reach.Unknown).ToString());
        hostReach.Set(labels, (host?.Reach ?? HostReach.Unknown).ToString());
        role.Set(labels, (seen?.Server?.Role ?? Role.Unknown).ToString());
        lastAnswer.WithLabels(labels).Set(answer?.At.ToSeconds() ?? 0);
        started.SetOrRemove(seen?.Server?.StartedAt.ToSeconds(), labels);
        timeline.SetOrRemove(seen?.Server?.Timeline, labels);
        diskFree.SetOrRemove(host?.FreeBytes, labels);
        replaced.WithLabels(labels).Set(finding.Memory.Replaced.Contains(node.Name) ? 1 : 0);
        returning.Set(labels, finding.Memory.Returning.Where(back => back.Node == node.Name).Select(back => back.Step.ToString()));
    }

    /// <summary>server_version_num as people say it: 150018 is 15.18, 90624 is 9.6.24.</summary>
    private static string Version(LastAnswer? answer) => answer?.VersionNumber switch
    {
        null => "",
        >= 100000 and var number => string.Create(CultureInfo.InvariantCulture, $"{number / 10000}.{number % 10000}"),
        { } number => string.Create(CultureInfo.InvariantCulture, $"{number / 10000}.{number / 100 % 100}.{number % 100}"),
    };
}
