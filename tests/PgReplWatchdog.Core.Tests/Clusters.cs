namespace PgReplWatchdog.Core.Tests;

/// <summary>A healthy cluster in a line: alpha is the primary, beta and gamma stream from it. A test says only what differs.</summary>
internal static class Clusters
{
    public const string Alpha = "alpha";
    public const string Beta = "beta";
    public const string Gamma = "gamma";
    public const ulong OurSystem = 7_000_000_000_000_000_001;
    public const ulong OtherSystem = 7_000_000_000_000_000_002;

    /// <summary>Of the watchdog's host.</summary>
    public const string Boot = "00a1-5";

    /// <summary>The wall clock at second 0 of every test.</summary>
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>How long after it was told something a guard is believed what it shows.</summary>
    public static readonly TimeSpan GuardSettlesWithin = TimeSpan.FromSeconds(2);

    public static readonly PostgresVersion Fifteen = new(150018);

    /// <summary>Where the healthy primary's WAL is.</summary>
    public static readonly Lsn Here = new(0x3000000);

    public static ClusterSpec Two(Policy? policy = null) => Spec(policy, Alpha, Beta);

    public static ClusterSpec Three(Policy? policy = null) => Spec(policy, Alpha, Beta, Gamma);

    public static ClusterSpec Spec(Policy? policy, params string[] nodes) => new(
        "main", [.. nodes.Select((node, index) => Node(node, index + 1))], policy ?? new Policy(), new SqlRoles("replicator", "watchdog", "postgres"));

    private static NodeSpec Node(string name, int number) => new(name, $"10.0.0.{number}", 5432, $"/data/{name}");

    public static ClusterSpec WithPriority(this ClusterSpec spec, string node, int priority) =>
        spec with { Nodes = spec.Nodes.Replace(spec.Node(node), spec.Node(node) with { Priority = priority }) };

    /// <summary>What a watchdog knows that has seen alpha serve a moment ago.</summary>
    public static ClusterMemory Known => new()
    {
        IntendedPrimary = Alpha,
        Epoch = 1,
        SystemIdentifier = OurSystem,
        NewestTimeline = 1,
        LastPosition = new PrimaryPosition(Here, Start, Boot),
        Guard = new ArmedGuard(Alpha, new GuardOrder(new Policy().GuardTimeToLive, [Beta]), Start),
    };

    /// <summary>Known, and the failover from alpha to beta has been decided at second 0.</summary>
    public static ClusterMemory UnderWay(ProcedureStep step, FencedBy by = FencedBy.Unknown) => Known with
    {
        Procedure = new Procedure(Alpha, Beta, step, nameof(Verdict.Down), Start - Seconds(10), Start)
        {
            Boot = Boot,
            ExpectedLossBytes = 0,
            KnownPosition = Here,
            FencedBy = by,
            Phases = [new(step, Start)],
        },
    };

    /// <summary>Known, alpha was stopped by its guard, and beta has been asked once to promote itself.</summary>
    public static ClusterMemory Promoting => UnderWay(ProcedureStep.Promote, FencedBy.Guard) with
    {
        IntendedPrimary = Beta,
        Epoch = 2,
        Replaced = [Alpha],
        Guard = null,
        Procedure = UnderWay(ProcedureStep.Promote, FencedBy.Guard).Procedure! with { Attempts = 1, Frozen = [Beta], PromotedAt = Here },
    };

    /// <summary>Known, beta has replaced alpha two hours ago.</summary>
    public static ClusterMemory FailedOver => Known with
    {
        IntendedPrimary = Beta,
        Epoch = 2,
        NewestTimeline = 2,
        Replaced = [Alpha],
        Guard = null,
        LastFailover = Finished(2, Alpha, Beta, true, Start.AddHours(-2)),
    };

    public static FinishedFailover Finished(long epoch, string from, string to, bool succeeded, DateTimeOffset at) =>
        new(epoch, from, to, succeeded, at, 0, new Procedure(from, to, ProcedureStep.HookAfter, nameof(Verdict.Down), at, at) { PromotedAt = Here });

    public static NodeObservation Primary(string node = Alpha, Lsn? at = null, uint timeline = 1, ulong system = OurSystem) => Serves(node, new ServerFacts
    {
        Role = Role.Primary,
        SystemIdentifier = system,
        VersionNumber = Fifteen.Number,
        Timeline = timeline,
        CurrentLsn = at ?? Here,
        PromoteTriggerFile = TriggerFile(node),
        LimitsSlots = true,
        Slots = [.. new[] { Alpha, Beta, Gamma }.Select(other => new ReplicationSlot("pgwatchdog_" + other, true, "reserved", null))],
    });

    /// <summary>A standby that streams and heard its primary so many seconds ago.</summary>
    public static NodeObservation Standby(string node = Beta, Lsn? at = null, uint timeline = 1, double heard = 0.1) => Serves(node, new ServerFacts
    {
        Role = Role.Standby,
        SystemIdentifier = OurSystem,
        VersionNumber = Fifteen.Number,
        Timeline = timeline,
        ReceivedLsn = at ?? Here,
        ReplayedLsn = at ?? Here,
        PromoteTriggerFile = TriggerFile(node),
        WalReceiver = new WalReceiver("streaming", Seconds(heard)) { UpstreamEnd = at ?? Here },
    });

    /// <summary>A standby without a walreceiver.</summary>
    public static NodeObservation Deaf(string node = Beta, Lsn? at = null, uint timeline = 1) =>
        Standby(node, at, timeline).With(server => server with { WalReceiver = null });

    public static NodeObservation Without(Reach reach, string node) => new(node, reach, "", null);
    public static NodeObservation Refused(string node = Alpha) => Without(Reach.Refused, node);
    public static NodeObservation Unreachable(string node = Alpha) => Without(Reach.Unreachable, node);
    public static NodeObservation Busy(string node = Alpha) => Without(Reach.Alive, node);
    public static NodeObservation Failed(string node = Alpha) => Without(Reach.Failed, node);

    public static NodeObservation With(this NodeObservation seen, Func<ServerFacts, ServerFacts> change) =>
        seen with { Server = change(seen.Server!) };

    /// <summary>A look in which the hosts of serving nodes are well, the others were not asked, and a primary sees the standbys that stream.</summary>
    public static ClusterObservation At(double seconds, params NodeObservation[] nodes) => new(Seconds(seconds), Start.AddSeconds(seconds), [.. nodes.Select(node => Seeing(node, nodes))])
    {
        Boot = Boot,
        Hosts = [.. nodes.Where(node => node.Server is not null).Select(node => HostUp(node.Node) with { At = Seconds(seconds) })],
    };

    /// <summary>The same look with what a host says, in place of what it said.</summary>
    public static ClusterObservation With(this ClusterObservation look, params HostObservation[] hosts) => look with
    {
        Hosts = [.. look.Hosts.Where(host => hosts.All(other => other.Node != host.Node)), .. hosts.Select(host => host with { At = look.At })],
    };

    public static HostObservation HostUp(string node) => new(node, HostReach.Reachable, "", TimeSpan.Zero)
    {
        PostmasterRuns = true,
        Processes = 12,
        ControlState = "in production",
        LocalAnswer = PortAnswer.Accepting,
        TriggerDirectoryWritable = true,
    };

    public static HostObservation HostHung(string node = Alpha) => HostUp(node) with { LocalAnswer = PortAnswer.Silent };

    public static HostObservation HostDead(string node = Alpha, string state = "in production", bool blocked = false) =>
        HostUp(node) with { PostmasterRuns = false, Processes = 0, ControlState = state, LocalAnswer = PortAnswer.Silent, StartBlocked = blocked };

    public static HostObservation HostGone(string node = Alpha) => new(node, HostReach.Unreachable, "", TimeSpan.Zero);

    public static NodeObservation SeenStreaming(this NodeObservation primary, params string[] standbys) =>
        primary.With(server => server with { WalSenders = [.. standbys.Select(standby => new WalSender(standby, "streaming", "async", Here, Here, Here))] });

    private static NodeObservation Seeing(NodeObservation seen, NodeObservation[] nodes) => seen.IsServingPrimary && seen.Server!.WalSenders.IsEmpty
        ? seen.SeenStreaming([.. nodes.Where(node => node is { IsServingStandby: true, Server.WalReceiver.IsStreaming: true } or { IsServingStandby: true, Server.ReadsStatistics: false }).Select(node => node.Node)])
        : seen;

    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    public static Lsn Behind(long bytes) => new(Here.Value - (ulong)bytes);

    public static string TriggerFile(string node) => Node(node, 0).TriggerFile;

    private static NodeObservation Serves(string node, ServerFacts facts) => new(node, Reach.Serving, "", facts);
}

/// <summary>
/// Threads the two memories from look to look, as the tick does. The guard of whoever is primary does as it is told, and no test waits until what it shows
/// is believed: how long that takes is GuardingTests' business.
/// </summary>
internal sealed class Watch(ClusterSpec spec, ClusterMemory? memory = null)
{
    public ClusterMemory Memory { get; private set; } = memory ?? Clusters.Known;
    public WorkingMemory Working { get; private set; } = WorkingMemory.Empty;

    private string shown = (memory ?? Clusters.Known).Guard?.Order.Id ?? "";

    /// <summary>Told something long enough ago, the guard has done it, and the tick looks again.</summary>
    public Decision Look(ClusterObservation observation)
    {
        var decision = Decider.Decide(spec, Memory, Working, Guarded(observation));
        (Memory, Working) = (decision.Memory, decision.Working);
        if (decision.Action is not (WatchdogAction.ArmGuard or WatchdogAction.DisarmGuard))
            return decision;
        shown = decision.Action is WatchdogAction.ArmGuard arm ? arm.Order.Id : "";
        Working = Working with { GuardToldAt = observation.At - Clusters.GuardSettlesWithin };
        var again = Look(observation);
        Working = Working with { GuardToldAt = observation.At };
        return again with { Events = decision.Events.AddRange(again.Events) };
    }

    private ClusterObservation Guarded(ClusterObservation observation) => observation with
    {
        Nodes = [.. observation.Nodes.Select(node => node.IsServingPrimary && node.Server!.GuardOrderId is null ? node.With(server => server with { GuardOrderId = shown }) : node)],
    };

    public Decision Look(double seconds, params NodeObservation[] nodes) => Look(Clusters.At(seconds, nodes));

    /// <summary>The same answers once a second; the last decision.</summary>
    public Decision LookFrom(int first, int last, params NodeObservation[] nodes)
    {
        for (var second = first; second < last; second++)
            Look(second, nodes);
        return Look(last, nodes);
    }

    public void Restart() => Working = WorkingMemory.Empty;
}
