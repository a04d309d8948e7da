using System.Diagnostics;

namespace PgReplWatchdog.Lab;

/// <summary>Runs a program to its end, as the lab's own user and outside of every host.</summary>
internal static class Command
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>Returns what the program printed; throws with its error output when it fails.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="ct">Kills it.</param>
    /// <param name="input">Its standard input.</param>
    /// <param name="labId">Lets the reaper end it: it must not go on creating things when the lab has died.</param>
    public static async Task<string> RunAsync(
        string program, IReadOnlyList<string> arguments, CancellationToken ct, string? input = null, string? labId = null)
    {
        var (exitCode, output, error) = await TryRunAsync(program, arguments, input, ct, labId);
        return exitCode == 0
            ? output
            : throw new LabException($"{program} {string.Join(' ', arguments)} failed ({exitCode}): {error.Trim()}\n{input}".TrimEnd());
    }

    public static async Task<CommandResult> TryRunAsync(
        string program, IReadOnlyList<string> arguments, string? input, CancellationToken ct, string? labId = null, TimeSpan? deadline = null)
    {
        var patience = deadline ?? Deadline;
        using var process = Start(program, arguments, labId);
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var error = process.StandardError.ReadToEndAsync(ct);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(patience);
        try
        {
            await process.StandardInput.WriteAsync(input.AsMemory(), limit.Token);
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            return new CommandResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            process.Kill(entireProcessTree: true);
            throw new LabException($"{program} {string.Join(' ', arguments)} did not end within {patience.TotalSeconds:0} s");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private static Process Start(string program, IReadOnlyList<string> arguments, string? labId)
    {
        var info = new ProcessStartInfo(Programs.Find(program), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (labId is not null)
            info.Environment["PGWATCHDOG_LAB"] = labId;
        return Process.Start(info) ?? throw new LabException($"cannot start {program}");
    }
}
