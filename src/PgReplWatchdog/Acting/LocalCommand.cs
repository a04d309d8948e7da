using System.ComponentModel;
using System.Diagnostics;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Acting;

/// <summary>A command of the operator's choice on the watchdog's own host: the fence command, the hooks.</summary>
public static class LocalCommand
{
    private const int OutputLimit = 500;

    /// <summary>What of the service's environment a command gets. The rest may be settings with secrets in them.</summary>
    private static readonly string[] Inherited = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

    private static readonly TimeSpan OutputWait = TimeSpan.FromSeconds(1);

    /// <summary>Runs it, without a shell, with more in its environment. Null where it ended with status 0; else what was the matter.</summary>
    public static async Task<string?> RunAsync(string command, IReadOnlyDictionary<string, string> environment, TimeSpan limit, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var words = Procedures.Words(command);
        var start = new ProcessStartInfo(words[0], words[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Except(Inherited).ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        Process? process;
        try
        {
            process = Process.Start(start);
        }
        catch (Win32Exception failure)
        {
            return $"{words[0]} cannot be run: {failure.Message}";
        }
        using var running = process!;
        return await EndAsync(running, limit, cancellation);
    }

    private static async Task<string?> EndAsync(Process process, TimeSpan limit, CancellationToken cancellation)
    {
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
        var words = "";
        try
        {
            words = string.Join(' ', (await said.WaitAsync(OutputWait)).Select(text => text.Trim())).Trim();
        }
        catch (TimeoutException)
        {
            // Its exit status is what counts.
        }
        return words.Length > OutputLimit ? words[..OutputLimit] + "..." : words;
    }
}
