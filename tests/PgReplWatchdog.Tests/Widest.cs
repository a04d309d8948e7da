namespace PgReplWatchdog.Tests;

/// <summary>Rows of a matrix that `make test-all` alone runs (tests/run leaves this trait out). On methods: [Trait(Widest.Trait, Widest.Run)].</summary>
internal static class Widest
{
    public const string Trait = "In";
    public const string Run = "test-all";

    /// <summary>The row, for `make test-all` alone where that is asked for.</summary>
    public static TRow WidestIf<TRow>(this TRow row, bool widest)
        where TRow : TheoryDataRowBase => widest ? row.WithTrait(Trait, Run) : row;
}
