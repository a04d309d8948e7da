using PgReplWatchdog.Deciding;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Page;

/// <summary>The last hour's lag of each node, in memory: of every <see cref="Step"/> the worst that a check saw. What was not known is a gap.</summary>
public sealed record LagHistory(ImmutableArray<string> Nodes)
{
    public static readonly TimeSpan Step = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan Span = TimeSpan.FromHours(1);

    private static readonly int Capacity = (int)(Span / Step);

    /// <summary>Oldest first.</summary>
    public ImmutableArray<LagSample> Samples { get; init; } = [];

    public static LagHistory Of(ClusterSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return new([.. spec.Nodes.Select(node => node.Name)]);
    }

    public LagHistory Add(DateTimeOffset time, Decision decision)
    {
        ArgumentNullException.ThrowIfNull(decision);
        var at = new DateTimeOffset(time.UtcTicks - (time.UtcTicks % Step.Ticks), TimeSpan.Zero);
        ImmutableArray<long?> seen = [.. Nodes.Select(node => decision.Lags.GetValueOrDefault(node)?.ReplayBytes)];
        if (Samples is [.., var last] && last.Time >= at) // also where the clock was set back: time goes on when it has caught up
            return this with { Samples = Samples.SetItem(Samples.Length - 1, last with { ReplayBytes = [.. last.ReplayBytes.Zip(seen, Worse)] }) };
        return this with { Samples = (Samples.Length < Capacity ? Samples : Samples.RemoveAt(0)).Add(new LagSample(at, seen)) };
    }

    /// <summary>The most that was seen of a node in the hour, and when; null where nothing was.</summary>
    public (long Bytes, DateTimeOffset At)? Worst(string node)
    {
        var index = Nodes.IndexOf(node);
        return index < 0 ? null : Samples.Where(sample => sample.ReplayBytes[index] is not null).Select(sample => ((long, DateTimeOffset)?)(sample.ReplayBytes[index]!.Value, sample.Time))
            .MaxBy(seen => seen!.Value.Item1);
    }

    private static long? Worse(long? one, long? other) => one is null ? other : other is null ? one : Math.Max(one.Value, other.Value);
}

/// <summary>What was seen in one step of time.</summary>
/// <param name="Time">Its beginning.</param>
/// <param name="ReplayBytes">WAL that the primary had written and the node had not replayed, in the order of the nodes; null where not known, and of the primary.</param>
public sealed record LagSample(DateTimeOffset Time, ImmutableArray<long?> ReplayBytes);
