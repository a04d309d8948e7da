using System.Text.Json;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.Observability;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Checking;

/// <summary>What is reported of a standby's lag, and what is not.</summary>
public sealed class LagTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Nothing is to be promoted here.</summary>
    private static void Patient(System.Text.Json.Nodes.JsonObject section)
    {
        section["UnreachableThreshold"] = "00:10:00";
        section["CrashedThreshold"] = "00:10:00";
    }

    [Fact]
    public async Task Lag_is_zero_when_idle_grows_when_replay_stands_and_is_unknown_without_the_primary()
    {
        await using var cluster = await RunningCluster.StartAsync(change: Patient);
        await cluster.UntilAsync(status => Bytes(status) == 0 && Seconds(status) == 0, "an idle primary's standby lacks nothing");
        await LacksOnlyWhatIsNewAsync(cluster, TimeSpan.FromSeconds(3));

        await using (var writer = new ClientWriter(cluster.Lab.Hosts))
        {
            writer.Start();
            await SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged.Count > 100), "rows are written");
            await cluster.Beta.PsqlAsync("SELECT pg_wal_replay_pause()", Cancellation);
            var paused = await cluster.UntilAsync(status => Bytes(status) > 10_000 && Seconds(status) > 2, "lag grows in bytes and seconds while replay is paused and rows are written");
            Assert.Equal(0, paused.Node("beta").GetProperty("receiveLagBytes").GetInt64() / 100_000); // received all the same
            Assert.Contains("CandidateReplayPaused", paused.Gates);
            Assert.False(paused.FailoverReady);
            await cluster.Beta.PsqlAsync("SELECT pg_wal_replay_resume()", Cancellation);
        }
        await cluster.UntilAsync(status => Bytes(status) == 0 && Seconds(status) == 0, "it catches up");

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Crashed", "alpha is down");
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(2), status => Assert.Equal((null, null), (Bytes(status), Seconds(status))));
    }

    [Fact]
    public async Task Metrics_of_a_node_that_cannot_be_asked_disappear()
    {
        await using var cluster = await RunningCluster.StartAsync(change: Patient);
        var healthy = await MetricsAsync(cluster);
        Assert.Equal(1, healthy["node_role{node=\"alpha\",role=\"Primary\"}"]);
        await SetUpTests.EventuallyAsync(async () => await MetricsAsync(cluster) is var idle
            && idle["replication_lag_bytes{node=\"beta\",stage=\"replay\"}"] == 0 && idle["replication_lag_seconds{node=\"beta\"}"] == 0, "beta lacks nothing");
        Assert.Equal(1, healthy["failover_ready"]);
        Assert.Equal(1, healthy["cluster_streaming_standbys"]);
        Assert.Equal(0, healthy["failovers_total{result=\"succeeded\"}"]);
        Assert.Equal(1, healthy["verdict{verdict=\"Serving\"}"]);
        Assert.True(healthy["node_wal_current_lsn_bytes{node=\"alpha\"}"] > 0);
        Assert.True(healthy["check_duration_seconds_count"] > 0);
        Assert.Contains(healthy.Series, name => name.StartsWith("pgwatchdog_schedule_delay_seconds_bucket", StringComparison.Ordinal));
        Assert.Contains(healthy.Series, name => name.StartsWith("pgwatchdog_build_info", StringComparison.Ordinal));

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Crashed", "alpha is down");
        var down = await MetricsAsync(cluster);
        Assert.Equal(0, down["node_probe_success{node=\"alpha\"}"]);
        Assert.Equal(1, down["node_reach{node=\"alpha\",reach=\"Refused\"}"]);
        Assert.Equal(1, down["node_role{node=\"alpha\",role=\"Unknown\"}"]);
        Assert.Equal(0, down["node_role{node=\"alpha\",role=\"Primary\"}"]);
        Assert.Equal(0, down["replication_lag_known{node=\"beta\"}"]);
        string[] gone = ["node_wal_current_lsn_bytes", "node_timeline", "replication_slot_active"];
        Assert.DoesNotContain(down.Series, name => gone.Any(metric => name.StartsWith($"pgwatchdog_{metric}{{cluster=\"main\",node=\"alpha\"", StringComparison.Ordinal)));
        Assert.DoesNotContain(down.Series, name => name.StartsWith("pgwatchdog_replication_lag_bytes", StringComparison.Ordinal) || name.StartsWith("pgwatchdog_replication_lag_seconds", StringComparison.Ordinal));
        Assert.DoesNotContain(down.Series, name => name.StartsWith("pgwatchdog_cluster_streaming_standbys", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Health_is_that_checks_end_whatever_they_find()
    {
        await using var cluster = await RunningCluster.StartAsync(change: Patient);
        Assert.Equal("ok\n", await cluster.Service.Http.GetStringAsync("/healthz", Cancellation));
        await cluster.Alpha.FreezePostgresAsync(Cancellation);
        await cluster.Beta.FreezePostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Hung", "nobody answers");
        Assert.Equal("ok\n", await cluster.Service.Http.GetStringAsync("/healthz", Cancellation));
        await cluster.Alpha.ThawPostgresAsync();
        await cluster.Beta.ThawPostgresAsync();
        await cluster.UntilAsync(status => status.Ready("beta"), "all is as before");
    }

    /// <summary>
    /// An idle primary writes a snapshot of its transactions every 15 s, which the standby receives a little later.
    /// So a lag may be reported, but only after the primary's position has moved.
    /// </summary>
    private static async Task LacksOnlyWhatIsNewAsync(RunningCluster cluster, TimeSpan time)
    {
        string? complete = null;
        await cluster.HoldsForAsync(time, status =>
        {
            var current = status.Node("alpha").GetProperty("currentLsn").GetString();
            if ((Bytes(status), Seconds(status)) == (0, 0))
                complete = current;
            else
                Assert.NotEqual(complete, current);
        });
        await cluster.UntilAsync(status => Bytes(status) == 0 && Seconds(status) == 0, "it lacks nothing again");
    }

    private static long? Bytes(ServiceStatus status) =>
        status.Node("beta").GetProperty("replayLagBytes") is { ValueKind: JsonValueKind.Number } bytes ? bytes.GetInt64() : null;

    private static double? Seconds(ServiceStatus status) =>
        status.Node("beta").GetProperty("replayLagSeconds") is { ValueKind: JsonValueKind.Number } seconds ? seconds.GetDouble() : null;

    private static async Task<Scraped> MetricsAsync(RunningCluster cluster) => new(await cluster.Service.Http.GetStringAsync("/metrics", Cancellation));
}
