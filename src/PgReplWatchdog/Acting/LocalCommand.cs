using System.Diagnostics;

namespace PgReplWatchdog.Acting;

/// <summary>A command of the operator's choice on the watchdog's own host: the fence command, the hooks.</summary>
public static class LocalCommand
{
    private const int OutputLimit = 500;

    /// <summary>Runs it by /bin/sh with more in its environment. Null where it ended with status 0; else what was the matter.</summary>
    public static async Task<string?> RunAsync(string command, IReadOnlyDictionary<string, string> environment, TimeSpan limit, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var start = new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(limit);
        var said = Task.WhenAll(process.StandardError.ReadToEndAsync(deadline.Token), process.StandardOutput.ReadToEndAsync(deadline.Token));
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellation.ThrowIfCancellationRequested();
            return $"it did not end within {limit.TotalSeconds:0.#} s and was killed";
        }
        return process.ExitCode == 0 ? null : $"exit status {process.ExitCode}: {await WordsAsync(said)}";
    }

    /// <summary>A child that was left behind may keep the output open: what it says later is not waited for.</summary>
    private static async Task<string> WordsAsync(Task<string[]> said)
    {
        var words = await Task.WhenAny(said, Task.Delay(TimeSpan.FromSeconds(1))) == said && said.IsCompletedSuccessfully ? string.Join(' ', said.Result.Select(text => text.Trim())).Trim() : "";
        return words.Length > OutputLimit ? words[..OutputLimit] + "..." : words;
    }
}
