using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Observing;

public class SuspicionTests
{
    private static readonly TimeSpan LateAfter = Seconds(5);

    private static Suspicion Looked(params (double At, double? Sign)[] looks) => looks.Aggregate(Suspicion.None,
        (suspicion, look) => suspicion.Looked(Seconds(look.At), look.Sign is { } sign ? Seconds(sign) : null, LateAfter, finding: ""));

    private static double SilenceAfter(params (double At, double? Sign)[] looks) => Looked(looks).SilenceAt(Seconds(looks[^1].At)).TotalSeconds;

    [Fact]
    public void Silence_starts_with_the_first_look_and_not_before() => Assert.Equal(0, SilenceAfter((1000, null)));

    [Fact]
    public void First_look_counts_from_itself_even_where_a_walreceiver_heard_something_earlier() => Assert.Equal(0, SilenceAfter((1000, 400)));

    [Fact]
    public void Silence_is_counted_from_the_last_sign_of_life() => Assert.Equal(3, SilenceAfter((0, 0), (1, 1), (2, null), (3, null), (4, null)));

    [Fact]
    public void Walreceivers_last_message_between_two_looks_is_a_sign_of_life() => Assert.Equal(1.4, SilenceAfter((0, 0), (1, 1), (2, 1.6), (3, null)), 6);

    [Fact]
    public void Older_sign_of_life_than_the_last_one_changes_nothing() => Assert.Equal(1, SilenceAfter((0, 0), (1, 1), (2, 0.5)));

    [Fact]
    public void Look_that_is_late_counts_anew() => Assert.Equal(0, SilenceAfter((0, 0), (1, null), (2, null), (7.1, null)));

    [Fact]
    public void Look_just_in_time_goes_on_counting() => Assert.Equal(7, SilenceAfter((0, 0), (1, null), (2, null), (7, null)));

    [Fact]
    public void After_a_late_look_the_whole_threshold_has_to_pass() =>
        Assert.Equal(2, SilenceAfter((0, 0), (1, null), (100, null), (101, null), (102, null)));

    [Fact]
    public void Late_look_forgets_what_the_walreceiver_heard_before_it() => Assert.Equal(0, SilenceAfter((0, 0), (100, 50)));

    [Fact]
    public void Silence_is_never_negative() => Assert.Equal(TimeSpan.Zero, new Suspicion(Seconds(5), Seconds(9)).SilenceAt(Seconds(5)));
}
