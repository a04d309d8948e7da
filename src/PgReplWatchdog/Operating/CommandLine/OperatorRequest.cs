using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>What `adopt` and `takeover` have in common: a confirmation, and a request that the service's next check takes.</summary>
internal static class OperatorRequest
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Says what the request means, and has the operator type a word. False where nothing is to be changed.</summary>
    public static async Task<bool> ConfirmsAsync(string meaning, string word, CancellationToken cancellation)
    {
        await Console.Out.WriteLineAsync(meaning);
        if (Console.IsInputRedirected)
        {
            await Console.Error.WriteLineAsync("nothing was changed: this asks for confirmation on a terminal; give --yes");
            return false;
        }
        await Console.Out.WriteAsync($"Type {word} to go on: ");
        if (await Console.In.ReadLineAsync(cancellation) == word)
            return true;
        await Console.Error.WriteLineAsync("nothing was changed");
        return false;
    }

    /// <summary>Waits until the record shows that it is done, or the service says that it has to wait.</summary>
    /// <param name="journal">Of the service.</param>
    /// <param name="cluster">Its name.</param>
    /// <param name="last">The newest event from before the request.</param>
    /// <param name="isDone">What the record says then.</param>
    /// <param name="done">What to say then.</param>
    /// <param name="waits">The kind of event that tells why it has to wait.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public static async Task<int> UntilDoneAsync(
        JournalReader journal, string cluster, long last, Func<bool> isDone, string done, EventKind waits, CancellationToken cancellation)
    {
        var asked = TimeProvider.System.GetTimestamp();
        do
        {
            await Task.Delay(Pause, TimeProvider.System, cancellation);
            if (isDone())
            {
                await Console.Out.WriteLineAsync(done);
                return ExitCode.Ok;
            }
            if (journal.Events(cluster, 100, last).FirstOrDefault(told => told.Kind == waits) is { } reason)
            {
                await Console.Error.WriteLineAsync(reason.Sentence);
                return ExitCode.Failed;
            }
        }
        while (TimeProvider.System.GetElapsedTime(asked) < LongestWait);
        await Console.Error.WriteLineAsync(FormattableString.Invariant(
            $"no check of {cluster} has taken the request in {LongestWait.TotalSeconds:0} s: does the service run (pgwatchdog status {cluster})? ")
            + FormattableString.Invariant($"The request ends after {Adoption.RequestHolds.TotalMinutes:0} min"));
        return ExitCode.Failed;
    }
}
