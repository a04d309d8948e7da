using System.Diagnostics;

namespace PgReplWatchdog.Lab;

/// <summary>The one place where the lab polls.</summary>
internal static class Wait
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Waits until the condition holds, and says what it waited for when that takes too long.</summary>
    public static async Task UntilAsync(
        Func<bool> condition, string what, TimeSpan deadline, CancellationToken ct, Func<string>? log = null)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            if (watch.Elapsed > deadline)
                throw new LabException($"waited {deadline.TotalSeconds:0.#} s in vain: {what}{log?.Invoke()}");
            await Task.Delay(Interval, ct);
        }
    }

    /// <summary>The same for a condition that has to be asked for.</summary>
    public static async Task UntilAsync(
        Func<Task<bool>> condition, string what, TimeSpan deadline, CancellationToken ct, Func<string>? log = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > deadline)
                throw new LabException($"waited {deadline.TotalSeconds:0.#} s in vain: {what}{log?.Invoke()}");
            await Task.Delay(AskInterval, ct);
        }
    }
}
