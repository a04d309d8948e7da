using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>Set-up killed at every step, as by a closed laptop: the next run completes it.</summary>
public sealed partial class InterruptedSetUpTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Killed_after_every_step_in_turn_it_is_completed_by_the_next_run()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort);
        var interruptions = 0;
        var (first, step) = ("", 1);
        // A run that begins with the same step as the one before is let go one step further: every boundary between two steps is hit.
        while (await KilledAsync(configuration, first, step) is { } begunWith)
        {
            step = begunWith == first ? step + 1 : 2;
            first = begunWith;
            Assert.True(++interruptions < 60, "set-up gets no further");
        }
        Assert.True(interruptions >= 15, $"only {interruptions} interruptions");
        await AssertCompletesAsync(lab, configuration);
    }

    [Fact]
    public async Task Killed_in_the_middle_of_the_copy_it_copies_anew()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        await alpha.PsqlAsync("CREATE TABLE ballast AS SELECT g AS id, repeat(md5(g::text), 60) AS filler FROM generate_series(1, 300000) g", Cancellation);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort);

        int sender;
        using (var setup = Product.Start(configuration, ["setup"]))
        {
            await SetUpTests.EventuallyAsync(async () => setup.HasExited || await CopiedMuchAsync(alpha), "the copy is under way");
            Assert.False(setup.HasExited, "the copy was over before it could be interrupted");
            // Its sender stands still, so that the copy goes on when the next run comes.
            sender = int.Parse(await alpha.PsqlAsync("SELECT pid FROM pg_stat_progress_basebackup", Cancellation), CultureInfo.InvariantCulture);
            await alpha.RunAsync($"kill -STOP {sender}", Cancellation);
            setup.Kill();
            await setup.WaitForExitAsync(Cancellation);
        }
        Assert.True(Directory.Exists(beta.DataDirectory), "the data directory that was there must still be there");

        // pg_basebackup and the child of it that receives WAL, which goes on without its parent.
        var former = await CopyingAsync(beta);
        Assert.Equal(2, former.Length);
        var next = AssertCompletesAsync(lab, configuration);
        string[] seen = [];
        try
        {
            await SetUpTests.EventuallyAsync(async () => next.IsCompleted || (seen = await CopyingAsync(beta)).Except(former).Any(), "the next copy begins");
        }
        finally
        {
            await alpha.RunAsync($"kill -CONT {sender}", Cancellation);
        }
        await next;
        Assert.NotEmpty(seen);
        Assert.Empty(seen.Intersect(former));
        Assert.Equal("300000", await beta.PsqlAsync("SELECT count(*) FROM ballast", Cancellation));
    }

    [Fact]
    public async Task Killed_in_the_middle_of_the_restart_the_next_run_waits_for_its_end()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Running = [] }, Cancellation);
        var alpha = lab["alpha"];
        // A server that stops when it is let: it archives its last segment first.
        var archived = Path.Combine(alpha.HomeDirectory, "archived");
        await alpha.RunAsync($"printf \"archive_mode = on\\narchive_command = 'until [ -e {archived} ]; do sleep 0.1; done'\\n\" >> {alpha.DataDirectory}/postgresql.conf", Cancellation);
        await alpha.StartPostgresAsync(Cancellation);
        var before = alpha.PostmasterPid;
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort);

        using (var setup = Product.Start(configuration, ["setup"]))
        {
            await SetUpTests.EventuallyAsync(
                async () => setup.HasExited || (await alpha.RunAsync($"cat {alpha.ServerLog}", Cancellation)).Contains("received fast shutdown request", StringComparison.Ordinal),
                "the restart is under way");
            Assert.Equal(before, alpha.PostmasterPid);
            setup.Kill();
            await setup.WaitForExitAsync(Cancellation);
        }
        // The next run comes while the server is still on its way down.
        var next = AssertCompletesAsync(lab, configuration);
        await Task.Delay(TimeSpan.FromSeconds(3), Cancellation);
        Assert.Equal(before, alpha.PostmasterPid);
        await alpha.RunAsync($"touch {archived}", Cancellation);
        await next;
        Assert.NotEqual(before, alpha.PostmasterPid);
    }

    private static async Task<string[]> CopyingAsync(LabHost beta)
        => (await beta.RunAsync($"pgrep -f '[p]g_basebackup .*-D {beta.DataDirectory}.pgwatchdog/copy ' || true", Cancellation)).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static async Task<bool> CopiedMuchAsync(LabHost alpha)
    {
        try
        {
            return await alpha.PsqlAsync("SELECT count(*) FROM pg_stat_progress_basebackup WHERE backup_streamed > 10000000", Cancellation) == "1";
        }
        catch (LabException)
        {
            return false; // set-up restarts the primary before it copies
        }
    }

    /// <summary>
    /// Lets a run do its first step, or so many where it begins as the one before did, and kills it. Returns the title of the first step,
    /// null when the run came to its end.
    /// </summary>
    internal static async Task<string?> KilledAsync(string configuration, string firstBefore, int steps, string[]? command = null)
    {
        using var setup = Product.Start(configuration, command ?? ["setup"]);
        string? first = null;
        while (await setup.StandardOutput.ReadLineAsync(Cancellation) is { } line)
        {
            if (StepDone().Match(line) is not { Success: true } done)
                continue;
            first ??= done.Groups["title"].Value;
            if (done.Groups["step"].Value == done.Groups["of"].Value)
                break;
            if (int.Parse(done.Groups["step"].Value, CultureInfo.InvariantCulture) < (first == firstBefore ? steps : 1))
                continue;
            setup.Kill();
            await setup.WaitForExitAsync(Cancellation);
            return first;
        }
        await setup.WaitForExitAsync(Cancellation);
        return setup.ExitCode == 0 ? null : throw new LabException(await setup.StandardError.ReadToEndAsync(Cancellation));
    }

    [GeneratedRegex(@"^ *(?<step>\d+)/(?<of>\d+) (?<title>.*): done in")]
    private static partial Regex StepDone();

    private static async Task AssertCompletesAsync(LabCluster lab, string configuration)
    {
        var completed = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.True(completed.ExitCode == 0, completed.ToString());
        Assert.Equal("beta|streaming", await lab["alpha"].PsqlAsync("SELECT application_name, state FROM pg_stat_replication", Cancellation));
        var again = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.Contains("Nothing to change", again.Output, StringComparison.Ordinal);
    }
}
