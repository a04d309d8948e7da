using System.Diagnostics;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>Real servers die, and the service does what it is for.</summary>
public sealed class FailoverTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_killed_primary_is_replaced_without_loss_and_comes_back_as_a_standby()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await using var writer = new ClientWriter(cluster.Lab.Hosts);
        writer.Start();
        await SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged.Count > 100), "rows are written");

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged[^1].Port == cluster.Beta.PostgresPort), "the client writes to beta");
        Assert.True(await cluster.IsPrimaryAsync(cluster.Beta));
        var healed = await cluster.UntilAsync(status => status.Streams("alpha"), "alpha streams from beta");
        await writer.StopAsync();
        Assert.Empty(await WriteAccount.Of(writer).LostOnAsync(cluster.Beta, Cancellation));
        Assert.False(File.Exists($"{cluster.Beta.DataDirectory}.pgwatchdog/promote"), "the trigger file was taken away by the server");
        Assert.False(File.Exists($"{cluster.Alpha.DataDirectory}/recovery.conf"), "the start block is gone");
        Assert.Contains(healed.Gates, gate => gate == "RecentFailover");
        Assert.Contains("pgwatchdog_failovers_total{cluster=\"main\",result=\"succeeded\"} 1", await cluster.Service.Http.GetStringAsync("/metrics", Cancellation), StringComparison.Ordinal);

        // Set-up finds nothing amiss in what the watchdog has made of the nodes.
        await cluster.RequireAsync("setup");
        Assert.Equal("t", await cluster.Alpha.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));
    }

    [Fact]
    public async Task With_rejoin_off_the_old_primary_stays_stopped_and_a_person_makes_it_a_standby()
    {
        await using var cluster = await RunningCluster.StartAsync(change: section => section["Rejoin"] = false);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await Assert.ThrowsAsync<LabException>(() => cluster.Alpha.StartPostgresAsync(Cancellation)); // the start block
        Assert.False(cluster.Alpha.PostgresRunning);
        Assert.Equal(1, (await cluster.RunAsync("setup")).ExitCode);
        await cluster.RequireAsync("setup", "--overwrite", "alpha");
        await cluster.UntilAsync(status => status.Streams("alpha"), "alpha streams from beta");
    }

    [Theory]
    [InlineData(true)]
    // The limit on what slots hold has been reached: what pg_rewind leaves can never be consistent, and a fresh copy ends it.
    [InlineData(false, Traits = [Widest.Trait, Widest.Run])]
    public async Task An_old_primary_that_was_away_for_long_is_rewound_with_the_wal_that_was_kept_for_it_and_copied_without(bool kept)
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Alpha.StopSshdAsync(sessionsToo: true, Cancellation);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await SetUpTests.EventuallyAsync(async () => await cluster.Beta.PsqlAsync("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'pgwatchdog_alpha'", Cancellation) == "1", "beta keeps WAL for alpha");
        if (!kept)
        {
            await cluster.Beta.PsqlAsync("ALTER SYSTEM SET max_slot_wal_keep_size = 0", Cancellation);
            await cluster.Beta.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        }
        for (var segment = 0; segment < 3; segment++)
        {
            await cluster.Beta.PsqlAsync("CREATE TABLE IF NOT EXISTS more (n int); INSERT INTO more VALUES (1); SELECT pg_switch_wal()", Cancellation);
            await cluster.Beta.PsqlAsync("CHECKPOINT", Cancellation);
        }
        Assert.Equal(kept ? "t" : "f", await cluster.Beta.PsqlAsync("SELECT wal_status <> 'lost' FROM pg_replication_slots WHERE slot_name = 'pgwatchdog_alpha'", Cancellation));

        await cluster.Alpha.StartSshdAsync(Cancellation);
        await cluster.Service.UntilAsync(status => status.Streams("alpha"), "alpha streams from beta", TimeSpan.FromMinutes(3), Cancellation);
        var log = await cluster.Alpha.RunAsync($"cat {cluster.Alpha.DataDirectory}.pgwatchdog/job.log", Cancellation);
        Assert.Equal(kept, log.Contains("pg_rewind: Done!", StringComparison.Ordinal));
        Assert.Equal("3", await cluster.Alpha.PsqlAsync("SELECT count(*) FROM more", Cancellation));
    }

    [Fact]
    [Trait(Widest.Trait, Widest.Run)]
    public async Task Half_rewound_data_never_starts_and_gives_way_to_a_copy()
    {
        var programs = Directory.CreateTempSubdirectory("pgwatchdog-programs-");
        try
        {
            var (torn, go, mended) = (Path.Combine(programs.FullName, "torn"), Path.Combine(programs.FullName, "go"), Path.Combine(programs.FullName, "mended"));
            await using var cluster = await RunningCluster.StartAsync(change: section =>
            {
                var alpha = section["Nodes"]![0]!;
                WritePrograms(programs, alpha["BinDirectory"]!.GetValue<string>(), new()
                {
                    // Files cannot grow beyond 2 MB, as on a disk that is full: it ends half-way. Then it takes its time.
                    ["pg_rewind"] = $"[ \"$1\" != -n ] || exec \"$real\" \"$@\"\n( ulimit -f 4096; exec \"$real\" \"$@\" )\nstatus=$?\n: > {torn}\nuntil [ -e {go} ]; do sleep 0.1; done\nexit $status",
                    // One that is killed leaves its child, which receives WAL, at work.
                    ["pg_basebackup"] = $"[ -e {mended} ] || {{ sleep 6018 & exit 1; }}\nexec \"$real\" \"$@\"",
                });
                alpha["BinDirectory"] = programs.FullName;
            });
            // Work of an epoch that is over goes on there still.
            await cluster.Alpha.RunAsync($"cd {cluster.Alpha.DataDirectory}.pgwatchdog && {{ setsid sh -c 'echo \"1 $$\" > job; sleep 6017; echo' rejoin > /dev/null 2>&1 < /dev/null & }}", Cancellation);
            await cluster.Alpha.KillPostgresAsync(Cancellation);
            await SetUpTests.EventuallyAsync(() => Task.FromResult(File.Exists(torn)), "pg_rewind has ended half-way");
            Assert.Equal("", await cluster.Alpha.RunAsync("pgrep -f '^sleep 6017' || :", Cancellation));
            Assert.False(File.Exists($"{cluster.Alpha.DataDirectory}/recovery.conf"), "pg_rewind takes the start block away");
            await RefusesAsync();
            await File.WriteAllTextAsync(go, "", Cancellation);
            await SetUpTests.EventuallyAsync(async () => (await cluster.Alpha.RunAsync($"cat {cluster.Alpha.DataDirectory}.pgwatchdog/job.status || :", Cancellation)) == "1", "the first attempt has failed");
            Assert.True(File.Exists($"{cluster.Alpha.DataDirectory}/recovery.conf"), "the start block is back");
            await RefusesAsync();

            await File.WriteAllTextAsync(mended, "", Cancellation);
            await cluster.UntilAsync(status => status.Streams("alpha"), "alpha streams from beta");
            Assert.Equal("", await cluster.Alpha.RunAsync("pgrep -f '^sleep 6018' || :", Cancellation));
            await cluster.Alpha.StopPostgresAsync(ct: Cancellation);
            await cluster.Alpha.StartPostgresAsync(Cancellation);
            Assert.Equal("t", await cluster.Alpha.PsqlAsync("SELECT pg_is_in_recovery()", Cancellation));

            async Task RefusesAsync() =>
                Assert.Contains("has invalid permissions", (await Assert.ThrowsAsync<LabException>(() => cluster.Alpha.StartPostgresAsync(Cancellation))).Message, StringComparison.Ordinal);
        }
        finally
        {
            programs.Delete(recursive: true);
        }
    }

    /// <summary>PostgreSQL's programs, some of them in a script that knows the real one.</summary>
    private static void WritePrograms(DirectoryInfo into, string from, Dictionary<string, string> scripts)
    {
        foreach (var program in Directory.EnumerateFiles(from))
        {
            var path = Path.Combine(into.FullName, Path.GetFileName(program));
            if (scripts.TryGetValue(Path.GetFileName(program), out var script))
                File.WriteAllText(path, $"#!/bin/sh\nreal={program}\n{script}\n");
            else
                File.CreateSymbolicLink(path, program);
        }
        using var chmod = Process.Start("chmod", ["-R", "0777", into.FullName]);
        chmod.WaitForExit();
    }

    [Fact]
    public async Task A_standby_that_is_gone_is_no_reason_for_anything()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Beta.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => !status.FailoverReady, "failover is not ready");
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(5), status =>
        {
            Assert.Equal("Serving", status.Verdict);
            Assert.Equal("alpha", status.IntendedPrimary);
            Assert.Contains("CandidateUnreachable", status.Gates);
        });
        Assert.True(await cluster.IsPrimaryAsync(cluster.Alpha));
        await cluster.Beta.StartPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Ready("beta"), "failover is ready again");
    }

    [Fact]
    public async Task A_standby_that_is_gone_when_the_primary_dies_is_not_promoted_blindly()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Beta.StopPostgresAsync(ct: Cancellation);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(5), status => Assert.Equal("alpha", status.IntendedPrimary));
        // The standby comes back and knows nothing of the primary: now it may be promoted, after a threshold of its own testimony.
        await cluster.Beta.StartPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
    }

    [Fact]
    public async Task A_watchdog_killed_in_mid_failover_goes_on_where_it_was()
    {
        await using var cluster = await RunningCluster.StartAsync(change: SlowHookBefore);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Events.Any(told => told.StartsWith("FailoverDecided", StringComparison.Ordinal)), "the failover is decided");
        await cluster.Service.KillAsync();
        await cluster.Service.DisposeAsync();
        Assert.False(await cluster.IsPrimaryAsync(cluster.Beta));

        await cluster.StartServiceAsync();
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        var events = (await cluster.RequireAsync("events", "main", "--limit", "200", "--json")).Output;
        Assert.Equal(2, events.Split("\"FailoverDecided\"").Length);
        Assert.Equal(2, events.Split("\"FailoverSucceeded\"").Length);
    }

    [Fact]
    public async Task A_primary_that_serves_again_before_the_promotion_stays_primary()
    {
        await using var cluster = await RunningCluster.StartAsync(change: SlowHookBefore);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Events.Any(told => told.StartsWith("FailoverDecided", StringComparison.Ordinal)), "the failover is decided");
        await cluster.Alpha.StartPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Events.Any(told => told.StartsWith("FailoverWithdrawn", StringComparison.Ordinal)), "it is withdrawn");
        await cluster.UntilAsync(status => status.Ready("beta") && status.IntendedPrimary == "alpha", "all is as before");
        Assert.True(cluster.Alpha.PostgresRunning);
        Assert.False(await cluster.IsPrimaryAsync(cluster.Beta));
    }

    /// <summary>Time between the decision and all that is done.</summary>
    private static void SlowHookBefore(System.Text.Json.Nodes.JsonObject section)
    {
        section["HookBefore"] = "/bin/sleep 6";
        section["HookTimeout"] = "00:00:20";
    }

    [Fact]
    public async Task A_standby_without_ssh_is_promoted_over_sql()
    {
        await using var cluster = await RunningCluster.StartAsync();
        await cluster.Beta.StopSshdAsync(sessionsToo: true, Cancellation);
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        Assert.True(await cluster.IsPrimaryAsync(cluster.Beta));
    }

    [Fact]
    public async Task Hooks_and_fence_command_get_the_facts_in_their_environment()
    {
        var facts = Path.Combine(Path.GetTempPath(), $"pgwatchdog-facts-{Guid.NewGuid():N}");
        var script = facts + ".sh";
        await File.WriteAllTextAsync(script, $"#!/bin/sh\nenv | grep ^PGWATCHDOG_ | grep -v PGWATCHDOG_LAB | sort >> {facts}\necho end >> {facts}\n", Cancellation);
        try
        {
            // The host answers nobody: the fence command is what is left.
            await using var cluster = await RunningCluster.StartAsync(change: section =>
            {
                section["Fencing"] = "Required";
                foreach (var setting in new[] { "FenceCommand", "HookBefore", "HookAfter" })
                    section[setting] = $"/bin/sh {script}";
            });
            await cluster.Alpha.StopSshdAsync(sessionsToo: true, Cancellation);
            await cluster.Alpha.KillPostgresAsync(Cancellation);
            await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
            await SetUpTests.EventuallyAsync(async () => (await File.ReadAllTextAsync(facts, Cancellation)).Split("end\n").Length == 4, "both hooks and the fence command have run");
            var told = (await File.ReadAllTextAsync(facts, Cancellation)).Split("end\n");
            Assert.Contains("PGWATCHDOG_MOMENT=before", told[0], StringComparison.Ordinal);
            Assert.Contains("PGWATCHDOG_OLD_PRIMARY=alpha", told[0], StringComparison.Ordinal);
            Assert.Contains("PGWATCHDOG_NODE=alpha", told[1], StringComparison.Ordinal);
            Assert.DoesNotContain("PGWATCHDOG_MOMENT", told[1], StringComparison.Ordinal);
            Assert.Contains("PGWATCHDOG_MOMENT=after", told[2], StringComparison.Ordinal);
            Assert.Contains("PGWATCHDOG_NEW_PRIMARY=beta", told[2], StringComparison.Ordinal);
            Assert.Contains("PGWATCHDOG_VERDICT=Down", told[2], StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(facts);
            File.Delete(script);
        }
    }

    [Fact]
    public async Task Without_automatic_it_says_what_it_would_do_and_does_nothing()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, change: section => section["Automatic"] = false);
        await cluster.StartServiceAsync();
        await cluster.UntilAsync(status => status.Verdict == "Serving", "alpha is known");
        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Crashed" && status.PrimarySilenceSeconds > 4, "alpha is down for longer than the threshold");
        await cluster.HoldsForAsync(TimeSpan.FromSeconds(3), status => Assert.Equal(["AutomaticOff"], status.Gates));
        Assert.False(await cluster.IsPrimaryAsync(cluster.Beta));
    }
}
