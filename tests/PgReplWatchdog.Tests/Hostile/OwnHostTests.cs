using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>Other users of the watchdog's own host, and what a hole in the service would give.</summary>
public sealed partial class OwnHostTests(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const double MostExposure = 2.0;
    private const double MostExposureOfGuard = 4.0;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("watchdog.secret", UnixFileMode.OtherRead)]
    [InlineData("watchdog.secret", UnixFileMode.GroupRead)]
    [InlineData("replication.secret", UnixFileMode.OtherWrite)]
    [InlineData(ConfigurationFolder.KeyFile, UnixFileMode.OtherRead)]
    public async Task Secret_that_others_can_read_is_refused_with_what_to_do(string name, UnixFileMode more)
    {
        var file = folder.In(name);
        var mode = File.GetUnixFileMode(file);
        File.SetUnixFileMode(file, mode | more);
        try
        {
            (await folder.ValidateAsync()).Says(ExitCode.Configuration, $"{name} is a secret that others than its owner can read or change; chmod 600 '{file}'");
        }
        finally
        {
            File.SetUnixFileMode(file, mode);
        }
        Assert.Equal(ExitCode.Ok, (await folder.ValidateAsync()).ExitCode);
    }

    [Fact]
    public void State_directory_is_made_for_its_owner_alone_and_refused_where_others_may_look_into_it()
    {
        var state = folder.In(Guid.NewGuid().ToString());
        new SqliteJournal(state).Dispose();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(state));
        File.SetUnixFileMode(state, File.GetUnixFileMode(state) | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        var failure = Assert.Throws<JournalUnwritableException>(() => new SqliteJournal(state));
        Assert.Contains($"chmod -R go-rwx '{state}'", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hook_gets_what_it_needs_of_the_environment_and_nothing_else()
    {
        var file = folder.In(Guid.NewGuid().ToString());
        Environment.SetEnvironmentVariable("PgReplWatchdog__Notifications__WebhookUrl", "https://hooks.example/secret");
        var trouble = await LocalCommand.RunAsync($"/bin/sh -c \"env > {file}\"", new Dictionary<string, string> { ["PGWATCHDOG_NODE"] = "alpha" }, RunningCluster.Patience, Cancellation);
        Environment.SetEnvironmentVariable("PgReplWatchdog__Notifications__WebhookUrl", null);
        Assert.Null(trouble);
        var said = await File.ReadAllTextAsync(file, Cancellation);
        Assert.Contains("PGWATCHDOG_NODE=alpha", said, StringComparison.Ordinal);
        Assert.Contains("PATH=", said, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", said, StringComparison.Ordinal);
    }

    /// <summary>By systemd's own scale: 10 is a service that may do anything.</summary>
    [Fact]
    public async Task Service_may_do_little_beside_its_work()
    {
        var (exposure, said) = await ExposureAsync(Path.Combine(Repository.Root, "deploy", "systemd", "pgwatchdog.service"));
        Assert.True(exposure < MostExposure, said);
    }

    /// <summary>As `config host` writes it.</summary>
    [Fact]
    public async Task Guard_may_do_little_beside_its_work()
    {
        var script = SqlText.Of("Setup.prepare-host.sh");
        var text = script[(script.IndexOf("$guard_unit\" << END\n", StringComparison.Ordinal) + "$guard_unit\" << END\n".Length)..];
        var unit = folder.In("guard.service");
        await File.WriteAllTextAsync(unit, Substitution().Replace(text[..text.IndexOf("\nEND\n", StringComparison.Ordinal)], "/srv/data").Replace("$account", "postgres", StringComparison.Ordinal), Cancellation);
        var (exposure, said) = await ExposureAsync(unit);
        Assert.True(exposure < MostExposureOfGuard, said);
    }

    private static async Task<(double Level, string Said)> ExposureAsync(string unit)
    {
        using var analysis = Process.Start(new ProcessStartInfo("systemd-analyze", ["security", "--offline=true", "--no-pager", unit]) { RedirectStandardOutput = true })!;
        var said = await analysis.StandardOutput.ReadToEndAsync(Cancellation);
        await analysis.WaitForExitAsync(Cancellation);
        return (double.Parse(Level().Match(said).Groups["level"].Value, CultureInfo.InvariantCulture), said);
    }

    [GeneratedRegex(@"\$\(.*\)")]
    private static partial Regex Substitution();

    [GeneratedRegex(@"Overall exposure level for [a-z]+\.service: (?<level>[0-9.]+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Level();
}
