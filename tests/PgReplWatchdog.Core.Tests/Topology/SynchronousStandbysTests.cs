namespace PgReplWatchdog.Core.Tests.Topology;

public class SynchronousStandbysTests
{
    [Theory]
    [InlineData("", 0, "")]
    [InlineData("  ", 0, "")]
    [InlineData("*", 1, "*")]
    [InlineData("beta", 1, "beta")]
    [InlineData("beta, gamma", 1, "beta gamma")]
    [InlineData("2 (beta,gamma)", 2, "beta gamma")]
    [InlineData("FIRST 1 (beta)", 1, "beta")]
    [InlineData(" any 3 ( a , \"b c\" , \"d\"\"e\", * ) ", 3, "a b c d\"e *")]
    public void Setting_is_read_as_PostgreSQL_reads_it(string setting, int needed, string names)
    {
        var read = SynchronousStandbys.Parse(setting)!;
        Assert.Equal((needed, names), (read.Needed, string.Join(' ', read.Names)));
    }

    [Theory]
    [InlineData("FIRST 1 beta")]
    [InlineData("0 (beta)")]
    [InlineData("2 (beta")]
    [InlineData("beta)")]
    [InlineData(",")]
    [InlineData("99999 (beta)")]
    public void Anything_else_is_not_understood(string setting) => Assert.Null(SynchronousStandbys.Parse(setting));

    [Theory]
    [InlineData("FIRST 1 (beta)", "BETA", true)]
    [InlineData("FIRST 1 (beta)", "gamma", false)]
    [InlineData("2 (*)", "beta", false)]
    [InlineData("2 (*)", "beta gamma", true)]
    [InlineData("", "", true)]
    public void Setting_is_met_by_enough_standbys_of_those_names(string setting, string standbys, bool met) =>
        Assert.Equal(met, SynchronousStandbys.Parse(setting)!.IsMetBy(standbys.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
}
