namespace PgReplWatchdog.Simulation.Tests;

/// <summary>The simulator finds what is wrong, and nothing where nothing is.</summary>
public class MutationTests(MutatedBuild build) : IClassFixture<MutatedBuild>
{
    private const int SeedsForMutant = 8000;
    private const int SeedsForEngine = 1500;

    /// <summary>Found within seconds: these `make test` has as well.</summary>
    private static readonly HashSet<string> Quick =
    [
        "recent-failover-ignored", "fence-skipped", "threshold-a-check-short", "one-look-is-enough", "freeze-skipped", "guard-margin-negative",
        "guard-forgotten-after-arming", "recorded-after-the-action", "lesser-candidate-first", "salvage-reported-and-not-done",
        "known-position-forgotten", "lease-left-by-a-watchdog-that-is-locked-out", "lease-left-by-a-watchdog-that-stops",
        "lease-of-the-process-before-forgotten",
    ];

    public static IEnumerable<TheoryDataRow<string>> Names =>
        from mutation in Mutation.All
        let row = new TheoryDataRow<string>(mutation.Name)
        select Quick.Contains(mutation.Name) ? row : row.WithTrait("In", "test-all");

    [Theory, MemberData(nameof(Names))]
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
