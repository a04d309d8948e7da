namespace PgReplWatchdog.Core.Tests.Scenarios;

public class ScenarioTests
{
    private const string Rewrite = "PGWATCHDOG_REWRITE_SCENARIOS";

    private static readonly string Folder = Repository.File("tests/PgReplWatchdog.Core.Tests/Scenarios");

    public static TheoryData<string> Names => [.. Directory.EnumerateFiles(Folder, "*.txt").Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal)];

    private static string Text(string name) => File.ReadAllText(Path.Combine(Folder, name + ".txt"));

    [Theory, MemberData(nameof(Names))]
    public void Goes_as_it_is_written(string name)
    {
        var played = Scenario.Play(Text(name));
        if (Environment.GetEnvironmentVariable(Rewrite) == "1")
            File.WriteAllText(Path.Combine(Folder, name + ".txt"), played);
        else
            Assert.Equal(Text(name), played);
    }

    [Fact]
    public void Every_verdict_gate_and_action_that_a_scenario_can_show_is_in_one()
    {
        var results = string.Concat(Names.Select(row => Text(row.Data)));
        string[] words =
        [
            .. Enum.GetNames<Verdict>().Select(verdict => $" {verdict}  primary"),
            .. Enum.GetNames<Gate>().Where(gate => gate != nameof(Gate.Unknown)),
            "action: promote", "action: withdraw", "action: fence alpha\n", "action: fence alpha by command", "action: none", "action: run the hook before", "action: run the hook after",
            "action: freeze", "action: salvage", "action: repoint", "action: rejoin", "action: arm guard", "action: disarm guard",
        ];
        Assert.All(words, word => Assert.Contains(word, results, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("look 1.0 | alpha refused")]
    [InlineData("at 1.0 | alpha dead")]
    [InlineData("at 1.0 | alpha primary")]
    [InlineData("at 1.0 | alpha primary 0/1 sleepy")]
    [InlineData("at 1.0 | host alpha asleep")]
    [InlineData("at soon | alpha refused")]
    [InlineData("policy Threshold=10s")]
    [InlineData("policy UnreachableThreshold=10")]
    public void Line_that_cannot_be_read_is_named(string line) =>
        Assert.StartsWith($"line 2, '{line}': ", Assert.Throws<FormatException>(() => Scenario.Play("Sentence.\n" + line)).Message, StringComparison.Ordinal);
}
