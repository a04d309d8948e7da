namespace PgReplWatchdog.Topology;

/// <summary>A tablespace's directory in one place, and in another.</summary>
public sealed record TablespaceMove(string From, string To)
{
    /// <summary>Where a tablespace of one node is on another: the mappings are told from the directory that a node without one has.</summary>
    public static string Target(NodeSpec source, NodeSpec target, string location)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        var common = source.TablespaceMapping.FirstOrDefault(move => move.To == location)?.From ?? location;
        return target.TablespaceMapping.FirstOrDefault(move => move.From == common)?.To ?? common;
    }

    /// <summary>Every directory that may be another one on the target, as far as the mappings say.</summary>
    public static ImmutableArray<TablespaceMove> Between(NodeSpec source, NodeSpec target)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        var locations = source.TablespaceMapping.Select(move => move.To)
            .Concat(target.TablespaceMapping.Select(move => move.From).Except(source.TablespaceMapping.Select(move => move.From)));
        return [.. locations.Distinct().Select(location => new TablespaceMove(location, Target(source, target, location))).Where(move => move.From != move.To)];
    }
}
