using CsCheck;
using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Properties;

/// <summary>
/// What holds in every world, whatever the nodes answer. A world in which a rule does not hold is made small and printed as a scenario
/// script: give it a sentence and a place among the scenarios. A rule gets every look with what was known before it, and those before.
/// </summary>
public class DeciderProperties
{
    private const int WorldCount = 300;

    private sealed record Look(ClusterSpec Spec, ClusterMemory Before, ClusterObservation Seen, Decision Now)
    {
        public bool IsNewDecision => Now.Events.Any(told => told.Kind == EventKind.FailoverDecided);
    }

    private static void Holds(Action<Look> rule) => Holds((look, _) => rule(look));

    private static void Holds(Action<Look, List<Look>> rule) => Gen.Select(Worlds.Any, Worlds.Policies).Hold(WorldCount, world =>
    {
        var (steps, policy) = world;
        var watch = new Watch(Three(policy), ClusterMemory.Empty);
        var past = new List<Look>();
        foreach (var (at, step) in Worlds.Timed(steps))
        {
            if (step.Restart)
                watch.Restart();
            var before = watch.Memory;
            var seen = At(at, [.. step.Nodes]).With(step.Host is { } host ? [host] : []) with
            {
                JournalWritable = step.JournalWritable,
                Wish = new OperatorWish(step.Paused, 0),
                Report = past.Count == 0 || step.Restart || past[^1].Now.Action is WatchdogAction.None ? null
                    : new ActionReport(past[^1].Now.Action.Kind, past[^1].Now.Action.Node, step.ActionSucceeds),
            };
            var look = new Look(Three(policy), before, seen, watch.Look(seen));
            rule(look, past);
            past.Add(look);
        }
    }, world => Worlds.Script(world.Item1, world.Item2));

    [Fact]
    public void Worlds_reach_every_action_and_every_end_of_a_failover()
    {
        var reached = new HashSet<string>();
        Holds(look =>
        {
            reached.Add(look.Now.Action.GetType().Name);
            reached.UnionWith(look.Now.Events.Select(told => told.Kind.ToString()));
            reached.Add(look.Now.Diagnosis.Verdict.ToString());
            reached.Add($"fenced by {look.Now.Memory.Procedure?.FencedBy}");
        });
        string[] wanted =
        [
            .. WatchdogAction.Kinds.Except([nameof(WatchdogAction.ArmGuard), nameof(WatchdogAction.DisarmGuard)]), // these are looked past at once
            "None", "FailoverSucceeded", "FailoverFailed", "FailoverWithdrawn", "PrimaryAdopted", "NodeReplacedReturned", "GuardChanged",
            .. Enum.GetNames<Verdict>(), .. Enum.GetNames<FencedBy>().Select(by => "fenced by " + by),
        ];
        Assert.Empty(wanted.Except(reached));
    }

    [Fact]
    public void No_failover_is_decided_unless_a_failure_stood_for_its_whole_threshold_and_every_gate_is_open() => Holds((look, past) =>
    {
        if (!look.IsNewDecision)
            return;
        var verdict = look.Now.Diagnosis.Verdict;
        Assert.True(verdict.IsFailure());
        Assert.Empty(look.Now.Gates);
        var threshold = verdict == Verdict.Crashed ? look.Spec.Policy.CrashedThreshold : look.Spec.Policy.UnreachableThreshold;
        var served = past.LastOrDefault(earlier => !earlier.Now.Diagnosis.Verdict.IsFailure() && earlier.Now.Diagnosis.Verdict != Verdict.ServingElsewhere);
        Assert.True(served is null || look.Seen.At - served.Seen.At >= threshold);
        Assert.True(past.Count > 0 && past[^1].Now.Diagnosis.Verdict == verdict, "one look alone");
    });

    [Fact]
    public void There_is_no_failure_while_a_node_hears_the_primary_but_a_hung_one() => Holds(look =>
        Assert.False(look.Now.Diagnosis.Verdict.IsFailure() && look.Now.Diagnosis.Verdict != Verdict.Hung && look.Seen.Nodes.Any(node => Diagnostician.Hears(node, look.Now.Diagnosis.Primary))));

    [Fact]
    public void Nothing_is_promoted_that_is_not_fenced_where_fencing_is_required() => Holds(look =>
    {
        if (look.Now.Action is WatchdogAction.Promote)
            Assert.True(look.Now.Memory.Procedure!.FencedBy is not FencedBy.Unknown && (look.Now.Memory.Procedure.FencedBy != FencedBy.Nothing || look.Spec.Policy.Fencing == Fencing.BestEffort));
    });

    [Fact]
    public void Same_input_gives_the_same_output() => Holds(look =>
    {
        var (one, other) = (Decider.Decide(look.Spec, look.Before, WorkingMemory.Empty, look.Seen), Decider.Decide(look.Spec, look.Before, WorkingMemory.Empty, look.Seen));
        Assert.Equal(Text(one), Text(other));

        static string Text(Decision decision) => string.Join('|', Scenarios.ScenarioText.Result(decision), Scenarios.ScenarioText.Memory(decision.Memory),
            decision.Silence, decision.LookAgainIn, string.Join(';', decision.Events.Select(told => told.Sentence)));
    });

    [Fact]
    public void Nothing_is_promoted_while_a_node_serves_as_primary() => Holds(look =>
        Assert.False(look.IsNewDecision && look.Seen.Nodes.Any(node => node.IsServingPrimary)));

    [Fact]
    public void What_is_promoted_is_a_standby_of_ours_that_has_the_wal() => Holds(look =>
    {
        if (look.Now.Action is not WatchdogAction.Promote promote || look.Before.Procedure is { PromotedAt: not null })
            return;
        var chosen = look.Now.Working.Followed.In(look.Seen).Find(promote.Node)!.Server!;
        Assert.Equal((Role.Standby, look.Before.SystemIdentifier, false), (chosen.Role, (ulong?)chosen.SystemIdentifier, chosen.ReplayPaused));
        Assert.True(chosen.Timeline >= look.Before.NewestTimeline);
        var candidate = look.Now.Candidates.Single(candidate => candidate.Node == promote.Node);
        if (candidate.MissingBytes is { } missing)
            Assert.InRange(missing, 0, look.Spec.Policy.MaximumLagBytes);
        else
            Assert.NotNull(look.Now.Memory.Procedure!.SalvagedBytes); // what it lacked was not known: it was shipped
        Assert.Equal(look.Now.Candidates[0], candidate);
    });

    [Fact]
    public void Every_promotion_is_on_record_before_it_is_asked_for() => Holds(look =>
    {
        if (look.Now.Action is not WatchdogAction.Promote promote)
            return;
        var procedure = Assert.IsType<Procedure>(look.Now.Memory.Procedure);
        Assert.Equal((promote.Node, ProcedureStep.Promote), (procedure.To, procedure.Step));
        Assert.True(procedure.PromotedAt is not null && look.Now.Memory.Epoch > 1);
        Assert.InRange(procedure.Attempts, 1, look.Spec.Policy.PromotionAttempts);
        Assert.Equal(promote.Node, look.Now.Memory.IntendedPrimary);
        Assert.Contains(procedure.From, look.Now.Memory.Replaced);
    });

    [Fact]
    public void Node_that_is_to_be_primary_is_never_one_that_is_to_be_fenced() => Holds(look =>
    {
        Assert.DoesNotContain(look.Now.Memory.IntendedPrimary ?? "", look.Now.Memory.Replaced);
        Assert.Distinct(look.Now.Memory.Replaced);
    });

    [Fact]
    public void Replaced_node_is_intended_again_only_as_a_standby_or_on_a_newer_timeline() => Holds(look =>
    {
        if (look.Now.Memory.IntendedPrimary is { } intended && look.Before.Replaced.Contains(intended) && look.Before.Procedure is null)
            Assert.True(look.Seen.Find(intended) is { IsServingStandby: true } || look.Seen.Find(intended)!.Server!.Timeline > look.Before.NewestTimeline);
    });

    [Fact]
    public void Only_the_one_that_is_being_replaced_or_a_replaced_one_that_serves_as_primary_or_may_start_is_fenced() => Holds(look =>
    {
        if (look.Now.Action is not WatchdogAction.Fence fence || fence.Node == look.Now.Memory.Procedure?.From)
            return;
        if (look.Now.Memory.Procedure?.PassedOver.Contains(fence.Node) == true)
        {
            Assert.True(fence.OnlyStandby);
            return;
        }
        Assert.Contains(fence.Node, look.Before.Replaced);
        Assert.NotEqual(look.Before.IntendedPrimary, fence.Node);
        Assert.True(look.Seen.Find(fence.Node)!.IsServingPrimary || look.Seen.Host(fence.Node) is { IsDead: true, IsFenced: false });
    });

    [Fact]
    public void Replaced_node_that_serves_as_primary_is_fenced_unless_a_failover_is_under_way() => Holds(look =>
    {
        if (look.Before.Procedure is null && look.Before.Replaced.Any(node => look.Seen.Find(node) is { IsServingPrimary: true, Server: { } server }
            && server.SystemIdentifier == look.Before.SystemIdentifier && server.Timeline < look.Before.NewestTimeline))
            Assert.IsType<WatchdogAction.Fence>(look.Now.Action);
    });

    [Fact]
    public void Epoch_grows_by_one_with_each_intended_primary_and_never_shrinks() => Holds(look =>
        Assert.Equal(look.Before.Epoch + (look.Before.IntendedPrimary == look.Now.Memory.IntendedPrimary ? 0 : 1), look.Now.Memory.Epoch));

    [Fact]
    public void Timeline_never_goes_back_and_the_system_stays_the_same() => Holds(look =>
    {
        Assert.True(look.Now.Memory.NewestTimeline >= look.Before.NewestTimeline);
        Assert.True(look.Before.SystemIdentifier is null || look.Before.SystemIdentifier == look.Now.Memory.SystemIdentifier);
    });

    [Fact]
    public void Failovers_begin_no_sooner_than_the_minimum_interval_after_the_last_one() => Holds(look =>
    {
        if (look.IsNewDecision && look.Before.LastFailover is { } last)
            Assert.True(look.Seen.Time - last.FinishedAt >= look.Spec.Policy.MinimumInterval);
    });

    /// <summary>Also for a promotion on record: it is asked for only on the evidence that would begin it.</summary>
    [Fact]
    public void Nothing_is_ever_promoted_unless_the_primary_has_failed_in_that_look() => Holds(look =>
        Assert.False(look.Now.Action is WatchdogAction.Promote && !look.Now.Diagnosis.Verdict.IsFailure()));

    [Fact]
    public void Memory_is_the_same_instance_where_nothing_changed() => Holds(look =>
    {
        var same = look.Before.Replaced.SequenceEqual(look.Now.Memory.Replaced) && look.Before == look.Now.Memory with { Replaced = look.Before.Replaced };
        Assert.Equal(same, ReferenceEquals(look.Before, look.Now.Memory));
    });

    [Fact]
    public void Late_look_and_first_look_start_the_silence_anew() => Holds((look, past) =>
    {
        if (past.Count == 0 || look.Seen.At - past[^1].Seen.At > look.Spec.Policy.LateAfter)
            Assert.Equal(TimeSpan.Zero, look.Now.Silence);
    });

    [Fact]
    public void Unwritable_journal_lets_no_failover_begin() => Holds(look => Assert.False(look.IsNewDecision && !look.Seen.JournalWritable));

    [Fact]
    public void Pause_lets_no_failover_begin() => Holds(look => Assert.False(look.IsNewDecision && look.Seen.Wish.Paused));
}
