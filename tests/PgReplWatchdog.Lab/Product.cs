using System.Diagnostics;
using System.Text;

namespace PgReplWatchdog.Lab;

/// <summary>Runs pgwatchdog itself, as its user would: another process, its own exit codes and output.</summary>
public static class Product
{
    /// <summary>The program: $PGWATCHDOG, else beside this assembly, else where the solution builds it in the same configuration.</summary>
    public static string Program { get; } = Find();

    /// <summary>Runs a command to its end.</summary>
    public static async Task<ProductResult> RunAsync(string configuration, IEnumerable<string> arguments, CancellationToken ct = default)
    {
        using var process = Start(configuration, arguments);
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var error = process.StandardError.ReadToEndAsync(ct);
        try
        {
            await process.WaitForExitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true); // the caller wanted it interrupted
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
        return new ProductResult(process.ExitCode, await output, await error);
    }

    /// <summary>Starts a command and leaves it running; the caller reads its output and ends it.</summary>
    public static Process Start(string configuration, IEnumerable<string> arguments)
    {
        var info = new ProcessStartInfo(Program, [.. arguments, "--config", configuration])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        info.Environment["NO_COLOR"] = "1";
        info.Environment.Remove("HOME"); // a service under a dynamic account has none, and nothing of ours needs one
        var lab = Path.Combine(Path.GetDirectoryName(configuration) ?? "", LabConfiguration.LabIdFile);
        if (File.Exists(lab))
            info.Environment["PGWATCHDOG_LAB"] = File.ReadAllText(lab); // ends with the lab, also when its process was killed
        return Process.Start(info) ?? throw new LabException($"{Program} did not start");
    }

    private static string Find()
    {
        const string Name = "pgwatchdog";
        var here = AppContext.BaseDirectory;
        var configuration = here.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";
        string[] places =
        [
            Environment.GetEnvironmentVariable("PGWATCHDOG") ?? "",
            Path.Combine(here, Name),
            Path.GetFullPath(Path.Combine(here, "../../../../../src/PgReplWatchdog/bin", configuration, "net10.0", Name)),
        ];
        return places.FirstOrDefault(File.Exists) ?? throw new LabException($"{Name} is not built: run dotnet build, or set PGWATCHDOG to the program");
    }
}

/// <summary>What a command came to.</summary>
public sealed record ProductResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit {ExitCode}\n{Output}{Error}";
}
