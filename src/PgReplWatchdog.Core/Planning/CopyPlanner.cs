using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>What a copy of the primary needs beside a data directory: tablespaces go straight to where they stay, and rsync has to be there.</summary>
internal static class CopyPlanner
{
    /// <summary>Why no copy can be made, each with what to do.</summary>
    public static IEnumerable<string> Refusals(ClusterSpec spec, NodeFacts primary, NodeFacts standby)
    {
        if (spec.CopyMethod == CopyMethod.Rsync)
        {
            foreach (var node in new[] { primary, standby }.Where(node => !node.HasRsync))
                yield return $"{node.Node}: rsync, ssh, ssh-keygen or ssh-keyscan is missing: install the packages rsync and openssh-client there, or set CopyMethod to BaseBackup";
        }
        foreach (var tablespace in primary.Tablespaces)
        {
            if (Refusal(spec, primary, standby, tablespace) is { } refusal)
                yield return refusal;
        }
    }

    /// <summary>A directory that an unfinished copy of ours has claimed is ready; the others are to be.</summary>
    public static IEnumerable<SetupStep> Prepare(ClusterSpec spec, NodeFacts primary, NodeFacts standby, SetupOptions options) =>
        from copy in Copies(spec, primary, standby)
        let directory = Directory(standby, copy.To)
        where directory is not { IsOfCopy: true }
        select new SetupStep.PrepareTablespace(standby.Node, copy.To, directory?.Entries > 0 ? $"{copy.To}.before-pgwatchdog-{options.Stamp}" : null);

    public static ImmutableArray<TablespaceCopy> Copies(ClusterSpec spec, NodeFacts primary, NodeFacts standby) =>
    [
        .. primary.Tablespaces.Select(tablespace => new TablespaceCopy(tablespace.Oid, tablespace.Location,
            TablespaceMove.Target(spec.Node(primary.Node), spec.Node(standby.Node), tablespace.Location))),
    ];

    private static TablespaceDirectory? Directory(NodeFacts standby, string path) => standby.TablespaceDirectories.FirstOrDefault(directory => directory.Path == path);

    private static string? Refusal(ClusterSpec spec, NodeFacts primary, NodeFacts standby, Tablespace tablespace)
    {
        var path = TablespaceMove.Target(spec.Node(primary.Node), spec.Node(standby.Node), tablespace.Location);
        var (what, account) = ($"{standby.Node}: tablespace {tablespace.Name} of {primary.Node} would be in {path}", "the account that PostgreSQL runs as");
        if (path != tablespace.Location && primary.Version is { MapsTablespaces: false } old)
            return $"{what}, and pg_basebackup of PostgreSQL {old}, by which a node comes back after a failover, puts it where it is on {primary.Node}: take the TablespaceMapping out";
        if (path == tablespace.Location && spec.Node(standby.Node).Host == spec.Node(primary.Node).Host)
            return $"{what}, and so it is on {primary.Node}, which is on the same host: give {standby.Node} a TablespaceMapping, \"{path}=/another/directory\"";
        return Directory(standby, path) switch
        {
            { IsOfCopy: true } => null,
            null => $"{what}, and nobody has looked what is there: run setup again",
            { Entries: null, Writable: false } => $"{what}, which is not there and cannot be made: create it, empty and owned by {account}, or give a TablespaceMapping",
            { Writable: false } => $"{what}, where {account} may not write: make it that account's, or give a TablespaceMapping",
            { Entries: > 0, IsOwn: false } => $"{what}, which is not empty and belongs to no data that is to be replaced: move away what is there, or give a TablespaceMapping",
            { Entries: > 0, ImmovableBecause: { } why } => $"{what}, which holds data and cannot be moved aside: it is {why}; move away what is in it, or give a TablespaceMapping",
            _ => null,
        };
    }
}
