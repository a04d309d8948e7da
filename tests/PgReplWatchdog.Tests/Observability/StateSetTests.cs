using System.Collections.Immutable;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>Every state set through every one of its states: a state that is never shown is one that nobody can be alerted to.</summary>
public sealed class StateSetTests
{
    public static TheoryData<string, string> States =>
        [.. from metric in new WatchdogMetrics().All where metric.Type == "state set" from state in metric.States select (metric.Name["pgwatchdog_".Length..], state)];

    [Theory, MemberData(nameof(States))]
    public void A_state_set_shows_what_holds_and_nothing_else(string metric, string state)
    {
        var metrics = new WatchdogMetrics();
        metrics.Announce(Looks.Spec);
        Publish(metrics, Quiet);
        Publish(metrics, Showing(metric, state));
        Assert.Equal([state], Holding(metrics, metric));
        var quiet = Holding(Shown(Quiet), metric);
        Publish(metrics, Quiet);
        Assert.Equal(quiet, Holding(metrics, metric));
    }

    private static WatchdogMetrics Shown(Checked look)
    {
        var metrics = new WatchdogMetrics();
        Publish(metrics, look);
        return metrics;
    }

    /// <summary>The states that are 1; all of them have to be there, of one node.</summary>
    private static List<string> Holding(WatchdogMetrics metrics, string metric)
    {
        var description = metrics.All.First(one => one.Name == $"pgwatchdog_{metric}");
        var node = metric.Contains("slot", StringComparison.Ordinal) ? "node=\"alpha\",slot=\"one\"," : description.Labels.Contains("node") ? "node=\"beta\"," : "";
        var scraped = Scraped.Of(metrics);
        var shown = description.States.ToDictionary(state => state, state => scraped[$"{metric}{{{node}{description.Labels[^1]}=\"{state}\"}}"]);
        Assert.All(shown.Values, value => Assert.True(value is 0 or 1));
        return [.. shown.Where(state => state.Value == 1).Select(state => state.Key)];
    }

    private static void Publish(WatchdogMetrics metrics, Checked look) => metrics.Publish(Looks.Spec, look.Observation, look.Decision, TimeSpan.FromMilliseconds(1));

    private static Checked Quiet => Looks.Check(Looks.Known, WithSlot("reserved"), Looks.Standby());

    /// <summary>A look in which that state holds, of beta where it is one of a node.</summary>
    private static Checked Showing(string metric, string state) => metric switch
    {
        "verdict" => Decided(decision => decision with { Diagnosis = decision.Diagnosis with { Verdict = Enum.Parse<Verdict>(state) } }),
        "gate_shut" => Decided(decision => decision with { Gates = [Shut(state)] }),
        "candidate_ineligible" => Decided(decision => decision with { Candidates = [new Candidate("beta", null, null, [Shut(state)])] }),
        "failover_step" => Remembered(memory => memory with { Procedure = state == "None" ? null : Looks.Procedure with { Step = Enum.Parse<ProcedureStep>(state) } }),
        "node_return_step" => Remembered(memory => memory with { Returning = [new ReturningNode("beta", Enum.Parse<ReturnStep>(state), 1, Looks.Start)] }),
        "node_reach" => Seen(WithSlot("reserved"), Enum.Parse<Reach>(state) == Reach.Serving ? Looks.Standby() : new NodeObservation("beta", Enum.Parse<Reach>(state), "", null)),
        "host_reach" => Hosted(new HostObservation("beta", Enum.Parse<HostReach>(state), "", TimeSpan.Zero)),
        "node_role" => Seen(WithSlot("reserved"), state == nameof(Role.Unknown) ? Looks.Gone("beta") : state == nameof(Role.Primary) ? Looks.Primary("beta") : Looks.Standby()),
        "replication_state" => Sending(state == "disconnected" ? [] : [Sender(state == "other" ? "resting" : state, "async")]),
        "replication_sync_state" => Sending(state == "none" ? [] : [Sender("streaming", state == "other" ? "perhaps" : state)]),
        "replication_slot_wal_status" => Seen(WithSlot(state), Looks.Standby()),
        _ => throw new NotSupportedException($"{metric} is driven through its states by nobody: add a case here"),
    };

    private static ShutGate Shut(string gate) => new(Enum.Parse<Gate>(gate), "beta", "");

    private static WalSender Sender(string state, string syncState) => new("beta", state, syncState, null, null, null);

    private static Checked Decided(Func<Decision, Decision> change) => Quiet with { Decision = change(Quiet.Decision) };

    private static Checked Remembered(Func<ClusterMemory, ClusterMemory> change) => Decided(decision => decision with { Memory = change(decision.Memory) });

    private static Checked Seen(params NodeObservation[] nodes) => Looks.Check(Looks.Known, nodes);

    private static Checked Hosted(HostObservation host) => Quiet with { Observation = Quiet.Observation with { Hosts = [host] } };

    private static Checked Sending(ImmutableArray<WalSender> senders) => Seen(Looks.Primary() with { Server = WithSlot("reserved").Server! with { WalSenders = senders } }, Looks.Standby());

    private static NodeObservation WithSlot(string status)
    {
        var primary = Looks.Primary();
        return primary with { Server = primary.Server! with { Slots = [new ReplicationSlot("one", true, status, null)] } };
    }
}
