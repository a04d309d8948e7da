using System.Globalization;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Diagnosing;

/// <summary>From one look to a verdict: one short rule a verdict, the first that matches wins.</summary>
public static class Diagnostician
{
    /// <param name="memory">What is on record.</param>
    /// <param name="observation">The look.</param>
    /// <param name="flushHangsFor">For how long WAL of the one that is to be primary has not reached its disk (<see cref="Flushing"/>).</param>
    /// <param name="heir">The node whose claim to be primary has stood the proof (<see cref="Claim"/>); null where none has.</param>
    /// <param name="unaccounted">Nodes that may have been promoted out of the watchdog's sight (<see cref="Sight"/>).</param>
    /// <param name="receiving">Standbys that have received WAL since the look before, in which the intended primary did not serve either (<see cref="Arrivals"/>).</param>
    public static Diagnosis Diagnose(
        ClusterMemory memory, ClusterObservation observation, TimeSpan flushHangsFor = default, string? heir = null, ImmutableArray<string> receiving = default,
        ImmutableArray<string> unaccounted = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(observation);
        var primaries = observation.Nodes.Where(node => node.IsServingPrimary).ToImmutableArray();
        var intended = observation.Find(Subject(memory, observation));

        var found = TwoPrimaries(primaries, memory, observation)
            ?? OtherSystem(intended, memory)
            ?? StorageHangs(primaries, intended, observation, flushHangsFor)
            ?? Serving(primaries, intended, memory, heir, observation)
            ?? StrayPrimary(primaries, intended, memory, observation)
            ?? NoPrimaryKnown(intended, observation)
            ?? Busy(intended!)
            ?? InRecovery(intended!)
            ?? RecordIsOld(intended!, memory, observation)
            ?? AnotherUpstream(intended!, observation, receiving.IsDefault ? [] : receiving)
            ?? WatchdogIsolated(intended!, observation)
            ?? NoInformation(intended!)
            ?? Hung(intended!, observation)
            ?? ServingElsewhere(intended!, observation)
            ?? BusyElsewhere(intended!, observation)
            ?? Gone(intended!, observation)
            ?? Down(intended!, observation)
            ?? new Diagnosis(Verdict.Unknown, intended!.Node,
                [Say(intended), "no standby can say whether it hears the primary", .. Witnesses(intended, observation)]);
        if (found.Verdict.IsFailure() && memory.Later is { } later)
            return found with { Verdict = Verdict.Unknown, Evidence = [Histories.Outdated(memory, later), .. found.Evidence] };
        return found.Verdict.IsFailure() && unaccounted is { IsDefaultOrEmpty: false } ? Blind(found, unaccounted) : found;
    }

    /// <summary>The record may be older than the gap: another node may be the primary, and nobody who can be asked would know.</summary>
    private static Diagnosis Blind(Diagnosis found, ImmutableArray<string> unaccounted) => new(Verdict.Unknown, found.Primary,
    [
        $"{string.Join(", ", unaccounted)} may have been promoted out of the watchdog's sight, or said so: not seen as a standby since; "
            + "make it answer, or promote manually the node that is to be primary",
        .. found.Evidence,
    ]);

    /// <summary>Longer than any disk takes that works.</summary>
    private static readonly TimeSpan FlushPatience = TimeSpan.FromSeconds(5);

    /// <summary>Whose verdict it is: until a failover's candidate is primary, that of the one it is to replace.</summary>
    public static string? Subject(ClusterMemory memory, ClusterObservation observation) =>
        memory.Procedure is { } procedure && observation.Find(procedure.To) is not { IsServingPrimary: true } ? procedure.From : memory.IntendedPrimary;

    private static Diagnosis? TwoPrimaries(ImmutableArray<NodeObservation> primaries, ClusterMemory memory, ClusterObservation observation) =>
        primaries.Length < 2 ? null : new Diagnosis(Verdict.TwoPrimaries, memory.IntendedPrimary,
        [
            .. primaries.Select(Say),
            memory.IntendedPrimary is { } intended
                ? $"{intended} is the intended primary (epoch {memory.Epoch.ToString(CultureInfo.InvariantCulture)})"
                : "no record says which of them is the intended primary",
            .. Histories.Doubts(memory, observation),
        ]);

    private static Diagnosis? OtherSystem(NodeObservation? intended, ClusterMemory memory) =>
        intended?.Server is { } server && memory.SystemIdentifier is { } known && server.SystemIdentifier != known
            ? new Diagnosis(Verdict.Unknown, intended.Node,
                [$"{intended.Node} answers with system identifier {server.SystemIdentifier}, the cluster's is {known}: another server stands at its address"])
            : null;

    /// <summary>It answers, and no commit comes to its end: clients wait as for one that does not answer.</summary>
    private static Diagnosis? StorageHangs(ImmutableArray<NodeObservation> primaries, NodeObservation? intended, ClusterObservation observation, TimeSpan flushHangsFor) =>
        intended is { IsServingPrimary: true } && primaries.Length == 1 && flushHangsFor >= FlushPatience && observation.Host(intended.Node) is { IsReachable: true }
            ? new Diagnosis(Verdict.Hung, intended.Node,
                [Say(intended), Invariant($"but WAL has not reached its disk for {flushHangsFor.TotalSeconds:0} s: its storage hangs"), .. Witnesses(intended, observation)])
            : null;

    /// <summary>Another node than the intended primary counts only where its claim has stood the proof: a person promoted it.</summary>
    private static Diagnosis? Serving(
        ImmutableArray<NodeObservation> primaries, NodeObservation? intended, ClusterMemory memory, string? heir, ClusterObservation observation)
    {
        if (primaries.IsEmpty)
            return null;
        var primary = primaries[0];
        var adoptable = memory.IntendedPrimary is null
            || (primary.Server!.SystemIdentifier == memory.SystemIdentifier
                && (primary.Node == heir || (intended is null && !memory.Replaced.Contains(primary.Node)))); // intended is null: it left the configuration
        // By an old record the one that a failover was to replace may be anybody, unless the hosts name it.
        var isExpected = primary == intended && (primary.Node == memory.IntendedPrimary || memory.Later is not { } later || later.Primary == primary.Node);
        return isExpected || adoptable
            ? new Diagnosis(Verdict.Serving, primary.Node, [Say(primary), .. CommitsWait(primary), .. Asynchronous(primary, observation)])
            : null;
    }

    /// <summary>It serves, and no commit on it ends: too few standbys stream that synchronous_standby_names lets confirm.</summary>
    private static IEnumerable<string> CommitsWait(NodeObservation primary)
    {
        var server = primary.Server!;
        var confirming = server.WalSenders.Count(sender => sender.SyncState is "sync" or "quorum");
        if (SynchronousStandbys.Parse(server.SynchronousStandbyNames) is { } asked && confirming < asked.Needed)
        {
            yield return FormattableString.Invariant($"commits on {primary.Node} wait: synchronous_standby_names is {server.SynchronousStandbyNames}, ")
                + FormattableString.Invariant($"and {confirming} of the {asked.Needed} standbys that it asks for stream from {primary.Node}: ")
                + $"change it on {primary.Node}, or start the standbys that it names";
        }
    }

    /// <summary>Commits are confirmed by no standby, or would not be after a failover, although one node asks for it. With two nodes no gate says so (docs/decisions/0015).</summary>
    private static IEnumerable<string> Asynchronous(NodeObservation primary, ClusterObservation observation)
    {
        const string name = "synchronous_standby_names";
        var standbys = observation.Nodes.Where(node => node != primary && node.IsServingStandby).ToList();
        var asked = primary.Server!.SynchronousStandbyNames.Trim();
        foreach (var (standby, own) in standbys.Select(node => (node.Node, node.Server!.SynchronousStandbyNames.Trim())))
        {
            if (asked.Length == 0 && own.Length > 0)
            {
                yield return $"replication from {primary.Node} is asynchronous: {name} is {own} on {standby} and empty on {primary.Node}: "
                    + $"set it on {primary.Node}, with the names of its standbys";
            }
            else if (asked.Length > 0 && own.Length == 0 && standbys.Count == 1)
            {
                yield return $"after a failover to {standby} replication would be asynchronous: {name} is {asked} on {primary.Node} and empty on {standby}: "
                    + $"set it on {standby} after the failover, when {primary.Node} streams from it";
            }
        }
    }

    /// <summary>Whatever has become of the intended primary: nothing is promoted beside a node that takes writes.</summary>
    private static Diagnosis? StrayPrimary(ImmutableArray<NodeObservation> primaries, NodeObservation? intended, ClusterMemory memory, ClusterObservation observation) =>
        primaries.IsEmpty ? null : new Diagnosis(Verdict.Unknown, intended?.Node,
        [
            .. primaries.Select(Say),
            .. Doubted(memory, observation, primaries[0]),
            .. intended is null ? [] : new[] { Say(intended) },
            .. Histories.Advice(memory, observation, primaries[0]),
        ]);

    /// <summary>What it takes until it counts as the primary.</summary>
    private static IEnumerable<string> Doubted(ClusterMemory memory, ClusterObservation observation, NodeObservation primary)
    {
        if (!Claim.IsNewer(memory, primary))
        {
            yield return "it is not the intended primary, and not on a newer timeline of this cluster";
            yield break;
        }
        yield return $"its word is not enough: {memory.IntendedPrimary} is the intended primary until it answers as a standby, is seen stopped, "
            + "or is silent for UnreachableThreshold together with its host";
        if (observation.Host(primary.Node)?.History?.Of(primary.Server!.Timeline) is null && !observation.Nodes.Any(node => node.Confirms(primary)))
        {
            yield return Invariant($"nobody else confirms timeline {primary.Server!.Timeline}: the host of {primary.Node} shows no history file of it (SSH), ")
                + $"and no standby streams from {primary.Node}";
        }
    }

    /// <summary>Evidence that the record is older than the world: a role change happened out of the watchdog's sight. Nothing is concluded from such a record.</summary>
    private static Diagnosis? RecordIsOld(NodeObservation intended, ClusterMemory memory, ClusterObservation observation)
    {
        if (observation.Host(intended.Node) is { IsReachable: true, StandbySignal: true })
        {
            return new Diagnosis(Verdict.Unknown, intended.Node,
                [Say(intended), $"the data of {intended.Node} is a standby's (standby.signal): another node is the primary, or nobody is", .. Witnesses(intended, observation)]);
        }
        var newer = observation.Nodes.FirstOrDefault(node => node is { IsServingStandby: true, Server: { } server }
            && server.SystemIdentifier == memory.SystemIdentifier && server.Timeline > memory.NewestTimeline);
        return newer is null ? null : new Diagnosis(Verdict.Unknown, intended.Node,
        [
            Say(intended),
            Invariant($"{newer.Node} follows timeline {newer.Server!.Timeline}, the newest on record is {memory.NewestTimeline}: a promotion happened out of the watchdog's sight"),
            .. Witnesses(intended, observation),
        ]);
    }

    /// <summary>
    /// A standby streams from another node that cannot be asked, or WAL still arrives at a standby of another standby: some primary lives. Silence of the intended one then
    /// proves nothing. A hung primary's own sessions go on: it is told by its host.
    /// </summary>
    private static Diagnosis? AnotherUpstream(NodeObservation intended, ClusterObservation observation, ImmutableArray<string> receiving)
    {
        var follower = observation.Nodes.FirstOrDefault(node =>
            node is { IsServingStandby: true, Server.WalReceiver: { IsStreaming: true, Upstream: { } upstream } } && upstream != intended.Node
            && (observation.Find(upstream) is not { IsServingStandby: true } || receiving.Contains(node.Node)));
        return follower is null ? null : new Diagnosis(Verdict.Unknown, intended.Node,
        [
            Say(intended),
            $"{follower.Node} streams from {follower.Server!.WalReceiver!.Upstream}, not from {intended.Node}: some primary may live",
            .. Witnesses(intended, observation),
        ]);
    }

    private static Diagnosis? NoPrimaryKnown(NodeObservation? intended, ClusterObservation observation) =>
        intended is null
            ? new Diagnosis(Verdict.Unknown, null, ["no primary has been seen since the watchdog knows this cluster", .. observation.Nodes.Select(Say)])
            : null;

    private static Diagnosis? Busy(NodeObservation intended) =>
        intended.Reach == Reach.Alive ? new Diagnosis(Verdict.Busy, intended.Node, [Say(intended)]) : null;

    private static Diagnosis? InRecovery(NodeObservation intended) =>
        intended.IsServingStandby
            ? new Diagnosis(Verdict.Unknown, intended.Node, [Say(intended), "it is the intended primary, and no other node is primary"])
            : null;

    /// <summary>A refusal is an answer of the host: then the network is there. So is a shell on any of them.</summary>
    private static Diagnosis? WatchdogIsolated(NodeObservation intended, ClusterObservation observation) =>
        (observation.References == ReferenceAnswer.Silent && intended.Reach == Reach.Unreachable)
        || (observation.Nodes.All(node => node.Reach is Reach.Unreachable) && observation.Host(intended.Node) is not { IsReachable: true })
            ? new Diagnosis(Verdict.WatchdogIsolated, intended.Node, [.. observation.Nodes.Select(Say), .. References(observation)])
            : null;

    private static Diagnosis? NoInformation(NodeObservation intended) =>
        intended.IsSilent ? null : new Diagnosis(Verdict.Unknown, intended.Node, [Say(intended)]);

    /// <summary>Sessions opened before a postmaster hung may still be served, walsenders among them: what a walreceiver hears does not count here.</summary>
    private static Diagnosis? Hung(NodeObservation intended, ClusterObservation observation) =>
        observation.Host(intended.Node) is { IsReachable: true, PostmasterRuns: true } host
            && (host.StorageHangs || (host.LocalAnswer == PortAnswer.Silent && !PortIs(PortAnswer.Accepting, intended, observation) && !PortIs(PortAnswer.Rejecting, intended, observation)))
            ? new Diagnosis(Verdict.Hung, intended.Node, [Say(intended), .. Witnesses(intended, observation)])
            : null;

    private static Diagnosis? ServingElsewhere(NodeObservation intended, ClusterObservation observation) =>
        observation.Nodes.Any(node => Hears(node, intended.Node)) || PortIs(PortAnswer.Accepting, intended, observation)
            || observation.Host(intended.Node) is { IsReachable: true, LocalAnswer: PortAnswer.Accepting }
            ? new Diagnosis(Verdict.ServingElsewhere, intended.Node, [Say(intended), .. Witnesses(intended, observation)])
            : null;

    private static Diagnosis? BusyElsewhere(NodeObservation intended, ClusterObservation observation) =>
        PortIs(PortAnswer.Rejecting, intended, observation) || observation.Host(intended.Node) is { IsReachable: true, LocalAnswer: PortAnswer.Rejecting }
            ? new Diagnosis(Verdict.Busy, intended.Node, [Say(intended), .. Witnesses(intended, observation)])
            : null;

    /// <summary>The host says that there is no postmaster; the control file says whether somebody wanted that.</summary>
    private static Diagnosis? Gone(NodeObservation intended, ClusterObservation observation) =>
        observation.Host(intended.Node) is not { IsReachable: true } host ? null
        : host.PostmasterRuns || host.Processes is null
            ? new Diagnosis(Verdict.Unknown, intended.Node, [Say(intended), "its host does not say clearly what runs there", .. Witnesses(intended, observation)])
        : new Diagnosis(host.ControlState is "shut down" or "shut down in recovery" ? Verdict.Stopped : Verdict.Crashed, intended.Node,
            [Say(intended), .. Witnesses(intended, observation)]);

    private static Diagnosis? Down(NodeObservation intended, ClusterObservation observation) =>
        observation.Nodes.Any(node => node is { IsServingStandby: true, Server.TellsWalReceiver: true })
            && observation.Nodes.All(node => node.Server is not { TellsWalReceiver: false })
            ? new Diagnosis(Verdict.Down, intended.Node, [Say(intended), .. Witnesses(intended, observation)])
            : null;

    /// <summary>What the walreceiver's own question to its upstream may take to be answered, on top of the half time-out after which it asks.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(0.5);

    /// <summary>
    /// A walreceiver that streams and has heard something lately. After half of wal_receiver_timeout of silence it asks for an answer
    /// (manual, wal_receiver_timeout), so that on a living connection its last message is never much older.
    /// </summary>
    public static bool Hears(NodeObservation node, string? primary)
    {
        ArgumentNullException.ThrowIfNull(node);
        return node.MayHear(primary) && node is { IsServingStandby: true, Server: { WalReceiver: { IsStreaming: true } receiver } server }
            && (receiver.LastMessageAge is not { } age || server.WalReceiverTimeout <= TimeSpan.Zero || age <= (server.WalReceiverTimeout / 2) + AnswerTime);
    }

    /// <summary>Some standby hears the intended primary, or its port was seen open. A standby on a newer timeline than any on record hears somebody else, unless it names it.</summary>
    public static bool IsHeard(ClusterObservation observation, ClusterMemory memory)
    {
        ArgumentNullException.ThrowIfNull(observation);
        ArgumentNullException.ThrowIfNull(memory);
        return observation.Nodes.Any(node => Hears(node, memory.IntendedPrimary)
                && (node.Server!.Timeline <= memory.NewestTimeline || node.Server.WalReceiver!.Upstream == memory.IntendedPrimary))
            || observation.PortViews.Any(view => view.To == memory.IntendedPrimary && view.Answer is PortAnswer.Accepting or PortAnswer.Rejecting);
    }

    private static bool PortIs(PortAnswer answer, NodeObservation intended, ClusterObservation observation) =>
        observation.PortViews.Any(view => view.To == intended.Node && view.Answer == answer);

    private static IEnumerable<string> Witnesses(NodeObservation intended, ClusterObservation observation) =>
    [
        .. observation.Host(intended.Node) is { } host ? new[] { Say(host) } : [],
        .. observation.PortViews.Where(view => view.To == intended.Node && view.Answer != PortAnswer.Unknown)
            .Select(view => $"seen from the host of {view.From} the port of {view.To} is {view.Answer.ToString().ToLowerInvariant()}"),
        .. Others(intended, observation),
        .. References(observation),
    ];

    private static IEnumerable<string> References(ClusterObservation observation) => observation.References switch
    {
        ReferenceAnswer.Silent => ["none of the reference addresses answers"],
        ReferenceAnswer.Reachable => ["a reference address answers"],
        _ => [],
    };

    private static string Say(HostObservation host) => host switch
    {
        { IsReachable: true, PostmasterRuns: true } => $"on its host the postmaster runs and pg_isready finds it {host.LocalAnswer.ToString().ToLowerInvariant()}{Storage(host)}",
        { IsReachable: true, Processes: { } count } => Invariant($"on its host there is no postmaster ({count} processes of PostgreSQL), the cluster state is {host.ControlState ?? "unreadable"}")
            + (host.StartBlocked ? ", and it may not start" : "") + Storage(host),
        { IsReachable: true } => "its host answers over SSH, but does not say what runs there",
        { Reach: HostReach.Failed } => $"its host answers, but not as it should: {host.Detail}",
        { Reach: HostReach.Unreachable } => $"its host does not answer over SSH: {host.Detail}",
        _ => "its host was not asked",
    };

    private static string Storage(HostObservation host) => host.StorageHangs ? ", and storage hangs: no file can be made" : host.IsDiskFull ? ", and its disk is full" : "";

    private static IEnumerable<string> Others(NodeObservation intended, ClusterObservation observation) =>
        observation.Nodes.Where(node => node.Node != intended.Node).Select(Say);

    private static string Say(NodeObservation node) => node switch
    {
        { IsServingPrimary: true } => Invariant($"{node.Node} serves as primary on timeline {node.Server!.Timeline} at {node.Server.CurrentLsn}"),
        { IsServingStandby: true, Server.WalReceiver: { IsStreaming: true } receiver } => receiver.LastMessageAge is { } age
            ? Invariant($"{node.Node} serves as standby and heard its primary {age.TotalSeconds:0.0} s ago")
            : $"{node.Node} serves as standby and streams",
        { IsServingStandby: true, Server.ReadsStatistics: false } =>
            $"{node.Node} serves as standby, but the watchdog's role may not read whether it hears its primary (run setup)",
        { IsServingStandby: true, Server.TellsWalReceiver: false } =>
            $"{node.Node} serves as standby; PostgreSQL {node.Server.Version} does not say whether it hears its primary (9.6 and later do)",
        { IsServingStandby: true } => $"{node.Node} serves as standby and does not hear its primary",
        _ => $"{node.Node} is {Phrase(node.Reach)}{(node.Detail.Length > 0 ? ": " + node.Detail : "")}",
    };

    private static string Phrase(Reach reach) => reach switch
    {
        Reach.Unknown => "not asked",
        Reach.Serving => "serving, but does not say as what",
        Reach.Alive => "alive, but answers with an error",
        Reach.Refused => "refusing connections",
        Reach.Unreachable => "unreachable",
        Reach.Failed => "answering in a way that says nothing",
    };

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
