using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating;

/// <summary>What a person may ask of a cluster, by command, over HTTP or on the page, and what is answered.</summary>
/// <param name="Name">The command, and the end of the address.</param>
/// <param name="Summary">What it is for.</param>
/// <param name="Ask">Puts it into the journal, for the next check.</param>
public sealed record OperatorAction(string Name, string Summary, Func<OperatorWishes, string, OperatorOutcome> Ask)
{
    public static readonly OperatorAction Pause = new("pause", "Begin no failover until resumed.", (wishes, cluster) => wishes.Pause(cluster, paused: true)
        ? new(true, true, $"{cluster} is paused: no failover begins until pgwatchdog resume {cluster}")
        : new(true, false, $"{cluster} was paused already"));

    public static readonly OperatorAction Resume = new("resume", "End a pause.", (wishes, cluster) => wishes.Pause(cluster, paused: false)
        ? new(true, true, $"{cluster} is watched as before")
        : new(true, false, $"{cluster} was not paused"));

    public static readonly OperatorAction Acknowledge = new("acknowledge", "The last failover has been seen to: the next may begin before MinimumInterval has passed.", (wishes, cluster) =>
        wishes.Acknowledge(cluster) is { } epoch
        ? new(true, true, FormattableString.Invariant($"the last failover of {cluster} (epoch {epoch}) is acknowledged: the next may begin"))
        : new(false, false, $"{cluster} has had no failover that was not acknowledged already"));

    public static readonly ImmutableArray<OperatorAction> All = [Pause, Resume, Acknowledge];

    /// <summary>Asked over HTTP: the status code, and what became of it.</summary>
    /// <param name="stateDirectory">Where the journal is.</param>
    /// <param name="by">Who asks, for the record.</param>
    /// <param name="cluster">Of what.</param>
    public (int Status, OperatorOutcome Outcome) Over(string stateDirectory, string by, string cluster)
    {
        try
        {
            var outcome = Ask(new OperatorWishes(stateDirectory, TimeProvider.System, by), cluster);
            return (outcome.Done ? StatusCodes.Status200OK : StatusCodes.Status409Conflict, outcome);
        }
        catch (JournalUnreadableException failure)
        {
            return (StatusCodes.Status503ServiceUnavailable, new(false, false, failure.Message));
        }
    }

    /// <summary>Why nothing can be changed over HTTP, and how it can be changed all the same.</summary>
    public string WhyOff(string cluster) => $"nothing can be changed over HTTP: no token is configured (ApiTokenFile, Tokens). On the watchdog's host: pgwatchdog {Name} {cluster}";
}

/// <summary>What became of it.</summary>
/// <param name="Done">It is so now, whether it was before or not.</param>
/// <param name="Changed">It was not so before.</param>
/// <param name="Sentence">The same in words.</param>
public sealed record OperatorOutcome(bool Done, bool Changed, string Sentence);
