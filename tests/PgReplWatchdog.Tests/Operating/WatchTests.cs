using System.Diagnostics;
using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.BadInput;
using Service = PgReplWatchdog.Lab.Service;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>`pgwatchdog watch` on a real terminal, in a pipe, and as JSON; what it shows comes from servers that mean harm.</summary>
public sealed class WatchTests(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const char Escape = '\u001b';

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task On_a_terminal_it_has_a_screen_of_its_own_shows_nothing_harmful_and_leaves_on_an_interrupt()
    {
        await using var cluster = new HostileCluster(folder, "alpha says \u001b]0;owned\u0007\u001b[31;1mred\nand more", Ports.Free());
        await using var service = await StartAsync(cluster);
        // Whoever runs tests in the background has them ignore an interrupt, and whatever they start; a person's shell does not.
        var info = new ProcessStartInfo("/usr/bin/script", ["-qec", $"stty cols 80 rows 30; exec env --default-signal=INT {Product.Program} watch --config {cluster.Configuration}", "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        info.Environment["TERM"] = "xterm-256color";
        info.Environment.Remove("NO_COLOR");
        using var terminal = Process.Start(info)!;
        var seen = await ReadUntilAsync(terminal, "alpha says");
        await terminal.StandardInput.WriteAsync('\u0003'); // what Ctrl-C sends
        await terminal.StandardInput.FlushAsync(Cancellation);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(RunningCluster.Patience);
        seen += await terminal.StandardOutput.ReadToEndAsync(deadline.Token);
        await terminal.WaitForExitAsync(deadline.Token);
        Assert.Equal(0, terminal.ExitCode);
        Assert.Contains($"{Escape}[?1049h", seen[..seen.IndexOf("pgwatchdog", StringComparison.Ordinal)], StringComparison.Ordinal);
        var after = seen[(seen.LastIndexOf($"{Escape}[?1049l", StringComparison.Ordinal) + 8)..];
        Assert.Equal("", after.Replace($"{Escape}[?1l{Escape}>", "", StringComparison.Ordinal)); // the keypad as it was: what any .NET program leaves with
        Assert.True(seen.LastIndexOf($"{Escape}[?25h", StringComparison.Ordinal) > seen.LastIndexOf($"{Escape}[?25l", StringComparison.Ordinal), "the cursor is shown again");
        Assert.DoesNotContain($"{Escape}]", seen, StringComparison.Ordinal);
        Assert.DoesNotContain($"{Escape}[31;1m", seen, StringComparison.Ordinal);
        Assert.DoesNotContain('\u0007', seen);
    }

    [Fact]
    public async Task In_a_pipe_it_says_in_a_line_what_is_new_and_as_JSON_all_of_it_each_second()
    {
        await using var cluster = new HostileCluster(folder, "\u001b[2J", Ports.Free());
        await using var service = await StartAsync(cluster);
        using (var lines = Product.Start(cluster.Configuration, ["watch"]))
        {
            var line = await lines.StandardOutput.ReadLineAsync(Cancellation);
            Assert.Matches("^[-0-9: ]+Z  main  Unknown  primary unknown  epoch 0  failover NOT ready", line);
            Assert.DoesNotContain(line!, char.IsControl);
            var next = lines.StandardOutput.ReadLineAsync(Cancellation).AsTask();
            await service.DisposeAsync();
            Assert.Contains("no pgwatchdog answers", await next, StringComparison.Ordinal); // and nothing while nothing was new
            await EndAsync(lines);
        }
        await using var again = await StartAsync(cluster);
        using var json = Product.Start(cluster.Configuration, ["watch", "main", "--json"]);
        foreach (var _ in Enumerable.Range(0, 2))
            Assert.Equal("main", (string)JsonNode.Parse((await json.StandardOutput.ReadLineAsync(Cancellation))!)!["clusters"]![0]!["name"]!);
        await EndAsync(json);
    }

    private static Task<Service> StartAsync(HostileCluster cluster) => Service.StartAsync(cluster.Configuration, cluster.Port, ct: Cancellation);

    private static async Task EndAsync(Process process)
    {
        process.Kill();
        await process.WaitForExitAsync(Cancellation);
    }

    private static async Task<string> ReadUntilAsync(Process terminal, string words)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        deadline.CancelAfter(RunningCluster.Patience);
        var (seen, letters) = ("", new char[4096]);
        while (!seen.Contains(words, StringComparison.Ordinal))
            seen += new string(letters, 0, await terminal.StandardOutput.ReadAsync(letters, deadline.Token));
        return seen;
    }
}
