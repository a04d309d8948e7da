namespace PgReplWatchdog.Core.Tests;

/// <summary>A healthy cluster in a line: alpha is the primary, beta and gamma stream from it. A test says only what differs.</summary>
internal static class Clusters
{
    public const string Alpha = "alpha";
    public const string Beta = "beta";
    public const string Gamma = "gamma";
    public const ulong OurSystem = 7_000_000_000_000_000_001;
    public const ulong OtherSystem = 7_000_000_000_000_000_002;

    /// <summary>The wall clock at second 0 of every test.</summary>
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

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
        LastPosition = new PrimaryPosition(Here, Start),
    };

    /// <summary>Known, and the failover from alpha to beta is on record but not yet done.</summary>
    public static ClusterMemory Promoting => Known with
    {
        IntendedPrimary = Beta,
        Epoch = 2,
        Replaced = [Alpha],
        Procedure = new Procedure(2, Alpha, Beta, ProcedureStep.Promote, 1, Start - Seconds(10), Start, 0),
    };

    /// <summary>Known, beta has replaced alpha two hours ago.</summary>
    public static ClusterMemory FailedOver => Known with
    {
        IntendedPrimary = Beta,
        Epoch = 2,
        NewestTimeline = 2,
        Replaced = [Alpha],
        LastFailover = new FinishedFailover(2, Alpha, Beta, true, Start.AddHours(-2), Start.AddHours(-2), Start.AddHours(-2), 0),
    };

    public static NodeObservation Primary(string node = Alpha, Lsn? at = null, uint timeline = 1, ulong system = OurSystem) => Serves(node, new ServerFacts
    {
        Role = Role.Primary,
        SystemIdentifier = system,
        Timeline = timeline,
        CurrentLsn = at ?? Here,
        PromoteTriggerFile = TriggerFile(node),
    });

    /// <summary>A standby that streams and heard its primary so many seconds ago.</summary>
    public static NodeObservation Standby(string node = Beta, Lsn? at = null, uint timeline = 1, double heard = 0.1) => Serves(node, new ServerFacts
    {
        Role = Role.Standby,
        SystemIdentifier = OurSystem,
        Timeline = timeline,
        ReceivedLsn = at ?? Here,
        ReplayedLsn = at ?? Here,
        PromoteTriggerFile = TriggerFile(node),
        WalReceiver = new WalReceiver("streaming", Seconds(heard)),
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

    public static ClusterObservation At(double seconds, params NodeObservation[] nodes) =>
        new(Seconds(seconds), Start.AddSeconds(seconds), [.. nodes]);

    public static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    public static Lsn Behind(long bytes) => new(Here.Value - (ulong)bytes);

    public static string TriggerFile(string node) => Node(node, 0).TriggerFile;

    private static NodeObservation Serves(string node, ServerFacts facts) => new(node, Reach.Serving, "", facts);
}

/// <summary>Threads the two memories from look to look, as the tick does.</summary>
internal sealed class Watch(ClusterSpec spec, ClusterMemory? memory = null)
{
    public ClusterMemory Memory { get; private set; } = memory ?? Clusters.Known;
    public WorkingMemory Working { get; private set; } = WorkingMemory.Empty;

    public Decision Look(ClusterObservation observation)
    {
        var decision = Decider.Decide(spec, Memory, Working, observation);
        (Memory, Working) = (decision.Memory, decision.Working);
        return decision;
    }

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
