namespace PgReplWatchdog.Core.Tests.Planning;

public class ConfigurationTextTests
{
    private const string Begin = "# BEGIN pgwatchdog (lines up to END are written by pgwatchdog setup)\n";
    private const string End = "# END pgwatchdog\n";

    private static string Hba(string text, params string[] lines) => ConfigurationText.WithHbaBlock(text, lines.Length > 0 ? lines : ["host a"]);

    public static TheoryData<string> Files =>
    [
        "",
        "local all all peer\n",
        "# Café\n\n\tlocal   all all peer # tab and blanks\n\n",
        "local all all peer\r\nhost all all samehost trust\r\n",
        "local all all peer",
        "# END pgwatchdog is no block\n",
    ];

    [Theory, MemberData(nameof(Files))]
    public void Block_stands_before_the_rest_which_is_left_byte_for_byte(string text) => Assert.Equal(Begin + "host a\n" + End + text, Hba(text));

    [Theory, MemberData(nameof(Files))]
    public void Include_stands_after_the_rest_which_is_left_byte_for_byte(string text) =>
        Assert.Equal(text + (text.Length > 0 && !text.EndsWith('\n') ? "\n" + Begin.Replace("\n", " after a line without end\n", StringComparison.Ordinal) : Begin) + "include_if_exists = 'pgwatchdog.conf'\n" + End,
            ConfigurationText.WithInclude(text));

    [Theory, MemberData(nameof(Files))]
    public void Written_twice_is_written_once(string text)
    {
        Assert.Equal(Hba(text), Hba(Hba(text)));
        Assert.Equal(ConfigurationText.WithInclude(text), ConfigurationText.WithInclude(ConfigurationText.WithInclude(text)));
    }

    [Fact]
    public void Block_with_other_lines_takes_the_place_of_the_old_one() =>
        Assert.Equal(Begin + "host b\nhost c\n" + End + "rest\n", Hba(Hba("rest\n", "host a"), "host b", "host c"));

    [Fact]
    public void Block_that_was_moved_goes_back_to_where_it_works()
    {
        Assert.Equal(Hba("first\nlast\n"), Hba("first\n" + Hba("") + "last\n"));
        Assert.Equal(ConfigurationText.WithInclude("first\nlast\n"), ConfigurationText.WithInclude("first\n" + ConfigurationText.WithInclude("") + "last\n"));
    }

    [Fact]
    public void Block_whose_end_was_cut_off_takes_nothing_of_the_rest_with_it() =>
        Assert.Contains("local all all peer\n", Hba(Begin + "host a\nlocal all all peer\n"), StringComparison.Ordinal);

    [Fact]
    public void Block_in_a_file_that_an_editor_saved_with_crlf_is_not_doubled()
    {
        var saved = Hba("local all all peer\n").Replace("\n", "\r\n", StringComparison.Ordinal);
        Assert.Equal(2, Hba(saved).Split("# BEGIN pgwatchdog").Length);
    }

    [Fact]
    public void Block_at_the_end_of_a_file_whose_last_newline_is_gone_is_not_doubled()
    {
        var saved = ConfigurationText.WithInclude("max_connections = 100\n").TrimEnd('\n');
        Assert.Equal(2, ConfigurationText.WithInclude(saved).Split("# BEGIN pgwatchdog").Length);
    }

    [Fact]
    public void Settings_that_are_there_stay_and_one_of_the_same_name_is_replaced()
    {
        var first = ConfigurationText.WithSettings(null, [Wanted("port", "5432"), Wanted("wal_level", "replica")]);
        var second = ConfigurationText.WithSettings(first, [Wanted("port", "5433")]);
        Assert.Equal(new() { ["wal_level"] = "replica", ["port"] = "5433" }, PostgresText.Settings(second));
        Assert.Equal(second, ConfigurationText.WithSettings(second, [Wanted("port", "5433")]));
        Assert.Single(second.Split('\n'), line => line.StartsWith('#'));
    }

    [Fact]
    public void Setting_whose_name_begins_like_another_is_not_taken_for_it() =>
        Assert.Equal(2, PostgresText.Settings(ConfigurationText.WithSettings("wal_level_x = '1'\n", [Wanted("wal_level", "replica")])).Count);

    [Theory]
    [InlineData("/data/plain")]
    [InlineData("/data/with blanks")]
    [InlineData("/data/o'brien")]
    [InlineData(@"/data/back\slash")]
    [InlineData(@"/data/\'both")]
    public void Connection_string_reads_back_as_it_was_meant(string passFile) =>
        Assert.Equal(("10.0.0.1", "5432", "re'pl", passFile, "beta"), Read(ConfigurationText.ConnectionInfo("10.0.0.1", 5432, "re'pl", passFile, "beta")));

    [Theory]
    [InlineData("localhost, 10.0.0.1")]
    [InlineData("/data/o'brien")]
    public void Setting_reads_back_as_it_was_meant(string value) => Assert.Equal(value, WrittenAndRead(value));

    [Theory]
    [InlineData(@"/data/back\slash")]
    [InlineData(@"/data/\n")]
    public void Setting_with_a_backslash_reads_back_as_it_was_meant(string value) => Assert.Equal(value, WrittenAndRead(value));

    [Theory]
    [InlineData("/data/o'brien")]
    [InlineData(@"/data/back\slash")]
    public void Connection_string_in_a_setting_reads_back_as_it_was_meant(string passFile) =>
        Assert.Equal(passFile, Read(WrittenAndRead(ConfigurationText.ConnectionInfo("10.0.0.1", 5432, "repl", passFile, "beta"))).PassFile);

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.1/32")]
    [InlineData("fd00::1", "fd00::1/128")]
    [InlineData("db1.example.org", "db1.example.org")]
    public void Address_of_a_host_is_that_host_alone(string host, string address) => Assert.Equal(address, ConfigurationText.HbaAddress(host));

    private static WantedSetting Wanted(string name, string value) => new(name, value, _ => true);

    private static string WrittenAndRead(string value) => PostgresText.Settings(ConfigurationText.WithSettings(null, [Wanted("name", value)]))["name"];

    private static (string Host, string Port, string User, string PassFile, string Name) Read(string text) =>
        PostgresText.ConnectionInfo(text) is var read ? (read["host"], read["port"], read["user"], read["passfile"], read["application_name"]) : default;
}
