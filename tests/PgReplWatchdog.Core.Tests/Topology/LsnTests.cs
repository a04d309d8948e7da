namespace PgReplWatchdog.Core.Tests.Topology;

public class LsnTests
{
    [Theory]
    [InlineData("0/0", 0UL)]
    [InlineData("0/3000000", 0x3000000UL)]
    [InlineData("16/B374D848", 0x16_B374D848UL)]
    [InlineData("16/b374d848", 0x16_B374D848UL)]
    [InlineData("1/0", 0x1_00000000UL)]
    [InlineData("FFFFFFFF/FFFFFFFF", ulong.MaxValue)]
    public void Reads_what_PostgreSQL_writes(string text, ulong value) => Assert.Equal(value, Lsn.Parse(text).Value);

    [Theory]
    [InlineData(0UL, "0/0")]
    [InlineData(0x1_00000000UL, "1/0")]
    [InlineData(0x16_B374D848UL, "16/B374D848")]
    [InlineData(0x16_0374D848UL, "16/374D848")]
    public void Writes_as_PostgreSQL_does(ulong value, string text) => Assert.Equal(text, new Lsn(value).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("0/")]
    [InlineData("/0")]
    [InlineData("0")]
    [InlineData("0/0/0")]
    [InlineData("0x0/0")]
    [InlineData(" 0/0")]
    [InlineData("0/0 ")]
    [InlineData("-1/0")]
    [InlineData("0/G")]
    [InlineData("100000000/0")]
    [InlineData("0/100000000")]
    public void Refuses_text_that_is_no_lsn_and_quotes_it(string text)
    {
        var failure = Assert.Throws<FormatException>(() => Lsn.Parse(text));
        Assert.Contains($"'{text}'", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0/3000000", "0/3000001", -1)]
    [InlineData("0/FFFFFFFF", "1/0", -1)]
    [InlineData("2/0", "10/0", -1)]
    [InlineData("1/0", "1/0", 0)]
    [InlineData("1/0", "0/FFFFFFFF", 1)]
    public void Compares_by_position_and_not_as_text(string left, string right, int expected)
    {
        var (one, other) = (Lsn.Parse(left), Lsn.Parse(right));
        Assert.Equal(expected, Math.Sign(one.CompareTo(other)));
        Assert.Equal(expected < 0, one < other);
        Assert.Equal(expected > 0, one > other);
        Assert.Equal(expected <= 0, one <= other);
        Assert.Equal(expected >= 0, one >= other);
    }

    [Theory]
    [InlineData("0/3000100", "0/3000000", 256)]
    [InlineData("1/0", "0/FFFFFFFF", 1)]
    [InlineData("0/3000000", "0/3000000", 0)]
    [InlineData("0/3000000", "0/3000100", 0)]
    public void Bytes_since_is_zero_where_the_other_is_not_earlier(string now, string earlier, long bytes) =>
        Assert.Equal(bytes, Lsn.Parse(now).BytesSince(Lsn.Parse(earlier)));

    [Theory]
    [InlineData(null, null, null)]
    [InlineData("0/1", null, "0/1")]
    [InlineData(null, "0/1", "0/1")]
    [InlineData("0/1", "0/2", "0/2")]
    [InlineData("0/2", "0/1", "0/2")]
    public void Greater_takes_the_one_that_is_known(string? one, string? other, string? expected) =>
        Assert.Equal(expected, Lsn.Greater(Read(one), Read(other))?.ToString());

    private static Lsn? Read(string? text) => text is null ? null : Lsn.Parse(text);
}
