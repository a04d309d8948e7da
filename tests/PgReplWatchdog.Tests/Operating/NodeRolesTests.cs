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
    public void A_look_that_is_too_old_says_nothing_of_anybody()
    {
        var roles = Roles(Looks.Known, Looks.Primary(), Looks.Standby());
        var stale = roles with { Silence = Looks.Policy.LateAfter + TimeSpan.FromMilliseconds(1) };
        Assert.Equal((false, false, false), Primaries(stale));
        Assert.False(stale.Replica("beta", null).Yes);
        Assert.Contains("says nothing any more", stale.Primary("alpha").Reason, StringComparison.Ordinal);
        Assert.Equal((true, true, false), Primaries(roles with { Silence = Looks.Policy.LateAfter }));
    }

    [Fact]
    public void Before_the_first_look_nobody_is_anything()
    {
        var roles = new NodeRoles(Looks.Spec, null, TimeSpan.MaxValue);
        Assert.Equal((false, false, false), Primaries(roles));
        Assert.Contains("no check has ended yet", roles.Primary().Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_primary_that_does_not_answer_gets_nothing() =>
        Assert.Equal((false, false, false), Primaries(Roles(Looks.Known, Looks.Gone(), Looks.Standby())));

    [Fact]
    public void A_primary_that_is_being_replaced_gets_nothing_even_if_it_serves() =>
        Assert.Contains("is being replaced by beta", Answer(Roles(Replacing, Looks.Gone(), Looks.Standby()), "alpha"), StringComparison.Ordinal);

    /// <summary>The record decides; the cluster's own address has no server until there is one primary alone.</summary>
    [Fact]
    public void A_replaced_primary_that_comes_back_gets_nothing_and_the_new_one_keeps_its_clients()
    {
        var roles = Roles(Replaced, Looks.Primary(), Looks.Primary("beta", timeline: 2));
        Assert.Equal((false, false, true), Primaries(roles));
        Assert.Contains("alpha was replaced by beta", Answer(roles, "alpha"), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_primaries_of_which_no_failover_of_ours_knows_both_get_nothing() =>
        Assert.Equal((false, false, false), Primaries(Roles(Looks.Known, Looks.Primary(), Looks.Primary("beta"))));

    [Fact]
    public void Another_server_at_the_primarys_address_gets_nothing() =>
        Assert.Equal((false, false, false), Primaries(Roles(Looks.Known, Looks.Primary(system: 42), Looks.Standby())));

    [Fact]
    public void A_standby_that_only_says_that_it_is_primary_is_none_until_it_is_adopted()
    {
        var beta = Looks.Primary("beta", timeline: 2);
        Assert.Equal((false, false, false), Primaries(Roles(Looks.Known, Looks.Gone(), beta)));
        Assert.Equal((true, false, true), Primaries(Roles(Looks.Known with { IntendedPrimary = "beta", NewestTimeline = 2 }, Looks.Gone(), beta)));
    }

    [Theory]
    [InlineData(0, true, null, 1u, true)]
    [InlineData(0, false, null, 1u, false)] // it does not stream
    [InlineData(100, true, 100L, 1u, true)]
    [InlineData(101, true, 100L, 1u, false)]
    [InlineData(101, true, null, 1u, true)]
    public void A_replica_streams_and_lacks_no_more_than_asked_for(long behind, bool streams, long? maximum, uint timeline, bool yes) =>
        Assert.Equal(yes, Roles(Looks.Known, Looks.Primary(), Looks.Standby(timeline: timeline, behind: behind, streams: streams)).Replica("beta", maximum).Yes);

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
    public void A_lag_that_nobody_knows_is_too_great()
    {
        var roles = Roles(Looks.Known, Looks.Gone(), Looks.Standby());
        Assert.True(roles.Replica("beta", null).Yes);
        Assert.False(roles.Replica("beta", long.MaxValue).Yes);
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

    private static NodeRoles Roles(ClusterMemory memory, params PgReplWatchdog.Observing.NodeObservation[] nodes) => new(Looks.Spec, Looks.Check(memory, nodes), TimeSpan.Zero);

    private static (bool Cluster, bool Alpha, bool Beta) Primaries(NodeRoles roles) => (roles.Primary().Yes, roles.Primary("alpha").Yes, roles.Primary("beta").Yes);

    private static string Answer(NodeRoles roles, string node) => roles.Primary(node).Reason;
}
