using System.Diagnostics;
using System.Text;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>A command line as a user types it: arguments and environment as given, output to pipes, colours not forbidden.</summary>
internal static class UserCommand
{
    /// <summary>No mistake of a user may keep him waiting longer than this.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static Task<ProductResult> RunAsync(params string[] arguments) => RunAsync([], arguments);

    public static async Task<ProductResult> RunAsync((string Name, string Value)[] environment, params string[] arguments)
    {
        var ct = TestContext.Current.CancellationToken;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Limit);
        using var process = Start(environment, arguments);
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var ended = true;
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            ended = false;
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(ct);
        }
        var result = new ProductResult(process.ExitCode, await output, await error);
        TestContext.Current.TestOutputHelper?.WriteLine($"$ pgwatchdog {string.Join(' ', arguments)}\n{result}");
        Assert.True(ended, $"pgwatchdog {string.Join(' ', arguments)} did not end within {Limit}; until then it said:\n{result}");
        return result;
    }

    private static Process Start((string Name, string Value)[] environment, string[] arguments)
    {
        var info = new ProcessStartInfo(Product.Program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var name in (string[])["NO_COLOR", "CREDENTIALS_DIRECTORY", "PGWATCHDOG_CONFIG"])
            info.Environment.Remove(name);
        info.Environment["TERM"] = "xterm-256color";
        foreach (var (name, value) in environment)
            info.Environment[name] = value;
        return Process.Start(info)!;
    }
}
