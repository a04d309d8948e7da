namespace PgReplWatchdog.Observing;

/// <summary>One look at a whole cluster: every vantage point's answer under one stamp. No verdict in it.</summary>
/// <param name="At">When the answers were in, on the watchdog's monotonic clock; only differences mean anything.</param>
/// <param name="Time">The same moment on the wall clock, for people and for the durable memory.</param>
/// <param name="Nodes">One entry a configured node, in the order of the configuration.</param>
public sealed record ClusterObservation(TimeSpan At, DateTimeOffset Time, ImmutableArray<NodeObservation> Nodes)
{
    /// <summary>From the first question to the last answer.</summary>
    public TimeSpan Took { get; init; }

    /// <summary>What the hosts said over SSH: of a suspect in this look, of the others when they were last asked (<see cref="HostObservation.At"/>).</summary>
    public ImmutableArray<HostObservation> Hosts { get; init; } = [];

    /// <summary>A suspect's port as seen from the other nodes' hosts; only on suspicion.</summary>
    public ImmutableArray<PortView> PortViews { get; init; } = [];

    /// <summary>The reference addresses of the operator's choice; only on suspicion.</summary>
    public ReferenceAnswer References { get; init; }

    /// <summary>What standbys' hosts say of the primary's guard; only where they were asked (<see cref="Inquiry.Guard"/>).</summary>
    public ImmutableArray<GuardTestimony> Testimonies { get; init; } = [];

    /// <summary>What a person asked of the watchdog.</summary>
    public OperatorWish Wish { get; init; } = OperatorWish.None;

    /// <summary>This moment lies in a window in which the operator wants no failover.</summary>
    public bool InFreezeWindow { get; init; }

    /// <summary>The watchdog stood still since it asked: what was seen may not be true any more. It is remembered, and no action rests on it.</summary>
    public bool IsLate { get; init; }

    /// <summary>Of the watchdog's own host: its boot (/proc/sys/kernel/random/boot_id, random(4)); empty where that is unknown. Containers on one machine have the same.</summary>
    public string Boot { get; init; } = "";

    /// <summary>Of the watchdog itself: it could write its journal the last time it had to.</summary>
    public bool JournalWritable { get; init; } = true;

    /// <summary>Of the watchdog itself: what came of its last action; null in a new process, which cannot know, and where the last look led to none.</summary>
    public ActionReport? Report { get; init; }

    /// <summary>
    /// Standbys that do not say themselves whether they have a walreceiver (before PostgreSQL 9.6) have it from the primary of the same look, which sees them stream
    /// (pg_stat_replication); without a primary it stays unknown.
    /// </summary>
    public ClusterObservation WithWalReceivers() => Nodes.Where(node => node.IsServingPrimary).ToList() is not [{ Server: { } primary } serving] ? this : this with
    {
        Nodes =
        [
            .. Nodes.Select(node => node is { IsServingStandby: true, Server: { TellsWalReceiver: false } standby } && standby.SystemIdentifier == primary.SystemIdentifier
                && primary.WalSenders.Any(sender => sender.ApplicationName == node.Node && sender.State == WalReceiver.Streaming)
                ? node with { Server = standby with { WalReceiver = new WalReceiver(WalReceiver.Streaming, LastMessageAge: null, serving.Node) } } : node),
        ],
    };

    /// <summary>
    /// One server under several names, such as a floating address and its own: two primaries with one system identifier that were started in the same microsecond
    /// (pg_postmaster_start_time). The answer counts for one name: the intended primary's where it is among them. At the others nobody was asked.
    /// That of a standby counts for the name that its own host confirms while the others' hosts refuse, else for none: whose
    /// WAL it is has to be known before anybody is elected by it.
    /// </summary>
    public ClusterObservation WithoutAliases(string? intended)
    {
        var observation = this;
        foreach (var group in OneServer(node => node.IsServingStandby))
        {
            var real = group.Where(node => Host(node.Node) is { IsReachable: true }).ToList() is [var confirmed]
                && group.All(node => node == confirmed || Host(node.Node) is { Reach: HostReach.Failed }) ? confirmed : null;
            var why = real is not null ? AddressLeadsTo(real)
                : $"the addresses of {string.Join(", ", group.Select(node => node.Node))} lead to one server: "
                    + "give each node an address of its own";
            observation = observation with { Nodes = [.. observation.Nodes.Select(node => Without(node, group, real, why))] };
        }
        foreach (var group in OneServer(node => node.IsServingPrimary))
        {
            var real = group.FirstOrDefault(node => node.Node == intended) ?? group.First();
            var why = AddressLeadsTo(real);
            observation = observation with
            {
                Nodes = [.. observation.Nodes.Select(node => Without(node, group, real, why))],
                Hosts = [.. observation.Hosts.Where(host => host.Node == real.Node || group.All(node => node.Node != host.Node))],
            };
        }
        return observation;
    }

    private static NodeObservation Without(
        NodeObservation node, IEnumerable<NodeObservation> oneServer, NodeObservation? real, string why) =>
        node != real && oneServer.Contains(node) ? new NodeObservation(node.Node, Reach.Failed, why, null) : node;

    private static string AddressLeadsTo(NodeObservation real) =>
        $"its address leads to the server of {real.Node}: give each node an address of its own, no floating one";

    private IEnumerable<IGrouping<(ulong, DateTimeOffset), NodeObservation>> OneServer(Func<NodeObservation, bool> role) =>
        Nodes.Where(node => role(node) && node.Server!.StartedAt != default)
            .GroupBy(node => (node.Server!.SystemIdentifier, node.Server.StartedAt)).Where(group => group.Count() > 1);

    public NodeObservation? Find(string? node) => Nodes.FirstOrDefault(seen => seen.Node == node);

    public HostObservation? Host(string? node) => Hosts.FirstOrDefault(seen => seen.Node == node);
}

/// <summary>What the next look should ask beyond SQL to every node.</summary>
/// <param name="Subject">The node that is to be primary: where SQL does not find it serving, its host is asked, and the other hosts about its port.</param>
/// <param name="Suspicious">It was not serving in the last look: ask all of it at once instead of one after the other.</param>
/// <param name="Hosts">Nodes whose hosts are asked in any case: something is being done there, or waited for.</param>
/// <param name="Again">It follows an action: who was silent in the last look, which waited long enough, is not waited for as long again.</param>
public sealed record Inquiry(string? Subject, bool Suspicious, ImmutableArray<string> Hosts, bool Again = false)
{
    /// <summary>Standbys whose hosts are asked for messages of the primary's guard: only they hear it.</summary>
    public ImmutableArray<GuardQuestion> Guard { get; init; } = [];

    /// <summary>The node whose guard may live by what the watchdog sees there. One that is replaced must not: it comes back as a primary, and cannot always be fenced at once.</summary>
    public string? Renews { get; init; }
}

/// <summary>What a person asked of the watchdog, on its own host.</summary>
/// <param name="Paused">Begin no failover until resumed.</param>
/// <param name="AcknowledgedEpoch">The failover of this epoch has been seen to: MinimumInterval need not be waited for.</param>
public sealed record OperatorWish(bool Paused, long AcknowledgedEpoch)
{
    public static readonly OperatorWish None = new(false, 0);

    /// <summary>Make this node the primary on record; null where nobody asked for it.</summary>
    public AdoptionRequest? Adopt { get; init; }

    /// <summary>Take over from a lost watchdog; null where nobody asked for it.</summary>
    public TakeoverRequest? TakeOver { get; init; }
}

/// <summary>An operator says that another watchdog is lost for good.</summary>
/// <param name="Owner">Which one: the one on record when it was asked.</param>
/// <param name="By">Who asked.</param>
/// <param name="At">When.</param>
public sealed record TakeoverRequest(string Owner, string By, DateTimeOffset At);

/// <summary>An operator says which node is the primary.</summary>
/// <param name="Node">The node.</param>
/// <param name="Epoch">The epoch on record when it was asked: another one makes the request void.</param>
/// <param name="By">Who asked.</param>
/// <param name="At">When.</param>
public sealed record AdoptionRequest(string Node, long Epoch, string By, DateTimeOffset At);

/// <summary>What came of the last action.</summary>
/// <param name="Action">The kind, as <c>WatchdogAction</c> names it.</param>
/// <param name="Node">The node it was about.</param>
/// <param name="Succeeded">It came to its end as wanted.</param>
/// <param name="Bytes">WAL salvaged, where that was the action.</param>
public sealed record ActionReport(string Action, string Node, bool Succeeded, long? Bytes = null);

/// <summary>What the reference addresses say about the watchdog's own network.</summary>
public enum ReferenceAnswer
{
    /// <summary>None configured, or not asked.</summary>
    Unknown,

    /// <summary>At least one answered (a refused connection is an answer).</summary>
    Reachable,

    /// <summary>None answered.</summary>
    Silent,
}
