using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Observing;

/// <summary>Two names lead to one standby: its answer counts for the name that its own host confirms.</summary>
public class AliasTests
{
    private static readonly NodeObservation BetaAsStandby = Standby().With(server => server with { StartedAt = Start });

    private static HostObservation Refuses(string node) => new(node, HostReach.Failed, "this is another node's host", TimeSpan.Zero);

    private static ClusterObservation Seen(string also, params HostObservation[] hosts) =>
        At(0, also == Alpha ? BetaAsStandby with { Node = Alpha } : Primary(), BetaAsStandby, also == Gamma ? BetaAsStandby with { Node = Gamma } : Standby(Gamma))
            .With(hosts).WithoutAliases(Alpha);

    [Theory]
    [InlineData(Gamma)]
    [InlineData(Alpha)] // not the expected primary's: what that is says another server
    public void Standby_under_two_names_counts_for_the_one_that_its_host_confirms(string also)
    {
        var seen = Seen(also, HostUp(Beta), Refuses(also));
        Assert.True(seen.Find(Beta) is { IsServingStandby: true });
        Assert.Equal((Reach.Failed, null), (seen.Find(also)!.Reach, seen.Find(also)!.Server));
        Assert.StartsWith("its address leads to the server of beta", seen.Find(also)!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("both hosts confirm their names")]
    [InlineData("one confirms, the other is silent")]
    [InlineData("none is asked")]
    public void Standby_under_two_names_counts_for_none_where_no_host_tells(string what)
    {
        var gamma = what.StartsWith("one", StringComparison.Ordinal) ? HostGone(Gamma) : HostUp(Gamma);
        var seen = Seen(Gamma, HostUp(Beta), gamma);
        seen = what.StartsWith("none", StringComparison.Ordinal)
            ? (At(0, Primary(), BetaAsStandby, BetaAsStandby with { Node = Gamma }) with { Hosts = [] }).WithoutAliases(Alpha) : seen;
        Assert.All([Beta, Gamma], node => Assert.Equal((Reach.Failed, null), (seen.Find(node)!.Reach, seen.Find(node)!.Server)));
        Assert.StartsWith("the addresses of beta, gamma lead to one server", seen.Find(Beta)!.Detail, StringComparison.Ordinal);
    }

    /// <summary>Gamma's name leads to beta: with priority it was elected for beta's WAL.</summary>
    [Fact]
    public void Other_name_of_a_standby_is_no_candidate()
    {
        var watch = new Watch(Three().WithPriority(Gamma, 200));
        watch.Look(0, Primary(), Standby(), Standby(Gamma));
        var dead = BetaAsStandby.With(server => server with { WalReceiver = null, MayPromote = true });
        var decision = watch.Look(At(1, Refused(), dead, dead with { Node = Gamma }).With(HostDead(), Refuses(Gamma)));
        Assert.Equal(Beta, decision.Candidates.First(candidate => candidate.IsEligible).Node);
        Assert.False(Assert.Single(decision.Candidates, candidate => candidate.Node == Gamma).IsEligible);
    }

    [Fact]
    public void Standbys_that_do_not_say_when_they_were_started_are_not_compared() =>
        Assert.All(At(0, Primary(), Standby(), Standby(Gamma)).WithoutAliases(Alpha).Nodes, node => Assert.NotNull(node.Server));
}
