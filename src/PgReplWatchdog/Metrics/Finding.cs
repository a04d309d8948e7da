using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Metrics;

/// <summary>What one check found, and what is known of nodes that do not answer.</summary>
/// <param name="Spec">The cluster.</param>
/// <param name="Observation">What was seen.</param>
/// <param name="Decision">What was concluded.</param>
/// <param name="Answers">Each node's last answer in this process.</param>
internal sealed record Finding(ClusterSpec Spec, ClusterObservation Observation, Decision Decision, ImmutableDictionary<string, LastAnswer> Answers)
{
    public string Cluster => Spec.Name;

    public ClusterMemory Memory => Decision.Memory;

    /// <summary>The finding of the next check.</summary>
    public static Finding After(Finding? before, ClusterSpec spec, ClusterObservation observation, Decision decision) => new(spec, observation, decision,
        (before?.Answers ?? ImmutableDictionary<string, LastAnswer>.Empty).SetItems(
            from node in observation.Nodes
            where node.Server is not null
            select KeyValuePair.Create(node.Node, new LastAnswer(observation.Time - node.AnsweredAgo, node.Server!.VersionNumber))));
}

/// <summary>When a node answered last, and as what version.</summary>
internal sealed record LastAnswer(DateTimeOffset At, int VersionNumber);
