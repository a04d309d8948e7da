using System.Diagnostics;

namespace PgReplWatchdog.Simulation.Tests;

/// <summary>A copy of engine and simulator with every mutation in it, switched by an environment variable: one build serves all.</summary>
public sealed class MutatedBuild : IDisposable
{
    private const string Switch = "PGWATCHDOG_MUTANT";
    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan RunLimit = TimeSpan.FromMinutes(10);
    private static readonly string Root = FindRoot();

    private readonly DirectoryInfo scratch = Directory.CreateTempSubdirectory("pgwatchdog-mutants-");

    public MutatedBuild()
    {
        foreach (var source in Sources())
        {
            var to = Path.Combine(scratch.FullName, source);
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(Path.Combine(Root, source), to);
        }
        foreach (var mutation in Mutation.All)
        {
            foreach (var patch in mutation.Patches)
                Apply(mutation.Name, patch);
        }
        File.WriteAllText(Path.Combine(scratch.FullName, "src/PgReplWatchdog.Core/Mutant.cs"), $$"""
            public static class Mutant
            {
                private static readonly string? Name = System.Environment.GetEnvironmentVariable("{{Switch}}");
                public static bool Is(string name) => Name == name;
            }
            """);
        var built = Run(BuildLimit, "", "dotnet", "build", "tests/PgReplWatchdog.Simulation", "-c", "Release", "--nologo", "-v", "quiet",
            "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false", "-p:GenerateDocumentationFile=false");
        Assert.True(built.ExitCode == 0, built.Output);
    }

    /// <summary>Runs seeds until the invariant is violated, any where none is given; the mutation is switched on, or none if its name is empty.</summary>
    public (int ExitCode, string Output) Hunt(string mutation, int seeds, params string[] invariant) => Run(RunLimit, mutation,
        Path.Combine(scratch.FullName, "tests/PgReplWatchdog.Simulation/bin/Release/net10.0/PgReplWatchdog.Simulation"),
        ["hunt", FormattableString.Invariant($"{seeds}"), .. invariant]);

    private void Apply(string mutation, Patch patch)
    {
        var path = Path.Combine(scratch.FullName, patch.File);
        var parts = File.ReadAllText(path).Split(patch.Original);
        Assert.True(parts.Length == 2, $"{mutation}: '{patch.Original}' is {parts.Length - 1} times in {patch.File}, and has to be there once");
        File.WriteAllText(path, string.Join(patch.Mutated.Replace("MUTANT", $"global::Mutant.Is(\"{mutation}\")", StringComparison.Ordinal), parts));
    }

    private static IEnumerable<string> Sources() => new[] { "src", "tests/PgReplWatchdog.Simulation" }
        .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories))
        .Select(path => Path.GetRelativePath(Root, path))
        .Where(path => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
        .Concat(["Directory.Build.props", "Directory.Packages.props", "global.json", "appsettings.json", ".editorconfig", "docs/runbook.md"]);

    private (int ExitCode, string Output) Run(TimeSpan limit, string mutation, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = scratch.FullName, RedirectStandardOutput = true };
        start.Environment[Switch] = mutation;
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end within {limit}");
        }
        return (process.ExitCode, output.GetAwaiter().GetResult());
    }

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "PgReplWatchdog.sln")))
                return directory.FullName;
        }
        throw new DirectoryNotFoundException($"no PgReplWatchdog.sln above {AppContext.BaseDirectory}");
    }

    public void Dispose() => scratch.Delete(recursive: true);
}
