namespace PgReplWatchdog.Core.Tests.Topology;

public class TimelineHistoryTests
{
    private static TimelineHistory Parse(string text) => TimelineHistory.Parse(text)!;

    [Fact]
    public void History_is_read_as_postgresql_writes_it()
    {
        Assert.Equal(new TimelineHistory(1, ""), TimelineHistory.Parse("1"));
        Assert.Equal(new TimelineHistory(3, "1 0/3000000 2 0/4000000"), TimelineHistory.Parse("3 1 0/3000000 2 0/4000000"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("2")]
    [InlineData("-2 1 0/3000000")]
    [InlineData("2 1")]
    [InlineData("2 1 here")]
    [InlineData("2 2 0/3000000")]
    [InlineData("3 2 0/3000000 1 0/4000000")]
    [InlineData("1 1 0/3000000")]
    [InlineData("99999999999 1 0/3000000")]
    public void Anything_else_is_unknown(string text) => Assert.Null(TimelineHistory.Parse(text));

    [Fact]
    public void More_than_a_cluster_has_promotions_is_unknown() =>
        Assert.Null(TimelineHistory.Parse("1000 " + string.Join(' ', Enumerable.Range(1, 600).Select(number => $"{number} 0/{number:X}"))));

    [Fact]
    public void Ancestors_have_their_part_of_the_history()
    {
        var history = Parse("3 1 0/3000000 2 0/4000000");
        Assert.Equal(history, history.Of(3));
        Assert.Equal(Parse("2 1 0/3000000"), history.Of(2));
        Assert.Equal(Parse("1"), history.Of(1));
        Assert.Null(history.Of(4));
        Assert.Null(Parse("1").Of(2));
    }

    [Fact]
    public void Timeline_continues_its_ancestors_and_no_other_of_their_number()
    {
        var history = Parse("3 1 0/3000000 2 0/4000000");
        Assert.True(history.Continues(Parse("1")));
        Assert.True(history.Continues(Parse("2 1 0/3000000")));
        Assert.True(history.Continues(history));
        Assert.False(history.Continues(Parse("2 1 0/3000100")));
        Assert.False(history.Continues(Parse("3 1 0/3000000 2 0/4000100")));
        Assert.False(history.Continues(Parse("4 1 0/3000000 2 0/4000000 3 0/5000000")));
    }
}
