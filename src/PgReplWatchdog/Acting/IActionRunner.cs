using PgReplWatchdog.Deciding;

namespace PgReplWatchdog.Acting;

/// <summary>The watchdog's hands: real hosts here; the seam for a simulated world.</summary>
public interface IActionRunner
{
    /// <summary>Carries out one action within its own limit of time and says what came of it. Never throws for what a host does.</summary>
    /// <param name="action">What is to be done.</param>
    /// <param name="epoch">Of the record by which it is done: a host that knows a later one refuses.</param>
    /// <param name="cancellation">Ends it.</param>
    Task<ActionOutcome> RunAsync(WatchdogAction action, long epoch, CancellationToken cancellation);
}

/// <summary>What came of an action. What is true afterwards is for the next look to find out.</summary>
/// <param name="Succeeded">It came to its end as wanted.</param>
/// <param name="Words">What happened, for people.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Bytes">WAL salvaged, where that was the action.</param>
public sealed record ActionOutcome(bool Succeeded, string Words, TimeSpan Took, long? Bytes = null);
