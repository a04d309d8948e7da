using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Remembering;

/// <summary>What is remembered from check to check and goes with the process: a watchdog that starts anew counts silence anew.</summary>
public sealed record WorkingMemory
{
    public static readonly WorkingMemory Empty = new();

    public Suspicion Suspicion { get; init; } = Suspicion.None;
    public PrimaryTrail Trail { get; init; } = PrimaryTrail.Empty;
    public Receipts Receipts { get; init; } = Receipts.None;
    public Replays Replays { get; init; } = Replays.None;
    public HostProofs Hosts { get; init; } = HostProofs.None;
    public Flushing Flushing { get; init; } = Flushing.None;
    public Arrivals Arrivals { get; init; } = Arrivals.None;
    public Claim Claim { get; init; } = Claim.None;
    public Moments Moments { get; init; } = Moments.None;
    public Sight Sight { get; init; } = Sight.None;
    public FlushBounds FlushBounds { get; init; } = FlushBounds.None;
    public FollowedTimelines Followed { get; init; } = FollowedTimelines.None;

    /// <summary>The last look on both clocks; null before the first.</summary>
    public (TimeSpan At, DateTimeOffset Time)? LookedAt { get; init; }

    /// <summary>
    /// The wall clock has gone on and the monotonic one has not, as where the watchdog's host was suspended (clock_gettime(2), CLOCK_MONOTONIC):
    /// what was seen of the primary and its guard is older than it looks, and is forgotten. A wall clock that was set looks the same.
    /// </summary>
    public WorkingMemory Awake(ClusterObservation observation, TimeSpan limit)
    {
        ArgumentNullException.ThrowIfNull(observation);
        return LookedAt is { } last && observation.Time - last.Time - (observation.At - last.At) > limit
            ? this with { GuardSeenAt = null, FlushBounds = FlushBounds.None, Trail = PrimaryTrail.Empty, Sight = Sight.Forgotten }
            : this;
    }

    /// <summary>The timeline that the expected primary wrote in the last look: one look alone puts none on record.</summary>
    public uint SeenTimeline { get; init; }

    /// <summary>The system identifier that the primary showed in the last look; null where none was seen.</summary>
    public ulong? SeenSystem { get; init; }

    /// <summary>The operator's request of the last look: what keeps it waiting is said once.</summary>
    public AdoptionRequest? AdoptionTold { get; init; }

    /// <summary>The same for a request to take over.</summary>
    public TakeoverRequest? TakeoverTold { get; init; }

    /// <summary>Another watchdog that was seen: also while that cannot be put on record.</summary>
    public OtherWatchdog? Other { get; init; }

    /// <summary>Since when a watchdog with this one's name is on record, on the monotonic clock; null where none is.</summary>
    public TimeSpan? NamesakeAt { get; init; }

    /// <summary>When each host was last told the epoch, on the monotonic clock.</summary>
    public ImmutableDictionary<string, TimeSpan> MarkedAt { get; init; } = ImmutableDictionary<string, TimeSpan>.Empty;

    /// <summary>The process's first look, on the monotonic clock.</summary>
    public TimeSpan? StartedAt { get; init; }

    /// <summary>When the guard with the order on record was last seen, on the monotonic clock; null where nobody knows.</summary>
    public TimeSpan? GuardSeenAt { get; init; }

    /// <summary>Since when no standby could be promoted for a primary that vanished, on the monotonic clock; null while one could.</summary>
    public TimeSpan? NobodySince { get; init; }

    /// <summary>When this process saw the intended primary serve last, or its own first look, on the monotonic clock.</summary>
    public TimeSpan? ServedAt { get; init; }

    /// <summary>The node whose guard may be armed: ordered by this process, or by one before it. Null once its host has confirmed that it is not.</summary>
    public string? MayBeArmed { get; init; }

    /// <summary>The look after the last action that had to wait for a host while a lease may be armed, on the monotonic clock.</summary>
    public TimeSpan? WaitedAt { get; init; }

    /// <summary>When the guard was last told something, on the monotonic clock.</summary>
    public TimeSpan? GuardToldAt { get; init; }
}

/// <summary>
/// Up to where each standby has received WAL, and since when: its walreceiver's last message, or the look in which it was found there first. Since then it has
/// acknowledged nothing that the primary wrote, whether it could be asked in between or not. Nor has it let a primary start anew: the sessions in which it is asked
/// stay for longer than what the primary may do with the answer, unless it has been restarted itself.
/// </summary>
public sealed record Receipts
{
    public static readonly Receipts None = new();

    private ImmutableDictionary<string, Receipt> ByNode { get; init; } = ImmutableDictionary<string, Receipt>.Empty;

    /// <summary>When it was found first where it is now; null where that is not known.</summary>
    public TimeSpan? Since(string node) => ByNode.TryGetValue(node, out var receipt) ? receipt.Since : null;

    public Receipts Looked(ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(observation);
        var found = ByNode;
        foreach (var (node, server) in observation.Nodes.Where(node => node.IsServingStandby).Select(node => (node.Node, node.Server!)))
        {
            if (Lsn.Greater(server.ReceivedLsn, server.ReplayedLsn) is not { } position)
                found = found.Remove(node);
            else if (!found.TryGetValue(node, out var before) || before.StartedAt != server.StartedAt
                || (server.BootChecks.Length > 0 && before.BootChecks != server.BootChecks))
                found = found.SetItem(node, new Receipt(position, server.StartedAt, server.BootChecks, observation.At, observation.At));
            else if (before.Position == position)
                found = found.SetItem(node, before with { LookedAt = observation.At });
            else
            {
                // Never before the look that found less: the standby's clock may have been set forward since its last message.
                var heard = observation.At - (observation.Find(node)!.HeardAgo ?? TimeSpan.Zero);
                found = found.SetItem(node, before with { Position = position, Since = heard > before.LookedAt ? heard : before.LookedAt, LookedAt = observation.At });
            }
        }
        return new Receipts { ByNode = found };
    }

    private readonly record struct Receipt(Lsn Position, DateTimeOffset StartedAt, string BootChecks, TimeSpan Since, TimeSpan LookedAt);
}

/// <summary>
/// Since when WAL that a primary has inserted is not on its disk. WAL is flushed within some wal_writer_delay (manual, "Asynchronous Commit"), and each check inserts some;
/// where that goes on and on, storage hangs: no commit comes to its end, while questions are answered from memory.
/// </summary>
/// <param name="Node">The primary.</param>
/// <param name="StartedAt">Of its server: one that was started anew has flushed.</param>
/// <param name="Wanted">Up to where it was inserted when everything before was flushed last.</param>
/// <param name="Since">When that was, on the monotonic clock.</param>
public sealed record Flushing(string? Node, DateTimeOffset StartedAt, Lsn Wanted, TimeSpan Since)
{
    public static readonly Flushing None = new(null, default, default, TimeSpan.Zero);

    public Flushing Looked(ClusterObservation observation, string? intended)
    {
        ArgumentNullException.ThrowIfNull(observation);
        return observation.Find(intended) is not { IsServingPrimary: true, Server: { FlushLsn: { } flushed, InsertLsn: { } inserted } server } ? None
            : Node == intended && StartedAt == server.StartedAt && flushed < Wanted && inserted > Wanted ? this // the insert position alone may lie behind a page's header
            : new Flushing(intended, server.StartedAt, inserted, observation.At);
    }

    /// <summary>Zero where nothing hangs.</summary>
    public TimeSpan HangsFor(TimeSpan now) => Node is null ? TimeSpan.Zero : now - Since;
}

/// <summary>Since when the primary has been silent, and since when the present finding stands, on the watchdog's monotonic clock.</summary>
/// <param name="LastCheckAt">The last look; null before the first.</param>
/// <param name="LastSignOfLife">
/// The last moment at which any vantage point had a sign of life of the primary, or at which this watchdog could not have noticed its absence
/// (its start, a pause of its own, an answer that says nothing).
/// </param>
public sealed record Suspicion(TimeSpan? LastCheckAt, TimeSpan LastSignOfLife)
{
    public static readonly Suspicion None = new(null, TimeSpan.Zero);

    /// <summary>The last moment at which the primary was seen or heard to live. A pause of the watchdog's own does not move it: what lies in the pause nobody saw.</summary>
    public TimeSpan LastHeard { get; init; }

    /// <summary>The verdict that has stood without a break, if it is one that may lead to a failover; else empty.</summary>
    public string Finding { get; init; } = "";

    /// <summary>Since when it stands: since the answer of the primary that it rests on, however long the other vantage points took.</summary>
    public TimeSpan FindingSince { get; init; }

    /// <summary>How many looks in a row found it: one alone never leads to a failover, however long the silence.</summary>
    public int Looks { get; init; }

    public TimeSpan SilenceAt(TimeSpan now) => now > LastSignOfLife ? now - LastSignOfLife : TimeSpan.Zero;

    public TimeSpan StandsFor(TimeSpan now) => Looks > 0 ? now - FindingSince : TimeSpan.Zero;

    /// <summary>
    /// One more look. <paramref name="signOfLife"/> is null where the look brought none, <paramref name="heard"/> where it brought no evidence that the primary lives;
    /// <paramref name="finding"/> is empty where it found nothing to act on, and was found <paramref name="foundAgo"/>.
    /// </summary>
    public Suspicion Looked(TimeSpan at, TimeSpan? signOfLife, TimeSpan lateAfter, string finding, TimeSpan? heard = null, TimeSpan foundAgo = default)
    {
        var watchdogWasAway = LastCheckAt is not { } last || at - last > lateAfter;
        var sign = watchdogWasAway ? at : signOfLife ?? LastSignOfLife;
        var stands = !watchdogWasAway && finding.Length > 0 && finding == Finding;
        return new Suspicion(at, sign > LastSignOfLife || LastCheckAt is null ? sign : LastSignOfLife)
        {
            LastHeard = LastCheckAt is null ? at : heard > LastHeard ? heard.Value : LastHeard,
            Finding = finding,
            FindingSince = stands ? FindingSince : at - foundAgo,
            Looks = finding.Length == 0 ? 0 : stands ? Looks + 1 : 1,
        };
    }
}

/// <summary>Where each standby's WAL ended in the last look, and which of them have more since: some primary writes and reaches them.</summary>
public sealed record Arrivals
{
    public static readonly Arrivals None = new();

    private ImmutableDictionary<string, Arrival> ByNode { get; init; } = ImmutableDictionary<string, Arrival>.Empty;

    /// <summary>
    /// Standbys that may have heard the intended primary since they answered last: they have more WAL, or were restarted, and had or have a walreceiver that may be connected to it,
    /// or were out of sight for long. One that is seen without a walreceiver replays what it has.
    /// </summary>
    public ImmutableArray<string> MayHaveHeard { get; private init; } = [];

    /// <summary>
    /// Standbys that stream and have received something since the look before, in which the intended primary did not serve either: what it had sent before it fell silent has
    /// arrived by then.
    /// </summary>
    public ImmutableArray<string> Receiving { get; private init; } = [];

    private bool IsSilent { get; init; }

    /// <param name="observation">The look.</param>
    /// <param name="memory">Whose primary it is about. A standby on a newer timeline than its newest follows somebody else.</param>
    /// <param name="longest">Out of sight for longer than this, a standby may have heard anything.</param>
    public Arrivals Looked(ClusterObservation observation, ClusterMemory memory, TimeSpan longest)
    {
        ArgumentNullException.ThrowIfNull(observation);
        ArgumentNullException.ThrowIfNull(memory);
        var found = ByNode;
        var heard = ImmutableArray.CreateBuilder<string>();
        var receiving = ImmutableArray.CreateBuilder<string>();
        foreach (var node in observation.Nodes)
        {
            if (node is not { IsServingStandby: true, Server: { } server } || Lsn.Greater(server.ReceivedLsn, server.ReplayedLsn) is not { } position)
                continue;
            var now = new Arrival(position, server.StartedAt, node.MayHear(memory.IntendedPrimary) || !server.TellsWalReceiver, observation.At);
            if (ByNode.TryGetValue(node.Node, out var before) && (before.StartedAt != now.StartedAt || position > before.Position))
            {
                if (server.Timeline <= memory.NewestTimeline && (before.MayHear || now.MayHear || now.At - before.At > longest))
                    heard.Add(node.Node);
                if (IsSilent && before.StartedAt == now.StartedAt && server.WalReceiver is { IsStreaming: true })
                    receiving.Add(node.Node);
            }
            found = found.SetItem(node.Node, now);
        }
        return new Arrivals
        {
            ByNode = found,
            MayHaveHeard = heard.ToImmutable(),
            Receiving = receiving.ToImmutable(),
            IsSilent = observation.Find(memory.IntendedPrimary) is not { IsServingPrimary: true },
        };
    }

    private readonly record struct Arrival(Lsn Position, DateTimeOffset StartedAt, bool MayHear, TimeSpan At);
}
