namespace PgReplWatchdog.Lab;

/// <summary>Somebody who writes rows and keeps account of what was acknowledged.</summary>
public interface IWriter : IAsyncDisposable
{
    /// <summary>The name in its rows; each writer of a lab has its own.</summary>
    string Client { get; }

    /// <summary>Rows acknowledged so far, oldest first.</summary>
    IReadOnlyList<Acknowledged> Acknowledged { get; }

    void Start();

    Task StopAsync();
}

/// <summary>How fast a writer writes.</summary>
/// <param name="Delay">The pause after each acknowledged row.</param>
/// <param name="Connections">How many rows are on their way at a time.</param>
public sealed record Pace(TimeSpan Delay, int Connections = 1)
{
    /// <summary>Some hundred rows a second.</summary>
    public static Pace Calm { get; } = new(TimeSpan.FromMilliseconds(2));

    /// <summary>As many as go; more than a thousand rows a second on a machine that has nothing else to do.</summary>
    public static Pace Fast { get; } = new(TimeSpan.Zero, 4);
}
