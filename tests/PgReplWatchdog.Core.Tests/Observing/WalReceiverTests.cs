using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Observing;

public class WalReceiverTests
{
    private static NodeObservation Old(NodeObservation node) => node.With(server => server with { VersionNumber = 90500 });

    private static NodeObservation Sends(string to, string state = "streaming", ulong system = OurSystem) =>
        Old(Primary(system: system)).With(server => server with { WalSenders = [new(to, state, "async", Here, Here, Here)] });

    private static WalReceiver? Of(NodeObservation standby, params NodeObservation[] others) => At(0, [standby, .. others]).WithWalReceivers().Find(Beta)!.Server!.WalReceiver;

    [Fact]
    public void Standby_that_cannot_say_it_itself_streams_if_its_primary_says_so() =>
        Assert.Equal(new WalReceiver("streaming", null, Alpha), Of(Old(Deaf()), Sends(Beta)));

    [Fact]
    public void Without_the_primary_nothing_is_known() => Assert.Null(Of(Old(Deaf()), Unreachable()));

    [Fact]
    public void Walsender_of_another_or_one_that_has_not_caught_up_says_nothing()
    {
        Assert.Null(Of(Old(Deaf()), Sends(Gamma)));
        Assert.Null(Of(Old(Deaf()), Sends(Beta, "catchup")));
        Assert.Null(Of(Old(Deaf()), Sends(Beta, system: OtherSystem)));
    }

    [Fact]
    public void Two_primaries_say_nothing() => Assert.Null(Of(Old(Deaf()), Sends(Beta), Old(Primary(Gamma))));

    [Fact]
    public void Standby_that_can_say_it_is_believed() => Assert.Null(Of(Deaf(), Sends(Beta)));
}
