using System.Globalization;
using CsCheck;
using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Properties;

/// <summary>One look of a random world: how long after the one before, what the nodes and the first one's host answered, whether the watchdog was started anew before it.</summary>
internal sealed record Step(double After, ImmutableArray<NodeObservation> Nodes, HostObservation? Host, bool Restart, bool JournalWritable, bool Paused, bool ActionSucceeds);

/// <summary>
/// Random answers of three nodes. Uncorrelated ones would never stay Down for a whole threshold, so a world goes in phases: in each the
/// nodes answer alike, for some looks. Nothing in it is plausible beyond that: what holds here holds in any world.
/// </summary>
internal static class Worlds
{
    private const int MostPhases = 12;
    private const int MostLooks = 16;

    private static readonly Gen<Lsn> Position = Gen.Int[0, 4].Select(number => new Lsn(Here.Value + ((ulong)number * 8 * 1024 * 1024)));

    private static readonly Gen<uint> Timeline = Gen.Frequency((6, Gen.Const(1u)), (3, Gen.Const(2u)), (1, Gen.Const(3u)));

    private static readonly Gen<ulong> System = Gen.Frequency((12, Gen.Const(OurSystem)), (1, Gen.Const(OtherSystem)));

    private static Gen<NodeObservation> Primary(string node) => Gen.Select(Position, Timeline, System, Gen.Int[0, 2],
        (at, timeline, system, dice) => Clusters.Primary(node, at, timeline, system).With(server => server with { CheckpointTimeline = dice == 0 ? 1u : dice == 1 ? timeline : null, Slots = dice == 2 ? [] : server.Slots }));

    private static Gen<NodeObservation> Standby(string node, Gen<WalReceiver?> receiver) => Gen.Select(Position, Timeline, System, receiver, Gen.Int[0, 15],
        (at, timeline, system, walReceiver, paused) => Clusters.Standby(node, at, timeline).With(server => server with
        {
            SystemIdentifier = system,
            WalReceiver = walReceiver,
            ReplayPaused = paused == 0,
        }));

    private static readonly Gen<WalReceiver?> None = Gen.Const((WalReceiver?)null);

    private static readonly Gen<WalReceiver?> Some = Gen.Select(Gen.Frequency((2, Gen.Const("streaming")), (1, Gen.Const("starting")), (1, Gen.Const("waiting"))),
        Gen.OneOf(Gen.Const((TimeSpan?)null), Gen.Double[0, 20].Select(age => (TimeSpan?)TimeSpan.FromSeconds(age))),
        (status, age) => (WalReceiver?)new WalReceiver(status, age));

    private static Gen<NodeObservation> Without(string node) => Gen.Frequency(
        (4, Gen.Const(Refused(node))), (4, Gen.Const(Unreachable(node))), (1, Gen.Const(Busy(node))), (1, Gen.Const(Failed(node))),
        (1, Gen.Const(Clusters.Without(Reach.Unknown, node))));

    private static Gen<NodeObservation> Anything(string node) => Gen.Frequency(
        (2, Primary(node)), (4, Standby(node, None)), (2, Standby(node, Some)), (4, Without(node)));

    private static Gen<NodeObservation[]> Three(Gen<NodeObservation> alpha, Gen<NodeObservation> beta, Gen<NodeObservation> gamma) =>
        Gen.Select(alpha, beta, gamma, (a, b, c) => new[] { a, b, c });

    private static readonly Gen<HostObservation?> AlphasHost = Gen.Frequency(
        (4, Gen.Const((HostObservation?)null)), (3, Gen.Const((HostObservation?)HostGone())), (3, Gen.Const((HostObservation?)HostDead())), (1, Gen.Const((HostObservation?)HostDead(Alpha, "shut down"))),
        (2, Gen.Const((HostObservation?)HostDead(blocked: true))), (2, Gen.Const((HostObservation?)HostHung())), (1, Gen.Const((HostObservation?)HostUp(Alpha))),
        (1, Gen.Const((HostObservation?)(HostUp(Alpha) with { Mark = EpochMark.None }))));

    private static readonly Gen<NodeObservation[]> Healthy = Three(Primary(Alpha), Standby(Beta, Some), Standby(Gamma, Some));
    private static readonly Gen<NodeObservation[]> Gone = Three(Without(Alpha), Standby(Beta, None), Standby(Gamma, None));
    private static readonly Gen<NodeObservation[]> Promoted = Three(Anything(Alpha), Primary(Beta), Standby(Gamma, None));
    private static readonly Gen<NodeObservation[]> PromotedAlone = Three(Without(Alpha), Primary(Beta), Standby(Gamma, None));
    private static readonly Gen<NodeObservation[]> Returned = Three(Primary(Alpha), Primary(Beta), Anything(Gamma));

    private static readonly Gen<NodeObservation[]> Answers = Gen.Frequency(
        (2, Healthy), (4, Gone), (2, Promoted), (1, Returned), (1, Three(Gen.Const(Unreachable()), Gen.Const(Unreachable(Beta)), Gen.Const(Unreachable(Gamma)))), (3, Three(Anything(Alpha), Anything(Beta), Anything(Gamma))));

    private static Gen<Step[]> Phase(Gen<NodeObservation[]> answers) => Gen.Select(
        answers, Gen.Int[1, MostLooks], Gen.Double[0.2, 2], Gen.Frequency((9, Gen.Const(0d)), (1, Gen.Const(6d)), (1, Gen.Const(4000d))),
        Gen.Frequency((9, Gen.Const(false)), (1, Gen.Const(true))), AlphasHost, Gen.Int[0, 255],
        (nodes, looks, every, pause, restart, host, dice) => Enumerable.Range(0, looks).Select(look =>
            new Step(every + (look == 0 ? pause : 0), [.. nodes], host, restart && look == 0, dice % 16 != 0, dice / 16 == 0, dice % 5 != 0)).ToArray());

    private static readonly Gen<Step[]> Phases = Phase(Answers).Array[1, MostPhases].Select(phases => phases.SelectMany(phase => phase).ToArray());

    /// <summary>Half of the worlds begin like a failover.</summary>
    public static readonly Gen<Step[]> Any = Gen.OneOf(
        Phases, Gen.Select(Phase(Healthy), Phase(Gone), Phase(Gen.OneOf(Promoted, PromotedAlone)), Phase(Returned), Phases, (a, b, c, d, e) => (Step[])[.. a, .. b, .. c, .. d, .. e]));

    public static readonly Gen<Policy> Policies = Gen.Select(Gen.Double[2, 12], Gen.Long[0, 40 * 1024 * 1024], Gen.Int[1, 4], Gen.Double[0, 120], Gen.Int[0, 63],
        (threshold, lag, attempts, interval, dice) => new Policy
        {
            Fencing = dice % 4 == 0 ? Fencing.BestEffort : Fencing.Required,
            HasFenceCommand = dice % 3 == 0,
            HasHookBefore = dice % 2 == 0,
            HasHookAfter = dice / 2 % 2 == 0,
            FailoverWhenStopped = dice / 4 % 2 == 0,
            GuardTimeToLive = TimeSpan.FromSeconds(dice / 8 % 4),
            UnreachableThreshold = TimeSpan.FromSeconds(threshold),
            MaximumLagBytes = lag,
            PromotionAttempts = attempts,
            MinimumInterval = TimeSpan.FromSeconds(interval),
        });

    public static IEnumerable<(double At, Step Step)> Timed(Step[] steps)
    {
        var at = 0d;
        foreach (var step in steps)
            yield return (Math.Round(at += step.After, 1), step);
    }

    /// <summary>A world as a scenario script (Scenarios/README.md).</summary>
    public static string Script(Step[] steps, Policy policy) => string.Create(CultureInfo.InvariantCulture,
        $"\nnodes alpha beta gamma\npolicy UnreachableThreshold={policy.UnreachableThreshold.TotalSeconds}s MaximumLagBytes={policy.MaximumLagBytes} "
        + $"PromotionAttempts={policy.PromotionAttempts} MinimumInterval={policy.MinimumInterval.TotalSeconds}s Fencing={policy.Fencing} HasFenceCommand={policy.HasFenceCommand} HasHookBefore={policy.HasHookBefore} "
        + $"HasHookAfter={policy.HasHookAfter} FailoverWhenStopped={policy.FailoverWhenStopped} GuardTimeToLive={policy.GuardTimeToLive.TotalSeconds}s\n")
        + string.Join('\n', Timed(steps).Select(look => (look.Step.Restart ? "restart\n" : "")
            + string.Create(CultureInfo.InvariantCulture, $"at {look.At:0.0} | {string.Join(" | ", look.Step.Nodes.Select(node => Answer(node, look.At)))}")
            + Host(look.Step.Host) + (look.Step.JournalWritable ? "" : " | journal unwritable") + (look.Step.Paused ? " | paused" : "") + (look.Step.ActionSucceeds ? "" : " | action failed")));

    private static string Host(HostObservation? host) => host switch
    {
        null => "",
        { IsReachable: false } => " | host alpha gone",
        { IsFenced: true } => " | host alpha fenced",
        { ControlState: "shut down" } => " | host alpha shut",
        { IsDead: true } => " | host alpha dead",
        { LocalAnswer: PortAnswer.Silent } => " | host alpha hung",
        _ => " | host alpha up",
    };

    private static string Answer(NodeObservation seen, double at) => seen switch
    {
        { Server: { Role: Role.Primary } server } => $"{seen.Node} primary {server.CurrentLsn} {Belongs(server)}",
        { Server: { } server } => $"{seen.Node} standby {server.ReceivedLsn} {Belongs(server)}{(server.ReplayPaused ? " paused" : "")} {Hears(server.WalReceiver, at)}",
        _ => $"{seen.Node} {(seen.Reach == Reach.Unknown ? "unasked" : seen.Reach.ToString().ToLowerInvariant())}",
    };

    private static string Belongs(ServerFacts server) => $"timeline {server.Timeline} system {server.SystemIdentifier}";

    private static string Hears(WalReceiver? receiver, double at) => receiver is { IsStreaming: true }
        ? string.Create(CultureInfo.InvariantCulture, $"heard {at - (receiver.LastMessageAge ?? TimeSpan.Zero).TotalSeconds:0.0}")
        : "silent";
}
