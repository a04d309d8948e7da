using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>What is typed: unknown words, help, and a terminal that is none.</summary>
public sealed class CommandLine(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const char Escape = '\u001b';

    [Theory]
    [InlineData("Unrecognized command or argument 'stauts'", "stauts")]
    [InlineData("Unrecognized option '--jsn'", "status", "--jsn")]
    [InlineData("Unrecognized command or argument '--force'", "setup", "main", "--force")]
    [InlineData("Unrecognized command or argument 'other'", "check", "main", "other")]
    [InlineData("Unrecognized command or argument 'main'", "run", "main")]
    [InlineData("Required argument missing for option: '--overwrite'", "setup", "main", "--overwrite")]
    [InlineData("Required argument missing for option: '--config'", "check", "--config")]
    [InlineData("Required command was not provided", "config")]
    [InlineData("--limit is 99999999; give a whole number", "events", "--limit", "99999999")]
    [InlineData("Cannot parse argument 'many'", "events", "--limit", "many")]
    [InlineData("'five' is no duration; give it such as 5s", "replay", "main", "--threshold", "five")]
    [InlineData("'-5s' is no duration", "replay", "main", "--threshold=-5s")]
    [InlineData("'5' is no duration", "replay", "main", "--threshold", "5")]
    [InlineData("'yesterday' is no time; give it such as 2026-01-31", "replay", "main", "--from", "yesterday")]
    [InlineData("Required command was not provided")]
    public async Task A_word_that_is_not_understood_is_named_with_where_to_read_on(string words, params string[] arguments)
    {
        var result = await UserCommand.RunAsync(arguments);
        result.Says(ExitCode.Usage, words, "--help");
        Assert.Empty(result.Output);
    }

    /// <summary>What is suggested works.</summary>
    [Theory]
    [InlineData("--nonsense")]
    [InlineData("check", "--nonsense")]
    [InlineData("config", "--nonsense")]
    [InlineData("config", "validate", "--nonsense")]
    public async Task The_help_that_is_pointed_to_is_there(params string[] arguments)
    {
        var wrong = await UserCommand.RunAsync(arguments);
        var pointed = wrong.Lines()[^1].Split("See pgwatchdog ")[^1].TrimEnd('.').Split(' ');
        var help = await UserCommand.RunAsync(pointed);
        Assert.True(help.ExitCode == ExitCode.Ok, $"{wrong}{help}");
    }

    [Theory]
    [InlineData("pgwatchdog setup main")]
    [InlineData("pgwatchdog run", "run")]
    [InlineData("pgwatchdog setup main --plan", "setup")]
    [InlineData("pgwatchdog status main --json", "status")]
    [InlineData("pgwatchdog check main", "check")]
    [InlineData("pgwatchdog explain main", "explain")]
    [InlineData("pgwatchdog events --follow", "events")]
    [InlineData("pgwatchdog replay main --threshold 5s", "replay")]
    [InlineData("pgwatchdog pause main", "pause")]
    [InlineData("pgwatchdog resume main", "resume")]
    [InlineData("pgwatchdog acknowledge main", "acknowledge")]
    [InlineData("pgwatchdog adopt main beta", "adopt")]
    [InlineData("pgwatchdog takeover main", "takeover")]
    [InlineData("pgwatchdog config validate", "config")]
    [InlineData("pgwatchdog config validate --config", "config", "validate")]
    public async Task Help_has_examples_and_exit_codes(string example, params string[] command)
    {
        var result = await UserCommand.RunAsync([.. command, "--help"]);
        result.Shows(ExitCode.Ok, "Usage:", "Example", example, "Exit codes");
        Assert.Empty(result.Error);
        Assert.DoesNotContain(Escape, result.Output);
    }

    [Theory]
    [InlineData("setup", 0, 1, 2, 64, 78)]
    [InlineData("status", 0, 64, 69, 78)]
    [InlineData("run", 0, 64, 69, 78)]
    [InlineData("check", 0, 1, 2, 3, 64, 78)]
    [InlineData("explain", 0, 1, 64, 78)]
    [InlineData("events", 0, 1, 64, 78)]
    [InlineData("replay", 0, 1, 64, 78)]
    [InlineData("pause", 0, 1, 64, 78)]
    [InlineData("acknowledge", 0, 1, 64, 78)]
    [InlineData("adopt", 0, 1, 64, 78)]
    public async Task Help_tells_every_exit_code_that_the_command_can_end_with(string command, params int[] codes)
    {
        var help = (await UserCommand.RunAsync(command, "--help")).Output;
        var told = help[help.IndexOf("Exit codes", StringComparison.Ordinal)..];
        Assert.All(codes, code => Assert.Matches($@"\b{code}\b", told));
    }

    [Theory]
    [InlineData("check", "main")]
    [InlineData("config", "validate")]
    [InlineData("setup", "main")]
    [InlineData("status")]
    public async Task A_pipe_gets_no_escape_sequences(params string[] command)
    {
        var result = await UserCommand.RunAsync([("COLORTERM", "truecolor"), ("FORCE_COLOR", "1")],
            [.. command, "--config", folder.Write(("Listen", "\"http://127.0.0.1:1\""), ("Clusters:0:Nodes:0:Host", "\"no-such-host.invalid\""), ("Clusters:0:Nodes:1:Host", "\"no-such-host2.invalid\""))]);
        result.HasNoStackTrace();
        Assert.DoesNotContain(Escape, result.Output);
        Assert.DoesNotContain(Escape, result.Error);
    }

    [Theory]
    [InlineData("check", "mian")]
    [InlineData("setup", "mian")]
    [InlineData("explain", "mian")]
    [InlineData("events", "mian")]
    [InlineData("replay", "mian")]
    [InlineData("pause", "mian")]
    [InlineData("resume", "mian")]
    [InlineData("acknowledge", "mian")]
    [InlineData("adopt", "mian", "beta")]
    public async Task An_unknown_cluster_is_named_with_those_there_are(params string[] command)
    {
        var result = await UserCommand.RunAsync([.. command, "--config", folder.Write()]);
        result.Says(ExitCode.Usage, "there is no cluster mian", "main, spare").InOneLine();
    }

    [Theory]
    [InlineData("check")]
    [InlineData("setup")]
    [InlineData("explain")]
    [InlineData("replay")]
    [InlineData("pause")]
    [InlineData("resume")]
    [InlineData("acknowledge")]
    public async Task With_several_clusters_one_has_to_be_named(params string[] command)
    {
        var result = await UserCommand.RunAsync([.. command, "--config", folder.Write()]);
        result.Says(ExitCode.Usage, "name a cluster; there are main, spare").InOneLine();
    }

    [Fact]
    public async Task Status_without_a_service_says_where_it_looked()
    {
        var result = await UserCommand.RunAsync("status", "--config", folder.Write(("Listen", "\"http://127.0.0.1:1\"")));
        result.Says(ExitCode.Unavailable, "no pgwatchdog answers at http://127.0.0.1:1/", "is the service running?", "Listen").InOneLine();
    }

    /// <summary>Secrets belong to the service's account; whoever asks for the status need not be able to read them.</summary>
    [Fact]
    public async Task Status_needs_no_secrets()
    {
        var result = await UserCommand.RunAsync("status", "--config", folder.Write(("Listen", "\"http://127.0.0.1:1\""), ("Clusters:0:WatchdogPasswordFile", "\"gone\"")));
        result.Says(ExitCode.Unavailable, "no pgwatchdog answers");
    }
}
