using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>The watchdog does not reach the primary: its guard is believed while a standby receives what the guard writes.</summary>
public sealed class GuardTestimonyTests
{
    private static readonly TimeSpan LongerThanBelief = TimeSpan.FromSeconds(9);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Guard_is_believed_while_a_standby_receives_its_messages_and_no_longer()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true, change: section =>
        {
            section["UnreachableThreshold"] = "00:00:08";
            section["GuardTimeToLive"] = "00:00:05";
            section["Fencing"] = "Required";
        });
        await cluster.UntilAsync(status => status.Ready("beta") && status.IsGuarded, "the guard of alpha is armed");
        await cluster.Alpha.CutAsync(CutFrom.Watchdog, ct: Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "ServingElsewhere", "only beta hears alpha");
        await cluster.HoldsForAsync(
            LongerThanBelief, status => Assert.DoesNotContain("OldPrimaryNotFenced", status.Gates));
        await cluster.Alpha.RunAsync($"/bin/sh {cluster.Alpha.DataDirectory}.pgwatchdog/guard stop", Cancellation);
        var forging = ForgeAsync(cluster.Alpha);
        await cluster.UntilAsync(
            status => status.Gates.Contains("OldPrimaryNotFenced"), "the guard that fell silent is not believed");
        await cluster.HoldsForAsync(
            TimeSpan.FromSeconds(3), status => Assert.Contains("OldPrimaryNotFenced", status.Gates));
        await forging;
        Assert.True(cluster.Alpha.PostgresRunning);
    }

    /// <summary>Any role may write a message with the guard's words. It cannot sign it.</summary>
    private static Task<string> ForgeAsync(LabHost alpha) => alpha.PsqlAsync(
        $"""
        CREATE ROLE forger;
        SET ROLE forger;
        SELECT count(pg_logical_emit_message(
            false, 'pgwatchdog {Words(alpha)} beta=' || pg_current_wal_flush_lsn() || ' {new string('0', 64)}', ''))
          FROM generate_series(1, 50) AS number, LATERAL pg_sleep(0.2 + 0 * number)
        """, Cancellation);

    private static string Words(LabHost alpha)
    {
        var order = File.ReadAllText(alpha.DataDirectory + ".pgwatchdog/guard.armed").Trim().Split(' ');
        return $"{order[0]} {order[4]}";
    }
}
