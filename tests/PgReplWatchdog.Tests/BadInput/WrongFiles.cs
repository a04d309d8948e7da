using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>The configuration file itself, and the environment that may stand in for parts of it.</summary>
public sealed class WrongFiles(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    [Theory]
    [InlineData("config", "validate")]
    [InlineData("run")]
    [InlineData("check", "main")]
    [InlineData("setup", "main")]
    [InlineData("setup", "main", "--plan")]
    [InlineData("status")]
    public async Task A_missing_file_is_named_by_every_command(params string[] command)
    {
        var file = folder.In("no-such.json");
        var result = await UserCommand.RunAsync([.. command, "--config", file]);
        result.Says(ExitCode.Configuration, $"{file}: there is no such file; name one with --config").InOneLine();
    }

    [Fact]
    public async Task A_directory_in_place_of_the_file_is_named()
    {
        var result = await UserCommand.RunAsync("config", "validate", "--config", folder.Path);
        result.Says(ExitCode.Configuration, folder.Path).InOneLine();
    }

    [Fact]
    public async Task A_file_that_may_not_be_read_is_named()
    {
        var file = folder.Write();
        folder.Lock(file);
        var result = await UserCommand.RunAsync("config", "validate", "--config", file);
        result.Says(ExitCode.Configuration, $"{file}: cannot be read").InOneLine();
    }

    /// <summary>Lines as an editor counts them.</summary>
    [Fact]
    public async Task Broken_JSON_is_told_with_the_line()
    {
        var file = folder.WriteText("{\n  \"PgReplWatchdog\": {\n    \"Listen\": \"http://127.0.0.1:9187\"\n    \"StateDirectory\": \"/tmp\"\n  }\n}\n");
        var result = await UserCommand.RunAsync("config", "validate", "--config", file);
        result.Says(ExitCode.Configuration, $"{file}: ", "line 4").InOneLine();
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{ \"PgReplWatchdog\": ")]
    [InlineData("Listen = http://127.0.0.1:9187\n")]
    public async Task What_is_no_JSON_object_is_told(string text)
    {
        var file = folder.WriteText(text);
        var result = await UserCommand.RunAsync("config", "validate", "--config", file);
        result.Says(ExitCode.Configuration, $"{file}: cannot be read: ").InOneLine();
    }

    [Theory]
    [InlineData("{ \"PgReplWatchdog\": { \"Listen\": \"http://127.0.0.1:1\", \"Listen\": \"http://127.0.0.1:2\" } }", "PgReplWatchdog:Listen")]
    [InlineData("{ \"PgReplWatchdog\": { \"Listen\": \"http://127.0.0.1:1\", \"listen\": \"http://127.0.0.1:2\" } }", "PgReplWatchdog:listen")]
    public async Task A_key_that_is_there_twice_is_named(string text, string key)
    {
        var file = folder.WriteText(text);
        var result = await UserCommand.RunAsync("config", "validate", "--config", file);
        result.Says(ExitCode.Configuration, $"{file}: cannot be read: ", key, "duplicate").InOneLine();
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{ \"PgReplWatchdog\": {} }")]
    [InlineData("{ \"Logging\": { \"LogLevel\": { \"Default\": \"Debug\" } } }")]
    public async Task A_missing_section_is_named(string text)
    {
        var file = folder.WriteText(text);
        var result = await UserCommand.RunAsync("config", "validate", "--config", file);
        result.Says(ExitCode.Configuration, $"{file}: ", "PgReplWatchdog", "is missing").InOneLine();
    }

    /// <summary>Its content without the section around it, or the section under another name.</summary>
    [Theory]
    [InlineData("{ \"Clusters\": [] }")]
    [InlineData("{ \"PgReplWatchDogs\": { \"Clusters\": [] } }")]
    public async Task A_section_that_is_not_where_it_should_be_is_told(string text)
    {
        var file = folder.WriteText(text);
        var result = await UserCommand.RunAsync("config", "validate", "--config", file);
        result.Says(ExitCode.Configuration, $"{file}: the section PgReplWatchdog is missing").InOneLine();
    }

    [Fact]
    public async Task Comments_and_a_last_comma_are_no_mistakes()
    {
        var text = File.ReadAllText(folder.Write()).TrimEnd();
        var result = await UserCommand.RunAsync("config", "validate", "--config", folder.WriteText($"// ours\n{text[..^1]},\n}}\n"));
        Assert.True(result.ExitCode == ExitCode.Ok, result.ToString());
    }

    [Theory]
    [InlineData("PgReplWatchdog__Clusters__0__Name", "No Name", "PgReplWatchdog:Clusters:0:Name is 'No Name'")]
    [InlineData("PgReplWatchdog__Clusters__1__Nodes__0__Port", "70000", "PgReplWatchdog:Clusters:1:Nodes:0:Port is '70000'")]
    [InlineData("PgReplWatchdog__Clusters__0__CheckIntervall", "00:00:01", "PgReplWatchdog:Clusters:0:CheckIntervall is no setting; the nearest that is one: CheckInterval")]
    [InlineData("PgReplWatchdog__Listen", "nonsense", "PgReplWatchdog:Listen is 'nonsense'")]
    [InlineData("PgReplWatchdog__Clusters__0__Automatic", "maybe", "PgReplWatchdog:Clusters:0:Automatic is 'maybe'")]
    public async Task A_mistake_in_the_environment_is_told_as_one_in_the_file(string name, string value, string words)
    {
        var result = await UserCommand.RunAsync([(name, value)], "config", "validate", "--config", folder.Write());
        result.Says(ExitCode.Configuration, words).InOneLine();
    }

    [Fact]
    public async Task The_environment_can_put_right_what_is_wrong_in_the_file()
    {
        var file = folder.Write(("Clusters:0:Name", "\"No Name\""));
        var result = await UserCommand.RunAsync([("PgReplWatchdog__Clusters__0__Name", "prod")], "config", "validate", "--config", file);
        result.Shows(ExitCode.Ok, "prod: alpha");
    }

    [Fact]
    public async Task The_file_may_be_named_by_the_environment()
    {
        var result = await UserCommand.RunAsync([("PGWATCHDOG_CONFIG", folder.In("elsewhere.json"))], "config", "validate");
        result.Says(ExitCode.Configuration, $"{folder.In("elsewhere.json")}: there is no such file").InOneLine();
    }

    /// <summary>A service that cannot be told what to watch does not start at all.</summary>
    [Theory]
    [InlineData("run")]
    [InlineData("check", "main")]
    [InlineData("setup", "main")]
    public async Task Every_command_refuses_a_wrong_configuration(params string[] command)
    {
        var file = folder.Write(("Clusters:0:Nodes:0:Port", "70000"), ("Clusters:1:WatchdogPasswordFile", "\"gone\""));
        var result = await UserCommand.RunAsync([.. command, "--config", file]);
        result.Says(ExitCode.Configuration, "PgReplWatchdog:Clusters:0:Nodes:0:Port is '70000'", "PgReplWatchdog:Clusters:1:WatchdogPasswordFile: there is no file ");
        Assert.Equal(2, result.Lines().Length);
    }
}
