namespace PgReplWatchdog.Core.Tests.Topology;

public class GuardBlockTests
{
    private const string Block = """
        # Put here by the guard of PgReplWatchdog (/data/alpha.pgwatchdog/guard) at 2026-01-01T10:20:30Z.
        # It stopped PostgreSQL: for more than 6000 ms nobody outside has acknowledged what this primary wrote.
        # While this file is here PostgreSQL does not start: another node may have been promoted meanwhile.
        """;

    [Fact]
    public void Start_block_of_a_guard_says_when_and_why()
    {
        var expected = new GuardBlock(
            "2026-01-01T10:20:30Z", "for more than 6000 ms nobody outside has acknowledged what this primary wrote");
        Assert.Equal(expected, GuardBlock.Parse(Block));
        Assert.Equal(expected, GuardBlock.Parse(string.Join(' ', Block.Split('\n')[..2])));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("# pgwatchdog fenced this server at 2026-01-01 10:20:30Z")]
    [InlineData("x = 1\n# Put here by the guard of PgReplWatchdog (x) at 2026-01-01T10:20:30Z.\n# It stopped PostgreSQL: x.")]
    [InlineData("# Put here by the guard of PgReplWatchdog (x) at yesterday.\n# It stopped PostgreSQL: x.")]
    public void Any_other_text_is_none(string? text) => Assert.Null(GuardBlock.Parse(text));

    [Fact]
    public void Reason_is_short_and_printable()
    {
        var stopped = GuardBlock.Parse("# Put here by the guard of PgReplWatchdog (x) at 2026-01-01T10:20:30Z.\n"
            + "# It stopped PostgreSQL: \u001b[31mno\a" + new string('x', 1000) + ".\n");
        Assert.Equal(300, stopped!.Reason.Length);
        Assert.StartsWith("[31mnoxxx", stopped.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_to_do_names_the_files() => Assert.Equal(
        "the guard of alpha stopped PostgreSQL at 2026-01-01T10:20:30Z: for more than 6000 ms nobody outside has acknowledged "
        + "what this primary wrote. See which node is the primary. If no other node is: run on the host of alpha: "
        + "rm '/data/alpha/recovery.conf' '/data/alpha.pgwatchdog/guard.armed', then start PostgreSQL. "
        + "If another node is: pgwatchdog setup main --overwrite alpha", GuardBlock.Parse(Block)!.Describe("main", Clusters.Two().Node("alpha")));
}
