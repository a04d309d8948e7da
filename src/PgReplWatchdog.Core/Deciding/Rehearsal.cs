using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>
/// An invented failover of three nodes: nobody is asked, and nothing is done. What a real one needs is loaded and compiled
/// after it, and benchmarks measure decisions with it.
/// </summary>
public static class Rehearsal
{
    /// <summary>From the crash to the new primary, at four looks a second.</summary>
    private const int Looks = 20;
    private const int FencedAt = 10;

    private const string Alpha = "alpha", Beta = "beta", Gamma = "gamma";

    public static ClusterSpec Spec { get; } = new(
        "rehearsal", [.. new[] { Alpha, Beta, Gamma }.Select((node, index) => new NodeSpec(node, $"10.0.0.{index + 1}", 5432, $"/data/{node}"))],
        new Policy(), new SqlRoles("replication", "pgwatchdog", "postgres"));

    /// <summary>Alpha serves.</summary>
    public static ImmutableArray<ClusterObservation> Healthy { get; } = [.. Enumerable.Range(0, Looks).Select(HealthyAt)];

    /// <summary>Two such looks, a crash, and what the hosts say of each step until beta is primary.</summary>
    public static ImmutableArray<ClusterObservation> Failover { get; } = [.. Enumerable.Range(0, Looks).Select(CrashedAt)];

    /// <summary>What a watchdog decides by these looks that knows nothing of the cluster before.</summary>
    public static IEnumerable<Decision> Decide(ImmutableArray<ClusterObservation> looks)
    {
        var (memory, working) = (ClusterMemory.Empty, WorkingMemory.Empty);
        foreach (var seen in looks)
        {
            var decision = Decider.Decide(Spec, memory, working, seen);
            (memory, working) = (decision.Memory, decision.Working);
            yield return decision;
        }
    }

    private static ClusterObservation HealthyAt(int number) =>
        Observe(number, Primary(Alpha, 1, number), Standby(Beta, number, hears: true), Standby(Gamma, number, hears: true));

    private static ClusterObservation CrashedAt(int number) => number < 2 ? HealthyAt(number)
        : Observe(number, new NodeObservation(Alpha, Reach.Refused, "Connection refused", null),
            number < Looks - 1 ? Standby(Beta, 2, hears: false) : Primary(Beta, 2, 2), Standby(Gamma, 2, hears: false)) with
        {
            Report = number > FencedAt + 1 ? new ActionReport(nameof(WatchdogAction.Salvage), Alpha, Succeeded: true, 0) : null,
        };

    private static ClusterObservation Observe(int number, params NodeObservation[] nodes) =>
        new(TimeSpan.FromSeconds(number / 4.0), DateTimeOffset.UnixEpoch.AddSeconds(number / 4.0), [.. nodes])
        {
            Hosts = [.. nodes.Select(node => new HostObservation(node.Node, HostReach.Reachable, "", TimeSpan.FromSeconds(number / 4.0))
            {
                PostmasterRuns = node.Server is not null,
                Processes = node.Server is null ? 0 : 12,
                ControlState = "in production",
                LocalAnswer = node.Server is null ? PortAnswer.Silent : PortAnswer.Accepting,
                StartBlocked = node.Server is null && number > FencedAt,
                TriggerDirectoryWritable = true,
            })],
        };

    private static NodeObservation Primary(string node, uint timeline, int number) => Serving(node, new ServerFacts
    {
        Role = Role.Primary,
        SystemIdentifier = 1,
        VersionNumber = 150018,
        Timeline = timeline,
        CurrentLsn = At(number),
        GuardOrderId = new GuardOrder(Spec.Policy.GuardTimeToLive, [Beta, Gamma]).Id,
        WalSenders = [.. new[] { Beta, Gamma }.Select(standby => new WalSender(standby, "streaming", "async", At(number), At(number), At(number)))],
    });

    private static NodeObservation Standby(string node, int number, bool hears) => Serving(node, new ServerFacts
    {
        Role = Role.Standby,
        SystemIdentifier = 1,
        VersionNumber = 150018,
        Timeline = 1,
        ReceivedLsn = At(number),
        ReplayedLsn = At(number),
        PromoteTriggerFile = Spec.Node(node).TriggerFile,
        WalReceiverTimeout = TimeSpan.FromSeconds(5),
        WalReceiver = hears ? new WalReceiver(WalReceiver.Streaming, TimeSpan.FromSeconds(0.1)) : null,
    });

    private static Lsn At(int number) => new(0x3000000ul + ((ulong)number * 64));

    private static NodeObservation Serving(string node, ServerFacts facts) => new(node, Reach.Serving, "", facts);
}
