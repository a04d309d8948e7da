using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.Versions;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>Archiving: Ship and Noop, on real servers that ship WAL to each other over real SSH.</summary>
public sealed class ArchivingTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static Task<RunningCluster> ShippingAsync(bool service = false, string major = LabOptions.DebianMajor) =>
        RunningCluster.StartAsync(service: service, major: major, change: section => section["Archiving"] = "Ship");

    private static string Archive(LabHost host) => $"{host.DataDirectory}.pgwatchdog/wal";

    /// <summary>Ends a segment, and returns its name.</summary>
    private static Task<string> SegmentAsync(LabHost primary, string row) => primary.PsqlAsync(
        $"CREATE TABLE IF NOT EXISTS kept (what text); INSERT INTO kept VALUES ('{row}'); SELECT pg_walfile_name(pg_switch_wal())", Cancellation);

    private static Task ArchivedAsync(LabHost primary, string segment) => SetUpTests.EventuallyAsync(
        async () => string.CompareOrdinal(await primary.PsqlAsync("SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver", Cancellation), segment) >= 0, $"{segment} is archived");

    [Theory]
    [MemberData(nameof(Majors.Debians), MemberType = typeof(Majors))]
    public async Task A_standby_that_was_away_for_longer_than_the_primary_keeps_wal_catches_up_from_the_archive(string major)
    {
        await using var cluster = await ShippingAsync(major: major);
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);

        var needed = await SegmentAsync(alpha, "before");
        await ArchivedAsync(alpha, needed);
        await beta.StopPostgresAsync(ct: Cancellation);
        await alpha.PsqlAsync("SELECT pg_drop_replication_slot('pgwatchdog_beta')", Cancellation); // as max_slot_wal_keep_size loses it
        await beta.RunAsync($"rm -f {Archive(beta)}/0*", Cancellation);
        var last = "";
        for (var segment = 0; segment < 4; segment++)
            last = await SegmentAsync(alpha, $"away {segment}");
        await ArchivedAsync(alpha, last);
        await beta.RunAsync($"rm -f {Archive(beta)}/0*", Cancellation); // as if the host had been gone
        await SetUpTests.EventuallyAsync(async () =>
        {
            await alpha.PsqlAsync("CHECKPOINT", Cancellation);
            return await alpha.RunAsync($"[ -e {alpha.DataDirectory}/pg_wal/{last} ] && echo there || echo gone", Cancellation) is "gone" or "gone\n";
        }, "the primary has recycled what the standby lacks");
        await alpha.PsqlAsync("SELECT pg_create_physical_replication_slot('pgwatchdog_beta')", Cancellation);

        await beta.StartPostgresAsync(Cancellation);
        await SetUpTests.EventuallyAsync(async () => await beta.TryPsqlAsync("SELECT count(*) FROM kept", Cancellation) == "5", "the standby has all rows");
        await SetUpTests.EventuallyAsync(async () => await alpha.PsqlAsync("SELECT state FROM pg_stat_replication", Cancellation) == "streaming", "the standby streams again");
    }

    [Fact]
    public async Task The_new_primary_archives_after_a_failover_and_the_old_one_after_another()
    {
        await using var cluster = await ShippingAsync(service: true);
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);
        await ArchivedAsync(alpha, await SegmentAsync(alpha, "one"));
        await cluster.UntilAsync(status => status.Ready("beta"), "beta has all of it");
        await alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await cluster.UntilAsync(status => status.Streams("alpha"), "alpha streams from beta");
        var segment = await SegmentAsync(beta, "two");
        await ArchivedAsync(beta, segment);
        Assert.StartsWith("00000002", segment, StringComparison.Ordinal);
        var shipped = await alpha.RunAsync($"cd {Archive(alpha)} && ls", Cancellation);
        Assert.Contains(segment, shipped, StringComparison.Ordinal);
        Assert.Contains("00000002.history", shipped, StringComparison.Ordinal);
        Assert.Equal("", (await alpha.RunAsync($"cmp {Archive(alpha)}/{segment} {Archive(beta)}/{segment}", Cancellation)).Trim());
        await cluster.RequireAsync("setup");
        Assert.Contains("pgwatchdog/archive", await alpha.PsqlAsync("SHOW restore_command", Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Majors.Debians), MemberType = typeof(Majors))]
    public async Task An_archive_that_is_not_wanted_any_more_is_told_to_no_server(string major)
    {
        await using var cluster = await ShippingAsync(major: major);
        await ArchivedAsync(cluster.Alpha, await SegmentAsync(cluster.Alpha, "one"));
        LabConfiguration.Write(cluster.Lab, cluster.Lab.WatchdogPort); // Archiving is Off by default
        await cluster.RequireAsync("setup");
        foreach (var host in new[] { cluster.Alpha, cluster.Beta })
        {
            Assert.Equal("off", await host.PsqlAsync("SHOW archive_mode", Cancellation));
            Assert.DoesNotContain("archive", await host.RunAsync($"cat {host.DataDirectory}/pgwatchdog.conf; cat {host.DataDirectory}/recovery.conf 2>/dev/null || true", Cancellation),
                StringComparison.Ordinal);
        }
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_segment_is_never_replaced_by_another_one()
    {
        await using var cluster = await ShippingAsync();
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);
        var next = await alpha.PsqlAsync("SELECT pg_walfile_name(pg_current_wal_insert_lsn())", Cancellation);
        await beta.RunAsync($"echo precious > {Archive(beta)}/{next}", Cancellation);
        Assert.Equal(next, await SegmentAsync(alpha, "one"));
        await SetUpTests.EventuallyAsync(async () => await alpha.PsqlAsync($"SELECT last_failed_wal = '{next}' FROM pg_stat_archiver", Cancellation) == "t", "it is refused");
        Assert.Equal("precious", (await beta.RunAsync($"cat {Archive(beta)}/{next}", Cancellation)).Trim());
        Assert.Contains("another content", await alpha.RunAsync($"cat {alpha.ServerLog}", Cancellation), StringComparison.Ordinal);

        await beta.RunAsync($"rm {Archive(beta)}/{next}", Cancellation);
        await ArchivedAsync(alpha, await SegmentAsync(alpha, "two"));
        // The same once more, as after a crash before PostgreSQL had taken note: identical is archived.
        var script = $"/bin/sh {alpha.DataDirectory}.pgwatchdog/archive";
        await alpha.RunAsync($"cd {alpha.DataDirectory} && {script} push {Archive(alpha)}/{next} {next}", Cancellation);
        Assert.Equal("", (await beta.RunAsync($"ls {Archive(beta)}/incoming", Cancellation)).Trim());
    }

    [Fact]
    public async Task A_key_for_the_archive_is_good_for_nothing_else()
    {
        await using var cluster = await ShippingAsync();
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);
        var ssh = $"ssh -F {alpha.DataDirectory}.pgwatchdog/archive.ssh/config beta";
        await alpha.RunAsync($"{ssh} check", Cancellation);
        foreach (var command in new[]
        {
            "id", "rsync --server --sender -We.LsfxCIvu . ../passfile", "rsync --server --sender -slWe.x . 00000002.history", "rsync --server -We.x --delete . x",
            $"rsync --server -We.x . ../archive.{new string('0', 64)}", "", "check; id",
        })
        {
            var refused = await Assert.ThrowsAsync<LabException>(() => alpha.RunAsync($"{ssh} '{command}' < /dev/null", Cancellation));
            Assert.Contains("this key is for WAL", refused.Message, StringComparison.Ordinal);
        }
        Assert.Equal("600", (await alpha.RunAsync($"stat -c %a {alpha.DataDirectory}.pgwatchdog/archive.ssh/key", Cancellation)).Trim());
        Assert.Contains("restrict,command=", await beta.RunAsync("cat ~/.ssh/authorized_keys", Cancellation), StringComparison.Ordinal);

        // The running primary takes nothing from its standby; the line of a set-up that did not say whose key it is has to be written anew.
        var toAlpha = $"cd /tmp && echo '1 0/0 no reason' > {beta.HomeDirectory}/false && rsync -W -e 'ssh -F {beta.DataDirectory}.pgwatchdog/archive.ssh/config' {beta.HomeDirectory}/false";
        var told = await Assert.ThrowsAsync<LabException>(() => beta.RunAsync($"{toAlpha} alpha:00000002.history.{new string('0', 64)}", Cancellation));
        Assert.Contains("this server is a primary: it takes WAL from nobody", told.Message, StringComparison.Ordinal);
        Assert.Contains("beta 00000002.history this server is a primary", await alpha.RunAsync($"cat {alpha.DataDirectory}.pgwatchdog/archive.refused", Cancellation), StringComparison.Ordinal);
        await beta.RunAsync("sed -i \"s/ serve 'alpha'/ serve/\" ~/.ssh/authorized_keys", Cancellation);
        told = await Assert.ThrowsAsync<LabException>(() => alpha.RunAsync($"{ssh} check", Cancellation));
        Assert.Contains("run pgwatchdog setup", told.Message, StringComparison.Ordinal);
        await cluster.RequireAsync("setup");
        await alpha.RunAsync($"{ssh} check", Cancellation);
    }

    [Fact]
    public async Task A_primary_whose_standby_is_gone_keeps_wal_for_it_and_does_not_fill_its_disk()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, change: section =>
        {
            section["Archiving"] = "Ship";
            section["ArchiveKeep"] = 64; // four segments
        });
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);
        await ArchivedAsync(alpha, await SegmentAsync(alpha, "one"));
        await beta.StopPostgresAsync(ct: Cancellation);
        await beta.StopSshdAsync(sessionsToo: true, Cancellation);
        var first = await SegmentAsync(alpha, "two");
        await SetUpTests.EventuallyAsync(async () => await alpha.PsqlAsync($"SELECT last_failed_wal = '{first}' FROM pg_stat_archiver", Cancellation) == "t", "nobody takes it");
        for (var segment = 0; segment < 8; segment++)
            await SegmentAsync(alpha, $"more {segment}");
        await alpha.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        await ArchivedAsync(alpha, first);
        Assert.True(int.Parse(await alpha.RunAsync($"ls {Archive(alpha)} | grep -Ecx '[0-9A-F]{{24}}'", Cancellation), System.Globalization.CultureInfo.InvariantCulture) <= 5);
    }

    [Fact]
    public async Task Archiving_that_does_nothing_can_be_given_a_command_without_a_restart()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, change: section => section["Archiving"] = "Noop");
        Assert.Equal("on|cd .", await cluster.Alpha.PsqlAsync("SELECT current_setting('archive_mode'), current_setting('archive_command')", Cancellation));
        await ArchivedAsync(cluster.Alpha, await SegmentAsync(cluster.Alpha, "one"));
        var started = await cluster.Alpha.PsqlAsync("SELECT pg_postmaster_start_time()", Cancellation);
        await cluster.Alpha.PsqlAsync("ALTER SYSTEM SET archive_command = '/bin/true'", Cancellation);
        await cluster.Alpha.PsqlAsync("SELECT pg_reload_conf()", Cancellation);
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);
        Assert.Equal(started, await cluster.Alpha.PsqlAsync("SELECT pg_postmaster_start_time()", Cancellation));
    }
}
