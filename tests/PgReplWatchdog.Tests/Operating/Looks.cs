using System.Collections.Immutable;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>What a watchdog of alpha and beta saw and concluded, without servers: for whatever is a function of that.</summary>
internal static class Looks
{
    public const ulong System = 7_000_000_000_000_000_001;
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    public static readonly Policy Policy = new() { GuardTimeToLive = TimeSpan.Zero, Fencing = Fencing.BestEffort };

    public static readonly ClusterSpec Spec = new("main", [new("alpha", "192.0.2.1", 5432, "/alpha"), new("beta", "192.0.2.2", 5432, "/beta")], Policy, new("replication", "pgwatchdog", "postgres"));

    public static readonly ClusterMemory Known = new()
    {
        IntendedPrimary = "alpha",
        Epoch = 1,
        SystemIdentifier = System,
        NewestTimeline = 1,
        LastPosition = new(new Lsn(0x3000000), Start),
    };

    public static readonly Procedure Procedure = new("alpha", "beta", ProcedureStep.Promote, nameof(Verdict.Crashed), Start, Start.AddSeconds(2))
    {
        Attempts = 2,
        KnownPosition = new Lsn(0x3000100),
        ExpectedLossBytes = 256,
        FencedBy = FencedBy.Ssh,
        Frozen = ["beta"],
        SalvagedBytes = 256,
        PromotedAt = new Lsn(0x3000100),
        Phases = [new(ProcedureStep.Fence, Start.AddSeconds(2)), new(ProcedureStep.Freeze, Start.AddSeconds(2.5)), new(ProcedureStep.Promote, Start.AddSeconds(3))],
        Evidence = ["alpha is refusing connections"],
    };

    public static NodeObservation Primary(string node = "alpha", uint timeline = 1, ulong system = System) => new(node, Reach.Serving, "", new ServerFacts
    {
        Role = Role.Primary,
        SystemIdentifier = system,
        VersionNumber = 150018,
        Timeline = timeline,
        CurrentLsn = new Lsn(0x3000000),
        WalSenders = [new("beta", "streaming", "async", new Lsn(1), null, null)],
    });

    /// <summary>A primary to which nobody is connected.</summary>
    public static NodeObservation Alone()
    {
        var primary = Primary();
        return primary with { Server = primary.Server! with { WalSenders = [] } };
    }

    public static NodeObservation Standby(string node = "beta", uint timeline = 1, long behind = 0, bool streams = true, double heard = 0.1) => new(node, Reach.Serving, "", new ServerFacts
    {
        Role = Role.Standby,
        SystemIdentifier = System,
        VersionNumber = 150018,
        Timeline = timeline,
        ReceivedLsn = new Lsn(0x3000000),
        ReplayedLsn = new Lsn(0x3000000 - (ulong)behind),
        MayPromote = true,
        WalReceiver = streams ? new("streaming", TimeSpan.FromSeconds(heard)) : null,
    });

    public static NodeObservation Gone(string node = "alpha") => new(node, Reach.Unreachable, "no answer", null);

    public static ClusterObservation At(double seconds, params NodeObservation[] nodes) => new(TimeSpan.FromSeconds(seconds), Start.AddSeconds(seconds), [.. nodes]);

    public static Checked Check(ClusterMemory memory, params NodeObservation[] nodes)
    {
        var observation = At(0, nodes);
        return new Checked(observation, Decider.Decide(Spec, memory, WorkingMemory.Empty, observation), observation.Time, 0);
    }

    /// <summary>Looks as the service records them: each second one, of alpha serving until it is gone, then gone, then serving again.</summary>
    public static IReadOnlyList<Look> Outage(int goneFrom, int backAt, Policy policy, string run = "1", ClusterMemory? known = null)
    {
        var (memory, working) = (known ?? Known, WorkingMemory.Empty);
        List<Look> looks = [];
        for (var second = 0; second <= backAt; second++)
        {
            var gone = second >= goneFrom && second < backAt;
            var seen = At(second, gone ? Gone() : Primary(), Standby(streams: !gone));
            var decision = Decider.Decide(Spec with { Policy = policy }, memory, working, seen);
            looks.Add(new Look(run, memory, seen, decision.Diagnosis.Verdict, decision.Action.Kind, decision.Events));
            (memory, working) = (decision.Memory, decision.Working);
        }
        return looks;
    }

    public static ImmutableArray<string> Names<T>(IEnumerable<T> values) => [.. values.Select(value => value!.ToString()!)];
}
