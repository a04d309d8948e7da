using System.Diagnostics;
using System.Globalization;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Benchmarks;

/// <summary>What thinking costs: decisions a minute on one core, for three nodes. No server takes part.</summary>
internal static class DecideBenchmark
{
    private const int Looks = 20; // from the crash to the new primary, at four looks a second
    private static readonly string[] Nodes = ["alpha", "beta", "gamma"];
    private static readonly ClusterSpec Spec = new(
        "main", [.. Nodes.Select((node, index) => new NodeSpec(node, $"10.0.0.{index + 1}", 5432, $"/data/{node}"))], new Policy(), new SqlRoles("replication", "pgwatchdog", "postgres"));

    public static void Run(double seconds)
    {
        Measure("healthy", seconds, Healthy, "alpha");
        Measure("in failover", seconds, InFailover, "beta");
    }

    private static void Measure(string what, double seconds, Func<int, ClusterObservation> look, string primary)
    {
        _ = Burst(look, primary, TimeSpan.FromSeconds(Math.Min(seconds, 3))); // compiled, and compiled again
        var collections = GC.CollectionCount(0);
        var before = Environment.CpuUsage.TotalTime; // not the clock: others may be at work beside it
        var decisions = Burst(look, primary, TimeSpan.FromSeconds(seconds));
        var took = Environment.CpuUsage.TotalTime - before;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"decide, three nodes {what}: {decisions * 60 / took.TotalSeconds / 1e6:0.0} million decisions a minute of processor time, {took.TotalMicroseconds / decisions:0.0} us each, {GC.CollectionCount(0) - collections} collections"));
    }

    private static long Burst(Func<int, ClusterObservation> look, string primary, TimeSpan time)
    {
        var looks = Enumerable.Range(0, Looks).Select(look).ToArray();
        var (memory, working) = Known(Healthy(0));
        var decisions = 0L;
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < time)
        {
            var (remembered, inMind) = (memory, working);
            foreach (var seen in looks)
            {
                var decision = Decider.Decide(Spec, remembered, inMind, seen);
                (remembered, inMind) = (decision.Memory, decision.Working);
            }
            if (remembered is not { Procedure: null } || remembered.IntendedPrimary != primary)
                throw new InvalidOperationException($"{remembered.IntendedPrimary} is primary in the end, not {primary}: this is not what was to be measured");
            decisions += Looks;
        }
        return decisions;
    }

    private static (ClusterMemory, WorkingMemory) Known(ClusterObservation healthy)
    {
        var first = Decider.Decide(Spec, ClusterMemory.Empty, WorkingMemory.Empty, healthy);
        return (first.Memory, first.Working);
    }

    private static ClusterObservation Healthy(int number) => Observe(number, Primary("alpha", 1, number), Standby("beta", number, hears: true), Standby("gamma", number, hears: true));

    /// <summary>Two healthy looks, a crash, and what the hosts say of each step until beta is primary.</summary>
    private static ClusterObservation InFailover(int number) => number < 2 ? Healthy(number)
        : Observe(number, new NodeObservation("alpha", Reach.Refused, "Connection refused", null),
            number < Looks - 1 ? Standby("beta", 2, hears: false) : Primary("beta", 2, 2), Standby("gamma", 2, hears: false)) with
        {
            Report = new ActionReport(nameof(WatchdogAction.Salvage), "alpha", Succeeded: true, 0),
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
                StartBlocked = node.Server is null && number > Looks / 2,
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
        GuardOrderId = new GuardOrder(Spec.Policy.GuardTimeToLive, ["beta", "gamma"]).Id,
        WalSenders = [.. ((string[])["beta", "gamma"]).Select(standby => new WalSender(standby, "streaming", "async", At(number), At(number), At(number)))],
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
        WalReceiver = hears ? new WalReceiver("streaming", TimeSpan.FromSeconds(0.1)) : null,
    });

    private static Lsn At(int number) => new(0x3000000ul + ((ulong)number * 64));

    private static NodeObservation Serving(string node, ServerFacts facts) => new(node, Reach.Serving, "", facts);
}
