namespace PgReplWatchdog.Simulation.Tests;

/// <summary>The simulator finds what is wrong, and nothing where nothing is.</summary>
public class MutationTests(MutatedBuild build) : IClassFixture<MutatedBuild>
{
    private const int SeedsForMutant = 8000;
    private const int SeedsForEngine = 1500;

    public static TheoryData<string> Names => [.. Mutation.All.Select(mutation => mutation.Name)];

    /// <summary>For `make test-all` alone (tests/run); that each still fits the source, the build of the next test shows as well.</summary>
    [Theory, MemberData(nameof(Names)), Trait("In", "test-all")]
    public void Simulator_finds_the_mutation(string name)
    {
        var expected = Mutation.All.Single(mutation => mutation.Name == name).Invariant;
        var (exitCode, output) = build.Hunt(name, SeedsForMutant, expected);
        TestContext.Current.TestOutputHelper?.WriteLine(output);
        Assert.True(exitCode == 1 && output.Contains($"  {expected}: ", StringComparison.Ordinal), $"{name} was not found to violate {expected}:\n{output}");
    }

    [Fact]
    public void Engine_as_it_is_violates_nothing()
    {
        var (exitCode, output) = build.Hunt("", SeedsForEngine);
        Assert.True(exitCode == 0, output);
    }
}
