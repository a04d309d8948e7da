using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>What has to be on the hosts before a server is told to archive there.</summary>
public static class ArchivePlan
{
    public static IEnumerable<SetupStep> Steps(ClusterSpec spec, ImmutableArray<NodeFacts> facts)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Replication.Archiving != Archiving.Ship)
            return [];
        var nodes = facts.Select(node => (Facts: node, Spec: spec.Node(node.Node))).ToList();
        var install = nodes.Where(node => !node.Facts.ArchiveCurrent).Select(node => new SetupStep.InstallArchive(node.Spec.Name, node.Spec.Archive, node.Spec.ArchiveDirectory)).ToList();
        var authorize = nodes.Where(node => !node.Facts.ArchivePeersCurrent).Select(node => new SetupStep.AuthorizeArchive(node.Spec.Name, Others(node.Spec))).ToList();
        // Each way depends on both ends.
        var prove = install.Count + authorize.Count == 0 ? [] : nodes.Select(node => new SetupStep.ProveArchive(node.Spec.Name, Others(node.Spec)));
        return [.. install, .. authorize, .. prove];

        ImmutableArray<string> Others(NodeSpec node) => [.. spec.Nodes.Where(other => other.Name != node.Name).Select(other => other.Name)];
    }
}
