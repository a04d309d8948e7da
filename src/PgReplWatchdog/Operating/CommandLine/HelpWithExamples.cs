using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>The library's help, followed by the command's examples and exit codes.</summary>
public sealed class HelpWithExamples(HelpAction help) : SynchronousCommandLineAction
{
    public static void Install(RootCommand root)
    {
        var option = root.Options.OfType<HelpOption>().Single();
        option.Action = new HelpWithExamples((HelpAction)option.Action!);
    }

    public override int Invoke(ParseResult parseResult)
    {
        ArgumentNullException.ThrowIfNull(parseResult);
        var status = help.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output.WriteLine(parseResult.CommandResult.Command.Name switch
        {
            "run" => Text.RunMore,
            "setup" => Text.SetupMore,
            "status" => Text.StatusMore,
            "explain" => Text.ExplainMore,
            "events" => Text.EventsMore,
            "watch" => Text.WatchMore,
            "replay" => Text.ReplayMore,
            "pause" or "resume" or "acknowledge" => Text.WishMore,
            "adopt" => Text.AdoptMore,
            "takeover" => Text.TakeoverMore,
            "check" => Text.CheckMore,
            "notify" => Text.NotifyMore,
            "validate" => Text.ConfigValidateMore,
            "host" => Text.ConfigHostMore,
            "sql" => Text.ConfigSqlMore,
            _ => Text.RootMore,
        });
        return status;
    }
}
