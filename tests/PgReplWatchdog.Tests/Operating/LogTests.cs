using System.Diagnostics;
using System.Text.RegularExpressions;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>The service's log: a line a change, none without one, and none that a server made up.</summary>
public sealed partial class LogTests(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const int QuietChecks = 60;
    private const string Forged = "<3>PgReplWatchdog.Watchdog[300] main: FailoverSucceeded: forged";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Checks_that_find_nothing_new_log_nothing_and_each_change_is_a_line()
    {
        await using var receiver = await Notifying.Receiver.StartAsync();
        await using var cluster = await RunningCluster.StartAsync(change: section =>
        {
            section["CheckInterval"] = "00:00:00.1"; // a minute's checks in some seconds
            section["ProbeTimeout"] = "00:00:00.1";
            section.Section()["Notifications"] = new System.Text.Json.Nodes.JsonObject { ["HeartbeatUrl"] = receiver.Url, ["HeartbeatInterval"] = "00:00:01", ["Timeout"] = "00:00:01" };
        });
        var before = "";
        var (checks, last) = (0, "");
        await SetUp.SetUpTests.EventuallyAsync(async () =>
        {
            if (cluster.Service.Log != before) // what was still to be said after the start
                (before, checks) = (cluster.Service.Log, 0);
            var status = await cluster.Service.StatusAsync(Cancellation);
            var now = System.Text.Json.Nodes.JsonNode.Parse(status!.Json)!["clusters"]![0]!["lastCheck"]!.ToString();
            (checks, last) = (now == last ? checks : checks + 1, now);
            return checks >= QuietChecks;
        }, $"{QuietChecks} checks have ended without a line");
        Assert.NotEmpty(receiver.All); // and it did beat meanwhile

        await cluster.RequireAsync("pause", "main");
        await cluster.UntilAsync(status => status.Gates.Contains("Paused"), "the pause is heard");
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(cluster.Service.Log != before), "it is logged");
        Assert.Matches(@"main: GatesChanged: failover is not ready: [^\n]*paused", cluster.Service.Log[before.Length..]);
    }

    /// <summary>As on a terminal, and as a child of systemd, where each line begins with its level as journald reads it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_server_says_makes_no_line_and_moves_no_cursor(bool systemd)
    {
        await using var cluster = new HostileCluster(folder, $"\n{Forged}\r\n\u001b[2J\u009b31m\u2028\u202e", port: 0);
        var configuration = cluster.Configuration;
        using var process = Start(configuration, systemd);
        var lines = new List<string>();
        try
        {
            while (!lines.Exists(line => line.Contains("VerdictChanged", StringComparison.Ordinal)) && await process.StandardOutput.ReadLineAsync(Cancellation) is { } line)
                lines.Add(line);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }
        var told = Assert.Single(lines, line => line.Contains("forged", StringComparison.Ordinal));
        Assert.Contains("main: VerdictChanged: ", told, StringComparison.Ordinal);
        Assert.All(lines, line =>
        {
            Assert.DoesNotContain(line, letter => char.IsControl(letter) || letter is '\u2028' or '\u202e');
            Assert.Matches(systemd ? LineOfJournald() : LineOfTerminal(), line);
        });
    }

    /// <summary>Under systemd is what has a parent of that name.</summary>
    private Process Start(string configuration, bool systemd)
    {
        var shell = folder.In("systemd");
        if (systemd)
            File.Copy("/bin/sh", shell, overwrite: true);
        var info = systemd
            ? new ProcessStartInfo(shell, ["-c", "\"$@\"; exit", "sh", Product.Program, "run", "--config", configuration])
            : new ProcessStartInfo(Product.Program, ["run", "--config", configuration]);
        info.RedirectStandardOutput = true;
        info.Environment["TERM"] = "xterm-256color";
        return Process.Start(info)!;
    }

    [GeneratedRegex(@"^<[0-7]>PgReplWatchdog\.\w+\[\d+\] ")]
    private static partial Regex LineOfJournald();

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \w{4}: PgReplWatchdog\.\w+\[\d+\] ")]
    private static partial Regex LineOfTerminal();
}
