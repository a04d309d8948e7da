using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>What would have been decided with another policy.</summary>
public sealed class ReplayTests
{
    /// <summary>Eight seconds, which the policy of then let pass.</summary>
    private static readonly IReadOnlyList<Look> Short = Looks.Outage(goneFrom: 3, backAt: 11, Looks.Policy);

    [Fact]
    public void The_policy_of_then_decides_as_it_did()
    {
        var incident = Assert.Single(Replay.Run(Looks.Spec, Short));
        Assert.Null(incident.Decided);
        Assert.Null(incident.WouldDecide);
        Assert.Equal([Verdict.Down], incident.Verdicts.AsEnumerable());
        Assert.Equal((Looks.Start.AddSeconds(3), Looks.Start.AddSeconds(11)), (incident.Began, incident.Ended!.Value));
        Assert.Equal([Gate.ThresholdNotReached], incident.ShutToTheLast.Select(gate => gate.Gate));
    }

    [Fact]
    public void A_shorter_threshold_would_have_promoted_and_says_when()
    {
        var incident = Assert.Single(Run(5, Short));
        Assert.Null(incident.Decided);
        Assert.Equal(TimeSpan.FromSeconds(5), incident.WouldDecide!.Time - Looks.Start.AddSeconds(2)); // the last sign of life
        Assert.Contains("candidate beta", incident.WouldDecide.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_longer_threshold_would_not_have_promoted_where_it_was_done()
    {
        var decided = Looks.Outage(goneFrom: 3, backAt: 20, Looks.Policy);
        Assert.NotNull(Assert.Single(Replay.Run(Looks.Spec, decided)).Decided);
        var incident = Assert.Single(Run(60, decided));
        Assert.NotNull(incident.Decided);
        Assert.Null(incident.WouldDecide);
    }

    [Fact]
    public void A_lesser_maximum_lag_keeps_the_gate_shut()
    {
        var behind = Short.Select(look => look.Observation.Nodes[0].IsServingPrimary ? Ahead(look) : look).ToList();
        Assert.NotNull(Assert.Single(Run(5, behind)).WouldDecide);
        var incident = Assert.Single(Replay.Run(Looks.Spec with { Policy = Looks.Policy with { UnreachableThreshold = TimeSpan.FromSeconds(5), MaximumLagBytes = 100 } }, behind));
        Assert.Null(incident.WouldDecide);
        Assert.Contains(Gate.CandidateTooFarBehind, incident.ShutToTheLast.Select(gate => gate.Gate));
    }

    /// <summary>Its clock begins anew, and it cannot know of the silence before.</summary>
    [Fact]
    public void A_new_process_counts_silence_anew()
    {
        var restarted = Short.Take(7).Concat(Short.Skip(7).Select(look => look with { Run = "2" })).ToList();
        Assert.NotNull(Assert.Single(Run(5, Short)).WouldDecide);
        Assert.Null(Assert.Single(Run(5, restarted)).WouldDecide);
    }

    /// <summary>What would have been done counts: else a flapping primary would be replaced again and again.</summary>
    [Fact]
    public void Within_the_minimum_interval_there_is_one_failover()
    {
        var twice = Short.Concat(Short.Select(look => look with
        {
            Observation = look.Observation with { At = look.Observation.At + TimeSpan.FromSeconds(12), Time = look.Observation.Time.AddSeconds(12) },
        })).ToList();
        var incidents = Run(5, twice);
        Assert.Equal(2, incidents.Length);
        Assert.NotNull(incidents[0].WouldDecide);
        Assert.Null(incidents[1].WouldDecide);
        Assert.Contains(Gate.RecentFailover, incidents[1].ShutToTheLast.Select(gate => gate.Gate));
    }

    [Fact]
    public void Nothing_recorded_is_no_incident() => Assert.Empty(Replay.Run(Looks.Spec, []));

    /// <summary>A decision not to act, with the evidence of a decision to act.</summary>
    [Fact]
    public void A_finding_that_ended_without_a_failover_is_told_with_its_gates_and_evidence()
    {
        var (memory, working, before) = (Looks.Known, WorkingMemory.Empty, (Decision?)null);
        List<WatchdogEvent> told = [];
        foreach (var look in Short)
        {
            var decision = Decider.Decide(Looks.Spec, memory, working, look.Observation);
            told.AddRange(Changes.Between(before, decision));
            (memory, working, before) = (decision.Memory, decision.Working, decision);
        }
        var why = Assert.Single(told, entry => entry.Kind == EventKind.FailoverNotBegun).Sentence;
        Assert.StartsWith("no failover was begun: verdict Down stood for 8.0 s and ended with Serving; shut to the last: ThresholdNotReached (", why, StringComparison.Ordinal);
        Assert.Contains("it rested on: alpha is unreachable: no answer", why, StringComparison.Ordinal);
    }

    private static System.Collections.Immutable.ImmutableArray<Replay.Incident> Run(double threshold, IReadOnlyList<Look> looks) =>
        Replay.Run(Looks.Spec with { Policy = Looks.Policy with { UnreachableThreshold = TimeSpan.FromSeconds(threshold) } }, looks);

    private static Look Ahead(Look look)
    {
        var primary = look.Observation.Nodes[0];
        return look with
        {
            Observation = look.Observation with { Nodes = look.Observation.Nodes.SetItem(0, primary with { Server = primary.Server! with { CurrentLsn = new(0x3000000 + 1000) } }) },
        };
    }
}
