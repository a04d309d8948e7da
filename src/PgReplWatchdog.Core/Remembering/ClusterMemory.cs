using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// What must outlive the watchdog's process, journaled before anything is done with it. The one record that says who is to
/// be primary: nothing else decides which of two primaries is the right one.
/// </summary>
public sealed record ClusterMemory
{
    public static readonly ClusterMemory Empty = new();

    /// <summary>The node that is to be primary; null until one has been seen.</summary>
    public string? IntendedPrimary { get; init; }

    /// <summary>Grows by one each time the intended primary changes, and never shrinks.</summary>
    public long Epoch { get; init; }

    /// <summary>The cluster's system identifier, from the first primary seen.</summary>
    public ulong? SystemIdentifier { get; init; }

    /// <summary>The newest timeline seen on the intended primary.</summary>
    public uint NewestTimeline { get; init; }

    /// <summary>The history of that timeline, by the host of the intended primary; null where it has not told.</summary>
    public TimelineHistory? History { get; init; }

    /// <summary>What an operator gave up by naming another primary: a replaced node that serves on it, or on one before, is stale. Null where nothing was.</summary>
    public AbandonedTimeline? Abandoned { get; init; }

    /// <summary>Where the primary's WAL was, recorded now and then, so that a restarted watchdog can still judge a candidate.</summary>
    public PrimaryPosition? LastPosition { get; init; }

    /// <summary>Nodes that a failover of ours replaced and that do not stream from the new primary yet: fenced wherever they serve as primary, then rejoined.</summary>
    public ImmutableArray<string> Replaced { get; init; } = [];

    /// <summary>Standbys that are to be pointed at the intended primary and do not stream from it yet.</summary>
    public ImmutableArray<string> Following { get; init; } = [];

    /// <summary>Those of them for which something was tried, or given up.</summary>
    public ImmutableArray<ReturningNode> Returning { get; init; } = [];

    /// <summary>The guard that is known to be armed, and with what; null from the moment before anything about it is changed.</summary>
    public ArmedGuard? Guard { get; init; }

    /// <summary>Another watchdog of this cluster, from the look that saw it until the expected primary shows it no more; null where none was seen.</summary>
    public OtherWatchdog? Other { get; init; }

    /// <summary>The watchdog that an operator has declared lost: its lease may be replaced. Empty where there is none, or its session was seen since.</summary>
    public string LostOwner { get; init; } = "";

    /// <summary>A later role change than any of this record: it is an old one. Null where no host showed one.</summary>
    public LaterEpoch? Later { get; init; }

    /// <summary>The failover under way; null most of the time.</summary>
    public Procedure? Procedure { get; init; }

    /// <summary>The last automatic failover that ran to an end, good or bad.</summary>
    public FinishedFailover? LastFailover { get; init; }

    /// <summary>The primary was last seen from this host, in this boot. Else the record may be a copy, and the watchdog that wrote it may live (docs/decisions/0018).</summary>
    public bool IsOf(string boot) => boot.Length > 0 && LastPosition?.Boot == boot;

    /// <summary>The operator gave this timeline of a replaced node up.</summary>
    public bool HasAbandoned(string node, uint timeline) =>
        Abandoned is { } abandoned && abandoned.Epoch == Epoch && Replaced.Contains(node) && timeline <= abandoned.Timeline;

    /// <summary>
    /// Without what concerns nodes that have left the configuration since: nothing can be asked of them and nothing done there. And without another watchdog's lease, of a state directory
    /// that was copied. The same instance where there is nothing of that.
    /// </summary>
    public ClusterMemory Within(ClusterSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var guard = Guard is { } armed && armed.Order.Vouchers.Append(armed.Node).All(name => spec.Has(name) is not null)
            && (spec.Owner.Length == 0 || armed.Order.Owner.Length == 0 || armed.Order.Owner == spec.Owner) ? armed : null;
        var known = Replaced.Concat(Following).Concat(Returning.Select(node => node.Node)).All(name => spec.Has(name) is not null)
            && ReferenceEquals(guard, Guard) && ReferenceEquals(Procedure?.Within(spec), Procedure);
        return known ? this : this with
        {
            Replaced = Replaced.RemoveAll(name => spec.Has(name) is null),
            Following = Following.RemoveAll(name => spec.Has(name) is null),
            Returning = Returning.RemoveAll(node => spec.Has(node.Node) is null),
            Guard = guard,
            Procedure = Procedure?.Within(spec),
        };
    }
}

/// <summary>A WAL position of the primary.</summary>
/// <param name="Lsn">The position.</param>
/// <param name="Time">When it was seen, wall clock.</param>
/// <param name="Boot">Of the watchdog's host that saw it (<see cref="Observing.ClusterObservation.Boot"/>); empty where a journal does not say.</param>
public sealed record PrimaryPosition(Lsn Lsn, DateTimeOffset Time, string Boot = "");

/// <summary>A timeline that an operator gave up by naming another primary.</summary>
/// <param name="Timeline">The newest number on record then.</param>
/// <param name="Epoch">The epoch that began with it: in a later one it says nothing.</param>
public sealed record AbandonedTimeline(uint Timeline, long Epoch);

/// <summary>A role change that this record does not know.</summary>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Primary">The primary from then on.</param>
/// <param name="Node">The node whose host has it on record.</param>
public sealed record LaterEpoch(long Epoch, string Primary, string Node);

/// <summary>Another watchdog of the same cluster.</summary>
/// <param name="Owner">Its name (<see cref="ClusterSpec.Owner"/>).</param>
/// <param name="Node">The node that showed its session, or whose guard has its lease.</param>
/// <param name="Address">From where it asks; empty where only its lease was seen.</param>
public sealed record OtherWatchdog(string Owner, string Node, string Address)
{
    public string Described => Address.Length > 0 ? $"watchdog {Owner} at {Address} (its session is on {Node})" : $"watchdog {Owner} (its lease arms the guard of {Node})";
}

/// <summary>A guard that was seen armed, on a primary.</summary>
/// <param name="Node">The primary.</param>
/// <param name="Order">What the guard is armed with.</param>
/// <param name="SeenAt">When the guard was seen last, wall clock, to within the interval of records; null where a journal does not say.</param>
public sealed record ArmedGuard(string Node, GuardOrder Order, DateTimeOffset? SeenAt = null)
{
    /// <summary>The same guard with the same order, whenever it was seen.</summary>
    public bool IsSameAs(ArmedGuard? other) => other is not null && other.Node == Node && other.Order == Order;
}

/// <summary>A node on its way to stream from the intended primary.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Step">What was tried last.</param>
/// <param name="Attempts">How often that was tried.</param>
/// <param name="TriedAt">When it was tried last, wall clock.</param>
public sealed record ReturningNode(string Node, ReturnStep Step, int Attempts, DateTimeOffset TriedAt);

/// <summary>Ways for a node to stream from the intended primary.</summary>
public enum ReturnStep
{
    Unknown,

    /// <summary>The primary was told to keep the WAL that the node will need.</summary>
    Reserve,

    /// <summary>A running standby is pointed at the primary.</summary>
    Repoint,

    /// <summary>The primary makes the checkpoint without which pg_rewind finds nothing to do.</summary>
    Checkpoint,

    /// <summary>A stopped node is rewound (pg_rewind), or copied anew where that fails, and started as a standby.</summary>
    Rejoin,

    /// <summary>Neither worked: a person is needed.</summary>
    GivenUp,
}
