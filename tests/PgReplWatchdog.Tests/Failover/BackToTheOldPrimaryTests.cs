using PgReplWatchdog.Journaling;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>
/// The new primary is lost, and an operator goes back to the old one. Both have promoted themselves to timeline 2 from the same position, for nothing was
/// lost: neither the number nor the history says which is the right one, and pg_rewind would find nothing to do.
/// </summary>
public sealed class BackToTheOldPrimaryTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Operator_goes_back_to_the_old_primary_and_adopts_it()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Alpha.PsqlAsync("CREATE TABLE kept (n int)", Cancellation);
        // Out of reach, so that it is not rewound.
        await cluster.Alpha.StopSshdAsync(sessionsToo: true, Cancellation);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await SetUpTests.EventuallyAsync(() => Task.FromResult(Memory(cluster).History?.Timeline == 2), "the history of beta is on record");
        await cluster.Beta.StopSshdAsync(sessionsToo: true, Cancellation);
        await cluster.Beta.KillPostgresAsync(Cancellation);

        await cluster.Alpha.RunAsync($"touch {cluster.Alpha.DataDirectory}/standby.signal", Cancellation);
        await cluster.Alpha.StartPostgresAsync(Cancellation);
        await cluster.Alpha.PsqlAsync("SELECT pg_promote()", Cancellation);
        await cluster.Alpha.PsqlAsync("INSERT INTO kept VALUES (1)", Cancellation);
        Assert.StartsWith("00000002", await cluster.Alpha.PsqlAsync("SELECT pg_walfile_name(pg_current_wal_lsn())", Cancellation), StringComparison.Ordinal);
        await cluster.Alpha.StartSshdAsync(Cancellation);
        await cluster.Beta.StartSshdAsync(Cancellation);
        await cluster.Beta.StartPostgresAsync(Cancellation);

        await cluster.UntilAsync(status => status.Verdict == "TwoPrimaries", "both serve as primary");
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(5),
            _ => Assert.True(cluster.Alpha.PostgresRunning, "the operator's primary was stopped"));
        Assert.Equal("1", await cluster.Alpha.PsqlAsync("SELECT count(*) FROM kept", Cancellation));

        await cluster.RequireAsync("adopt", "main", "alpha", "--yes");
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "alpha" } && status.Streams("beta"), "beta streams from alpha");
        Assert.Equal("1", await cluster.Beta.PsqlAsync("SELECT count(*) FROM kept", Cancellation));
        Assert.DoesNotContain("no rewind required", await cluster.Beta.RunAsync($"cat {cluster.Beta.DataDirectory}.pgwatchdog/job.log", Cancellation), StringComparison.Ordinal);
    }

    private static Remembering.ClusterMemory Memory(RunningCluster cluster)
    {
        using var journal = new JournalReader(Path.Combine(Path.GetDirectoryName(cluster.Configuration)!, "watchdog"));
        return journal.Memory("main");
    }
}
