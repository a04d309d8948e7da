namespace PgReplWatchdog.Tests.Checking;

/// <summary>Sessions that are open are still served while the postmaster hangs.</summary>
public sealed class HungPostmasterTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Hung_postmaster_is_found_without_a_new_session_and_the_question_leaves_no_line_in_the_log()
    {
        await using var cluster = await RunningCluster.StartAsync(change: settings =>
        {
            settings["FreshConnectionEvery"] = 1000;
            settings["UnreachableThreshold"] = "00:10:00";
        });
        await cluster.Alpha.RunAsync($"kill -STOP {cluster.Alpha.PostmasterPid}", Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Hung", "the postmaster is found to hang");
        await cluster.Alpha.RunAsync($"kill -CONT {cluster.Alpha.PostmasterPid}", Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Serving", "it serves again");
        Assert.DoesNotContain("startup packet", await File.ReadAllTextAsync(cluster.Alpha.ServerLog, Cancellation), StringComparison.Ordinal);
    }
}
