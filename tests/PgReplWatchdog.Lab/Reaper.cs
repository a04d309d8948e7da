using System.Diagnostics;

namespace PgReplWatchdog.Lab;

/// <summary>The lab's handle of the process that tidies up.</summary>
internal sealed class Reaper
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly Process process;

    private Reaper(Process process) => this.process = process;

    /// <summary>Starts it and has it take the slot; null when somebody else was faster.</summary>
    /// <remarks>
    /// It creates the lab's directory itself, so that there is no moment at which a killed lab would leave one behind. A
    /// session of its own: a Ctrl-C in the terminal does not reach it.
    /// </remarks>
    public static async Task<Reaper?> ClaimAsync(LabSlot slot, LabOptions options)
    {
        var network = options.Namespaces ? options.Hosts : [];
        var links = options.Namespaces ? network.Select((_, index) => slot.Link(index)).Append(slot.Bridge) : [];
        var info = new ProcessStartInfo(Programs.Find("setsid"),
        [
            Programs.Find("perl"), "-e", ReaperScript.Text, slot.Id, slot.Directory, options.Keep ? "1" : "",
            string.Join(',', links), string.Join(',', network.Select(slot.Namespace)),
        ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["PATH"] = Programs.HostPath;
        var process = Process.Start(info) ?? throw new LabException("cannot start the reaper");
        if (await process.StandardOutput.ReadLineAsync().WaitAsync(Deadline) == "claimed")
            return new Reaper(process);
        process.Dispose();
        return null;
    }

    /// <summary>Has everything tidied up, and throws when something could not be.</summary>
    public async Task FinishAsync()
    {
        using var limit = new CancellationTokenSource(Deadline);
        process.StandardInput.Close();
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            var complaints = (await output + await error).Trim();
            if (complaints.Length > 0 || process.ExitCode != 0)
                throw new LabException($"the lab could not be tidied up: {complaints}");
        }
        catch (OperationCanceledException)
        {
            throw new LabException($"the lab was not tidied up within {Deadline.TotalSeconds:0} s");
        }
        finally
        {
            process.Dispose();
        }
    }
}
