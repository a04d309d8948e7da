using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Deciding;

/// <summary>While only standbys hear the primary, they testify for its guard.</summary>
public class GuardTestimonyTests
{
    private static readonly GuardOrder Order = Known.Guard!.Order;

    private static Lsn Position(double second) => new(Here.Value + (ulong)(1000 * second));

    /// <summary>The primary writes 1000 bytes a second, and beta has them.</summary>
    private static NodeObservation BetaAt(double second, double heard = 0.1, double lag = 0) =>
        Standby(Beta, Position(second - lag), heard: heard).With(server => server with
        {
            WalReceiver = server.WalReceiver! with { UpstreamEnd = Position(second) },
        });

    /// <summary>Looks at second 10, 11, ... 19; the guard was seen at second 10 last.</summary>
    private static WorkingMemory Looked(Func<double, NodeObservation> standby) => WorkingMemory.Empty with
    {
        StartedAt = Seconds(1),
        GuardSeenAt = Seconds(10),
        FlushBounds = Enumerable.Range(10, 10).Aggregate(FlushBounds.None,
            (bounds, second) => bounds.Looked(At(second, Unreachable(), standby(second)), Seconds(11))),
    };

    private static TimeSpan? Testified(GuardTestimony? testimony, NodeObservation? now = null, Func<double, NodeObservation>? before = null) =>
        Guarding.Testified(Order, Looked(before ?? (second => BetaAt(second))), At(20, Unreachable(), now ?? BetaAt(20)) with
        {
            Testimonies = testimony is null ? [] : [testimony],
        });

    private static GuardTestimony Message(double flushed, string node = Beta) =>
        new(node, Position(18), Order.Id, Order.Owner, Position(flushed));

    [Theory]
    [InlineData(19.4, 19)]
    [InlineData(18.4, 18)]
    [InlineData(18, 17)] // at second 18 it could have flushed just that
    [InlineData(12.5, 12)]
    [InlineData(10.5, 10)]
    [InlineData(5, 10)] // no news
    public void Message_was_written_after_the_last_look_in_which_the_standby_had_not_flushed_what_it_quotes(double flushed, double seen) =>
        Assert.Equal(Seconds(seen), Testified(Message(flushed)));

    [Fact]
    public void What_the_upstream_had_beyond_the_standby_counts_as_flushed() =>
        Assert.Equal(Seconds(18), Testified(Message(18.4), before: second => BetaAt(second, lag: 3)));

    [Fact]
    public void Answer_that_is_missing_or_proves_no_time_changes_nothing()
    {
        Assert.Equal(Seconds(10), Testified(null));
        Assert.Equal(Seconds(10), Testified(Message(19) with { Flushed = null }));
        Assert.Equal(Seconds(10), Testified(Message(19, Gamma)));
        Assert.Equal(Seconds(10), Testified(new GuardTestimony(Gamma, Position(18))));
        Assert.Equal(Seconds(10), Testified(Message(19), before: _ => Standby().With(server => server with
        {
            WalReceiver = server.WalReceiver! with { UpstreamEnd = null },
        })));
    }

    [Fact]
    public void Standby_that_hears_the_primary_and_has_no_message_ends_the_belief_at_once() =>
        Assert.Null(Testified(new GuardTestimony(Beta, Position(18))));

    [Fact]
    public void Belief_ends_also_where_the_primary_writes_nothing_but_is_heard() =>
        Assert.Null(Testified(new GuardTestimony(Beta, Position(12)), BetaAt(12), second => BetaAt(Math.Min(second, 12))));

    [Fact]
    public void Standby_that_does_not_hear_the_primary_any_more_leaves_what_was_seen()
    {
        var silent = new GuardTestimony(Beta, Position(18));
        Assert.Equal(Seconds(10), Testified(silent, BetaAt(18.1, heard: 1.9), second => BetaAt(Math.Min(second, 18.1))));
        Assert.Equal(Seconds(10), Testified(silent, Deaf(Beta, Position(18))));
        Assert.Equal(Seconds(10), Testified(silent, Unreachable(Beta)));
    }

    [Fact]
    public void Message_under_another_order_or_of_another_owner_ends_the_belief()
    {
        Assert.Null(Testified(Message(19) with { OrderId = "01234567" }));
        Assert.Null(Testified(Message(19) with { Owner = "01234567" }));
    }

    private static ImmutableArray<GuardQuestion> Questions(
        NodeObservation standby, Verdict verdict = Verdict.ServingElsewhere, ClusterMemory? memory = null) => Guarding.Questions(
        new Situation(Two(), memory ?? Known, new Diagnosis(verdict, Alpha, []), Suspicion.None, At(19, Unreachable(), standby)),
        Looked(second => BetaAt(second)).FlushBounds);

    [Fact]
    public void Standbys_of_the_lease_that_hear_the_primary_are_asked()
    {
        Assert.Equal([new GuardQuestion(Beta, 1, Position(18))], Questions(BetaAt(19)));
        Assert.Empty(Questions(Standby(Gamma)));
        Assert.Empty(Questions(Deaf()));
        Assert.Empty(Questions(BetaAt(19).With(server => server with { VersionNumber = 130000 })));
        Assert.Empty(Questions(BetaAt(19), Verdict.Down));
        Assert.Empty(Questions(BetaAt(19), memory: Known with { Guard = null }));
        Assert.Empty(Questions(BetaAt(19), memory: UnderWay(ProcedureStep.Freeze)));
    }
}
