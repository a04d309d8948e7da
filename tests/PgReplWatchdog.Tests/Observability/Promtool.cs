using System.Diagnostics;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>Prometheus's own checkers.</summary>
internal static class Promtool
{
    public const string Amtool = "/usr/bin/amtool";

    /// <summary>Runs it in the repository's root, requires that it is content, and returns what it said.</summary>
    public static async Task<string> RequireAsync(IEnumerable<string> arguments, string input = "", string program = "/usr/bin/promtool")
    {
        Assert.True(File.Exists(program), $"{program} is missing: install the Debian packages prometheus and prometheus-alertmanager");
        var cancellation = TestContext.Current.CancellationToken;
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Repository.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
        await process.StandardInput.WriteAsync(input.AsMemory(), cancellation);
        process.StandardInput.Close();
        var said = await output + await errors;
        await process.WaitForExitAsync(cancellation);
        Assert.True(process.ExitCode == 0, said);
        return said;
    }
}
