using System.CommandLine;
using System.CommandLine.Parsing;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;
using Spectre.Console;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>The command line: which commands there are, and what becomes of a user's mistake.</summary>
public static class Commands
{
    /// <summary>Used where --config is not given, the first that exists.</summary>
    private static readonly string[] ConfigurationFiles = ["/etc/pgwatchdog/appsettings.json", "appsettings.json"];

    /// <summary>Root takes none of the directory that it happens to be in: whoever wrote that file would say what root runs.</summary>
    private static IEnumerable<string> OwnFiles => Environment.IsPrivilegedProcess ? ConfigurationFiles[..1] : ConfigurationFiles;

    public static Option<string> Config { get; } = new("--config", "-c")
    {
        Description = $"The configuration file. By default $PGWATCHDOG_CONFIG, else {string.Join(" or ", ConfigurationFiles)} (the latter not for root).",
        HelpName = "FILE",
        Recursive = true,
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("PGWATCHDOG_CONFIG") ?? OwnFiles.FirstOrDefault(File.Exists) ?? OwnFiles.Last(),
    };

    public static async Task<int> RunAsync(string[] arguments)
    {
        Console.SetError(new Printable.Writer(Console.Error));
        var root = new RootCommand(Text.Root)
        {
            Config,
            RunCommand.Create(),
            SetupCommand.Create(),
            StatusCommand.Create(),
            ExplainCommand.Create(),
            EventsCommand.Create(),
            WatchCommand.Create(),
            ReplayCommand.Create(),
            WishCommands.Pause(),
            WishCommands.Resume(),
            WishCommands.Acknowledge(),
            AdoptCommand.Create(),
            TakeoverCommand.Create(),
            CheckCommand.Create(),
            NotifyCommand.Create(),
            ConfigCommand.Create(),
        };
        HelpWithExamples.Install(root);
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpWithExamples)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync(error.Message);
            await Console.Error.WriteLineAsync($"See {NameOf(parsed.CommandResult)} --help.");
            return ExitCode.Usage;
        }
        try
        {
            var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
            if (parsed.CommandResult.Command.Name == RunCommand.Name)
                invocation.ProcessTerminationTimeout = null; // the service disarms guards before it ends; the default kills it 2 s after SIGTERM
            return await parsed.InvokeAsync(invocation);
        }
        catch (InvalidConfigurationException invalid)
        {
            foreach (var error in invalid.Errors)
                await Console.Error.WriteLineAsync($"{invalid.File}: {error}");
            return ExitCode.Configuration;
        }
        catch (UsageException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message);
            return ExitCode.Usage;
        }
        catch (JournalUnreadableException failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return ExitCode.Failed;
        }
        catch (JournalUnwritableException failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return ExitCode.Configuration;
        }
        catch (SshFailureException failure)
        {
            await Console.Error.WriteLineAsync(failure.Message);
            return ExitCode.Failed;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("interrupted; what was done so far stays, run the same command again to go on");
            return ExitCode.Failed;
        }
    }

    private static string NameOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{NameOf(parent)} {command.Command.Name}" : "pgwatchdog";

    public static Argument<string> Cluster(bool required)
    {
        var cluster = new Argument<string>("CLUSTER")
        {
            Description = required ? "The cluster's name in the configuration; may be left out where there is only one." : "One cluster instead of all.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        cluster.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => token.Value.StartsWith('-')) is { } mistyped)
                result.AddError($"Unrecognized option '{mistyped.Value}'.");
        });
        return cluster;
    }

    /// <summary>The cluster that was named, or the only one there is.</summary>
    public static ClusterAccess Choose(Installation installation, string? name, string file)
    {
        if (name is null && installation.Clusters.Length == 1)
            return installation.Clusters[0];
        return installation.Clusters.FirstOrDefault(cluster => cluster.Spec.Name == name) ?? throw new UsageException(
            $"{(name is null ? "name a cluster" : $"there is no cluster {name} in {file}")}; there are {string.Join(", ", installation.Clusters.Select(cluster => cluster.Spec.Name))}");
    }

    /// <summary>The same without secrets, for commands that ask the service or its journal.</summary>
    public static ClusterOptions Choose(WatchdogOptions options, string? name, string file)
    {
        if (name is null && options.Clusters is [var only])
            return only;
        return options.Clusters.Find(cluster => cluster.Name == name) ?? throw new UsageException(
            $"{(name is null ? "name a cluster" : $"there is no cluster {name} in {file}")}; there are {string.Join(", ", options.Clusters.Select(cluster => cluster.Name))}");
    }

    /// <summary>Standard output, with colours on a terminal and nothing but text elsewhere.</summary>
    public static IAnsiConsole Screen()
    {
        var screen = AnsiConsole.Create(new AnsiConsoleSettings());
        if (Console.IsOutputRedirected)
            screen.Profile.Width = 1000; // a file or a pipe has no edge to break lines at
        screen.Pipeline.Attach(new Printable.Hook());
        return screen;
    }
}
