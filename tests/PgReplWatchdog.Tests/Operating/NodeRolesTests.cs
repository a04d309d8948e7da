using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>What a load balancer is told, as a function of record and last look.</summary>
public sealed class NodeRolesTests
{
    private static readonly ClusterMemory Replacing = Looks.Known with { Procedure = Looks.Procedure with { PromotedAt = null, Step = ProcedureStep.Fence } };

    private static readonly ClusterMemory Replaced = Looks.Known with { IntendedPrimary = "beta", Epoch = 2, NewestTimeline = 2, Replaced = ["alpha"] };

    [Fact]
    public void While_all_is_well_the_primary_is_the_primary_and_the_standby_a_replica()
    {
        var roles = Roles(Looks.Known, Looks.Primary(), Looks.Standby());
        Assert.Equal((true, true, false), Primaries(roles));
        Assert.True(roles.Replica("beta", null).Yes);
        Assert.False(roles.Replica("alpha", null).Yes);
    }

    [Fact]
    public void A_primary_seen_for_the_first_time_is_taken_as_the_record_takes_it() =>
        Assert.Equal((true, true, false), Primaries(Roles(ClusterMemory.Empty, Looks.Primary(), Looks.Standby())));

    [Fact]
    public void Stale_look_keeps_the_primary_and_says_nothing_of_replicas()
    {
        var roles = Roles(Looks.Known, Looks.Primary(), Looks.Standby());
        var stale = roles with { Silence = Looks.Policy.LateAfter + TimeSpan.FromMilliseconds(1) };
        Assert.Equal((true, true, false), Primaries(stale));
        Assert.Null(stale.Replica("beta", null).Yes);
        Assert.Contains("status is stale", stale.Replica("beta", null).Reason, StringComparison.Ordinal);
        Assert.True((roles with { Silence = Looks.Policy.LateAfter }).Replica("beta", null).Yes);
    }

    [Fact]
    public void Record_counts_before_the_first_look()
    {
        Assert.Equal((true, true, false), Primaries(new NodeRoles(Looks.Spec, Looks.Known, null, TimeSpan.MaxValue)));
        Assert.Equal((true, false, true), Primaries(new NodeRoles(Looks.Spec, Replaced, null, TimeSpan.MaxValue)));
        Assert.Equal((false, false, false), Primaries(new NodeRoles(Looks.Spec, Replacing with { Procedure = Looks.Procedure with { PromotedAt = null } }, null, TimeSpan.MaxValue)));
        Assert.Null(new NodeRoles(Looks.Spec, Looks.Known, null, TimeSpan.MaxValue).Replica("beta", null).Yes);
    }

    /// <summary>A state directory from a backup: whom the load balancer knows as the primary keeps its clients until the record is put right.</summary>
    [Fact]
    public void An_old_record_takes_nothing_from_the_primary_that_serves()
    {
        var beta = Looks.Primary("beta", timeline: 2);
        Assert.Null(new NodeRoles(Looks.Spec, Looks.Known, null, TimeSpan.MaxValue).Primary("beta").Yes);
        Assert.Equal((false, null), One(Roles(Looks.Known, Looks.Standby("alpha", timeline: 2), beta)));
        Assert.Null(Roles(Looks.Known, Looks.Gone(), beta).Primary("beta").Yes);
        Assert.False(Roles(Looks.Known, Looks.Primary(), beta).Primary("beta").Yes);
        var foundOld = Roles(Replaced, Looks.Primary(timeline: 3), Looks.Standby("beta", timeline: 3)) is var roles
            ? roles with { Record = roles.Record with { Later = new LaterEpoch(3, "alpha", "alpha") } } : null;
        Assert.Equal((null, null), One(foundOld!));

        static (bool?, bool?) One(NodeRoles roles) => (roles.Primary("alpha").Yes, roles.Primary("beta").Yes);
    }

    [Fact]
    public void Nothing_is_known_without_a_record()
    {
        var roles = new NodeRoles(Looks.Spec, ClusterMemory.Empty, null, TimeSpan.MaxValue);
        Assert.Null(roles.Primary().Yes);
        Assert.Null(roles.Primary("alpha").Yes);
        Assert.Equal(503, roles.Primary().StatusCode);
    }

    /// <summary>Down, ServingElsewhere, WatchdogIsolated, Busy, Unknown, Crashed: no verdict is a statement against the primary.</summary>
    [Fact]
    public void Primary_keeps_its_clients_whatever_the_verdict_is()
    {
        var alive = new NodeObservation("alpha", Reach.Alive, "too many connections", null);
        var refused = new NodeObservation("alpha", Reach.Refused, "refuses connections", null);
        var odd = new NodeObservation("alpha", Reach.Failed, "does not talk as PostgreSQL does", null);
        NodeObservation[] standbys = [Looks.Standby(), Looks.Standby(streams: false, heard: 60), Looks.Gone("beta")];
        HashSet<Verdict> verdicts = [];
        foreach (var (primary, standby) in from primary in (NodeObservation[])[Looks.Gone(), alive, refused, odd] from standby in standbys select (primary, standby))
        {
            var roles = Roles(Looks.Known, primary, standby);
            verdicts.Add(roles.Last!.Decision.Diagnosis.Verdict);
            Assert.Equal((true, true, false), Primaries(roles));
        }
        Assert.Superset(new HashSet<Verdict> { Verdict.Down, Verdict.ServingElsewhere, Verdict.WatchdogIsolated, Verdict.Busy, Verdict.Unknown }, verdicts);
    }

    [Fact]
    public void Primary_that_says_that_it_is_a_standby_gets_nothing() =>
        Assert.Equal((false, false, false), Primaries(Roles(Looks.Known, Looks.Standby("alpha"), Looks.Standby())));

    [Fact]
    public void A_primary_that_is_being_replaced_gets_nothing() =>
        Assert.Contains("is being replaced by beta", Answer(Roles(Replacing, Looks.Gone(), Looks.Standby(streams: false, heard: 60)), "alpha"), StringComparison.Ordinal);

    /// <summary>
    /// The failover is held before it has done anything: by a hook, by an unwritable journal, by a watchdog that is cut off. Its end may be that the primary stays.
    /// </summary>
    [Theory]
    [InlineData(FencedBy.Unknown, false, true)] // it may serve: the watchdog sees nobody
    [InlineData(FencedBy.Command, false, false)]
    [InlineData(FencedBy.Command, true, true)]
    [InlineData(FencedBy.Unknown, true, true)]
    public void A_failover_that_is_held_takes_nothing_from_a_primary_that_may_serve(FencedBy by, bool serves, bool isPrimary)
    {
        var record = Replacing with { Procedure = Replacing.Procedure! with { FencedBy = by } };
        var roles = Roles(Looks.Known, serves ? Looks.Primary() : Looks.Gone(), serves ? Looks.Standby() : Looks.Gone("beta")) with { Record = record };
        Assert.Equal((isPrimary, isPrimary, false), Primaries(roles));
    }

    [Fact]
    public void A_primary_that_serves_gets_nothing_once_its_successor_was_asked_to_promote_itself()
    {
        var roles = Roles(Looks.Known, Looks.Primary(), Looks.Standby());
        Assert.False((roles with { Record = Looks.Known with { Procedure = Looks.Procedure } }).Primary("alpha").Yes);
    }

    /// <summary>The record decides.</summary>
    [Fact]
    public void A_replaced_primary_that_comes_back_gets_nothing_and_the_new_one_keeps_its_clients()
    {
        var roles = Roles(Replaced, Looks.Primary(), Looks.Primary("beta", timeline: 2));
        Assert.Equal((true, false, true), Primaries(roles));
        Assert.Contains("alpha was replaced by beta", Answer(roles, "alpha"), StringComparison.Ordinal);
    }

    /// <summary>One node's word about itself takes nothing from the primary.</summary>
    [Theory]
    [InlineData(1u)]
    [InlineData(7u)]
    public void Another_node_that_says_that_it_is_primary_changes_nothing(uint timeline)
    {
        var roles = Roles(Looks.Known, Looks.Primary(), Looks.Primary("beta", timeline: timeline));
        Assert.Equal(Verdict.TwoPrimaries, roles.Last!.Decision.Diagnosis.Verdict);
        Assert.Equal((true, true, false), Primaries(roles));
    }

    [Fact]
    public void Another_server_at_the_primarys_address_gets_nothing() =>
        Assert.Equal((false, false, false), Primaries(Roles(Looks.Known, Looks.Primary(system: 42), Looks.Standby())));

    [Fact]
    public void A_standby_that_only_says_that_it_is_primary_is_none_until_it_is_adopted()
    {
        var beta = Looks.Primary("beta", timeline: 2);
        Assert.Equal((true, true, false), Primaries(Roles(Looks.Known, Looks.Gone(), beta))); // a claim takes nothing from the primary on record
        Assert.Equal((true, false, true), Primaries(Roles(Looks.Known with { IntendedPrimary = "beta", NewestTimeline = 2 }, Looks.Gone(), beta)));
    }

    [Theory]
    [InlineData(0, true, null, 1u, true)]
    [InlineData(0, false, null, 1u, false)] // it does not stream
    [InlineData(100, true, 100L, 1u, true)]
    [InlineData(101, true, 100L, 1u, false)]
    [InlineData(101, true, null, 1u, true)]
    public void A_replica_streams_and_lacks_no_more_than_asked_for(long behind, bool streams, long? maximum, uint timeline, bool yes) =>
        Assert.Equal(yes, true == Roles(Looks.Known, Looks.Primary(), Looks.Standby(timeline: timeline, behind: behind, streams: streams)).Replica("beta", maximum).Yes);

    [Fact]
    public void A_standby_on_an_older_timeline_is_no_replica() =>
        Assert.False(Roles(Looks.Known with { NewestTimeline = 2 }, Looks.Primary(timeline: 2), Looks.Standby(timeline: 1)).Replica("beta", null).Yes);

    [Fact]
    public void A_standby_that_was_replaced_is_no_replica_until_the_record_has_it_back()
    {
        var notStreamingThere = Looks.Primary("beta", timeline: 2); // its only walsender is for beta
        Assert.Contains("was replaced", Roles(Replaced, Looks.Standby("alpha", timeline: 2), notStreamingThere).Replica("alpha", null).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Lag_that_nobody_knows_is_not_known()
    {
        var roles = Roles(Looks.Known, Looks.Gone(), Looks.Standby());
        Assert.True(roles.Replica("beta", null).Yes);
        Assert.Null(roles.Replica("beta", long.MaxValue).Yes);
        Assert.Equal(503, roles.Replica("beta", long.MaxValue).StatusCode);
    }

    [Fact]
    public void Standby_that_alone_does_not_answer_is_no_replica()
    {
        Assert.False(Roles(Looks.Known, Looks.Primary(), Looks.Gone("beta")).Replica("beta", null).Yes);
        Assert.Null(Roles(Looks.Known, Looks.Gone(), Looks.Gone("beta")).Replica("beta", null).Yes);
    }

    /// <summary>Whatever is on record and whatever the nodes say.</summary>
    [Fact]
    public void Never_are_two_nodes_the_primary()
    {
        ClusterMemory[] memories = [ClusterMemory.Empty, Looks.Known, Replacing, Replaced, Replaced with { Replaced = [] }, Looks.Known with { Replaced = ["beta"] }];
        var seen = (string node) => new[]
        {
            Looks.Gone(node), Looks.Standby(node), Looks.Standby(node, timeline: 2),
            Looks.Primary(node), Looks.Primary(node, timeline: 2), Looks.Primary(node, timeline: 3), Looks.Primary(node, system: 42),
        };
        var told = 0;
        foreach (var (memory, alpha, beta) in from memory in memories from alpha in seen("alpha") from beta in seen("beta") select (memory, alpha, beta))
        {
            var (cluster, first, second) = Primaries(Roles(memory, alpha, beta));
            Assert.False(first && second, $"{memory} {alpha} {beta}");
            Assert.True(!cluster || first || second, $"{memory} {alpha} {beta}");
            told += first || second ? 1 : 0;
        }
        Assert.InRange(told, 10, int.MaxValue); // else the sentence above says nothing
    }

    private static NodeRoles Roles(ClusterMemory memory, params NodeObservation[] nodes) => Of(Looks.Check(memory, nodes));

    private static NodeRoles Of(Checked last) => new(Looks.Spec, last.Decision.Memory, last, TimeSpan.Zero);

    private static (bool Cluster, bool Alpha, bool Beta) Primaries(NodeRoles roles) => (roles.Primary().Yes == true, roles.Primary("alpha").Yes == true, roles.Primary("beta").Yes == true);

    private static string Answer(NodeRoles roles, string node) => roles.Primary(node).Reason;
}
