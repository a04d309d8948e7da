using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>What a standby's host may answer when it is asked for the guard's messages.</summary>
public sealed class GuardMessagesTests
{
    private static readonly GuardQuestion Question = new("beta", 1, Lsn.Parse("0/3000000"));

    private static GuardTestimony? Read(string output) => GuardMessages.Read(Question, output);

    [Fact]
    public void Newest_message_is_read()
    {
        var message = new GuardTestimony("beta", Question.After, "89abcdef", "01234567", Lsn.Parse("0/3000060"));
        Assert.Equal(message, Read("guard 89abcdef 01234567 alpha=0/1 beta=0/3000060\nread\n"));
        Assert.Equal(message, Read("guard 89abcdef 01234567 beta=0/3000070 beta=0/3000060\nread\n"));
        Assert.Equal(message with { Owner = "" }, Read("guard 89abcdef - beta=0/3000060\nread\n"));
        Assert.Equal(message with { Flushed = null }, Read("guard 89abcdef 01234567 alpha=0/1\nread\n"));
        Assert.Equal(message with { Flushed = null }, Read("guard 89abcdef 01234567\nread\n"));
        Assert.Equal(new GuardTestimony("beta", Question.After), Read("read\n"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("guard 89abcdef 01234567 beta=0/3000060\n")]
    [InlineData("guard 89abcdef 01234567 beta=nonsense\nread\n")]
    [InlineData("guard ? 01234567 beta=0/3000060\nread\n")]
    [InlineData("read\nguard 89abcdef 01234567 beta=0/3000060\n")]
    public void Answer_that_cannot_be_understood_says_nothing(string output) => Assert.Null(Read(output));
}
