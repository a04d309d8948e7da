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
        public bool IsNewDecision => Before.Procedure is null && Now.Action is WatchdogAction.Promote;
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
            var seen = At(at, [.. step.Nodes]) with { JournalWritable = step.JournalWritable };
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
        });
        string[] wanted =
        [
            "None", "Promote", "WithdrawPromotion", "Fence", "FailoverSucceeded", "FailoverFailed", "PrimaryAdopted", "NodeReplacedReturned",
            .. Enum.GetNames<Verdict>(),
        ];
        Assert.Empty(wanted.Except(reached));
    }

    [Fact]
    public void Nothing_is_promoted_unless_the_primary_has_been_down_for_the_whole_threshold() => Holds((look, past) =>
    {
        if (!look.IsNewDecision)
            return;
        Assert.Equal(Verdict.Down, look.Now.Diagnosis.Verdict);
        Assert.True(look.Now.Silence >= look.Spec.Policy.UnreachableThreshold);
        Assert.Empty(look.Now.Gates);
        var served = past.LastOrDefault(earlier => earlier.Now.Diagnosis.Verdict is not (Verdict.Down or Verdict.ServingElsewhere));
        Assert.True(served is null || look.Seen.At - served.Seen.At >= look.Spec.Policy.UnreachableThreshold);
    });

    [Fact]
    public void Nothing_is_promoted_while_a_standby_hears_its_primary() => Holds(look =>
        Assert.False(look.IsNewDecision && look.Seen.Nodes.Any(node => node.Server?.WalReceiver is { IsStreaming: true })));

    [Fact]
    public void Nothing_is_promoted_while_a_node_serves_as_primary() => Holds(look =>
        Assert.False(look.IsNewDecision && look.Seen.Nodes.Any(node => node.IsServingPrimary)));

    [Fact]
    public void What_is_promoted_is_a_standby_of_ours_that_has_the_wal() => Holds(look =>
    {
        if (!look.IsNewDecision || look.Now.Action is not WatchdogAction.Promote promote)
            return;
        var chosen = look.Seen.Find(promote.Node)!.Server!;
        Assert.Equal((Role.Standby, look.Before.SystemIdentifier, false), (chosen.Role, (ulong?)chosen.SystemIdentifier, chosen.ReplayPaused));
        Assert.True(chosen.Timeline >= look.Before.NewestTimeline);
        Assert.InRange(look.Now.Candidates[0].MissingBytes!.Value, 0, look.Spec.Policy.MaximumLagBytes);
        Assert.Equal(look.Now.Candidates.Where(candidate => candidate.IsEligible).Max(candidate => candidate.Position), look.Now.Candidates[0].Position);
    });

    [Fact]
    public void Every_promotion_is_on_record_before_it_is_asked_for() => Holds(look =>
    {
        if (look.Now.Action is not WatchdogAction.Promote promote)
            return;
        var procedure = Assert.IsType<Procedure>(look.Now.Memory.Procedure);
        Assert.Equal((promote.Node, ProcedureStep.Promote, look.Now.Memory.Epoch), (procedure.To, procedure.Step, procedure.Epoch));
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
    public void Only_a_replaced_node_that_serves_as_primary_is_fenced() => Holds(look =>
    {
        if (look.Now.Action is not WatchdogAction.Fence fence)
            return;
        Assert.Contains(fence.Node, look.Before.Replaced);
        Assert.NotEqual(look.Before.IntendedPrimary, fence.Node);
        Assert.True(look.Seen.Find(fence.Node)!.IsServingPrimary);
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
    public void Nothing_is_ever_promoted_unless_the_primary_is_down_in_that_look() => Holds(look =>
    {
        if (look.Now.Action is WatchdogAction.Promote)
            Assert.Equal(Verdict.Down, look.Now.Diagnosis.Verdict);
    });

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
    public void Automatic_off_lets_no_failover_begin() => Holds(look => Assert.IsNotType<WatchdogAction.Promote>(
        Decider.Decide(Three(look.Spec.Policy with { Automatic = false }), look.Before with { Procedure = null }, WorkingMemory.Empty, look.Seen).Action));
}
