using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.Versions;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>CopyMethod Rsync: the backup functions over SQL, and rsync from host to host.</summary>
public sealed partial class RsyncCopyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Majors.Debians), MemberType = typeof(Majors))]
    public async Task A_primary_that_is_written_to_all_the_time_gets_a_standby_with_the_same_rows(string major)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Major = major }, Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        await ClientWriter.PrepareAsync(alpha, Cancellation);
        await alpha.PsqlAsync("CREATE TABLE ballast AS SELECT g AS id, repeat(md5(g::text), 20) AS filler FROM generate_series(1, 50000) g", Cancellation);
        await alpha.RunAsync($"mkdir -p {Path.GetDirectoryName(alpha.AuthorizedKeys)} && printf 'ssh-ed25519 AAAA somebody' > {alpha.AuthorizedKeys}", Cancellation);
        var configuration = Configure(lab);

        await using var writer = new ClientWriter(lab.Hosts);
        writer.Start();
        var setup = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.Contains("by rsync", setup.Output, StringComparison.Ordinal);
        await writer.StopAsync();

        Assert.NotEmpty(writer.Acknowledged);
        Assert.Equal("beta|streaming", await alpha.PsqlAsync("SELECT application_name, state FROM pg_stat_replication", Cancellation));
        var schema = Majors.Version(major).HasNamesOfToday ? "" : "pgwatchdog.";
        var position = Lsn.Parse(await alpha.PsqlAsync($"SELECT {schema}pg_current_wal_lsn()", Cancellation));
        await SetUpTests.EventuallyAsync(async () => Lsn.Parse(await beta.PsqlAsync($"SELECT {schema}pg_last_wal_replay_lsn()", Cancellation)) >= position, "all of it is replayed");
        const string Account = "SELECT count(*), sum(id) FROM deed UNION ALL SELECT count(*), sum(hashtext(filler)) FROM ballast";
        Assert.Equal(await alpha.PsqlAsync(Account, Cancellation), await beta.PsqlAsync(Account, Cancellation));

        await AssertNothingLeftAsync(alpha, beta);
        Assert.Equal("ssh-ed25519 AAAA somebody", await alpha.RunAsync($"cat {alpha.AuthorizedKeys}", Cancellation));
        Assert.Contains("Nothing to change", (await Product.RunAsync(configuration, ["setup"], Cancellation)).Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Majors.Debians), MemberType = typeof(Majors))]
    public async Task Killed_in_the_middle_it_leaves_no_key_and_no_backup_and_the_next_run_goes_on_from_the_copy(string major)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Major = major }, Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        for (var table = 1; table <= 8; table++)
            await alpha.PsqlAsync($"CREATE TABLE ballast{table} AS SELECT g AS id, repeat(md5(g::text), 60) AS filler FROM generate_series(1, 40000) g", Cancellation);
        var configuration = Configure(lab);
        var state = beta.DataDirectory + ".pgwatchdog";

        using (var setup = Product.Start(configuration, ["setup"]))
        {
            await SetUpTests.EventuallyAsync(async () => setup.HasExited || await CopiedAsync(beta) > 200_000, "the copy is under way, and one of the tables is whole");
            Assert.False(setup.HasExited, "the copy was over before it could be interrupted: " + (setup.HasExited ? await setup.StandardError.ReadToEndAsync(Cancellation) : ""));
            setup.Kill();
            await setup.WaitForExitAsync(Cancellation);
        }
        await SetUpTests.EventuallyAsync(async () => !await IsKeyLeftAsync(alpha, beta), "the key is gone, although nobody is left to take it away");
        await SetUpTests.EventuallyAsync(async () => await alpha.PsqlAsync("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgwatchdog'", Cancellation) == "0", "the backup has ended");
        await SetUpTests.EventuallyAsync(() => Task.FromResult(!File.Exists(Path.Combine(alpha.DataDirectory, "backup_label"))), "nor does one go on that is not a session's (until 9.5)");
        await SetUpTests.EventuallyAsync(async () => await beta.RunAsync($"pgrep -f 'rsync.*{state}' > /dev/null && echo runs || echo ended", Cancellation) == "ended", "rsync has ended");
        // What changes between the two runs must come over as well.
        await alpha.PsqlAsync("UPDATE ballast1 SET filler = 'changed' WHERE id % 1000 = 0; CHECKPOINT", Cancellation);

        var completed = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.True(completed.ExitCode == 0, completed.ToString());
        const string Account = "SELECT count(*), sum(CASE filler WHEN 'changed' THEN 1 END), sum(hashtext(filler)) FROM ballast1";
        Assert.Equal(await alpha.PsqlAsync(Account, Cancellation), await beta.PsqlAsync(Account, Cancellation));
        var log = await beta.RunAsync($"cat {state}/copy.log", Cancellation);
        Assert.True(Bytes(log, "Literal data") < Bytes(log, "Total file size") - 50_000_000, log);
        await AssertNothingLeftAsync(alpha, beta);
    }

    [Fact]
    public async Task A_key_may_do_nothing_but_read_the_data_directory()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        var script = Path.Combine(alpha.Directory, "copy-source.sh");
        await File.WriteAllTextAsync(script, PgReplWatchdog.Setup.CopyScripts.Source(new PgReplWatchdog.Topology.NodeSpec("alpha", alpha.Address, alpha.PostgresPort, alpha.DataDirectory)), Cancellation);
        foreach (var asked in new[]
        {
            "", "cat /etc/passwd", "rsync --server -logDtpre.iLsfxCIvu . ./",
            "rsync --server --sender -ltprce.iLsfxCIvu . /etc/", "rsync --server --sender -ltprce.iLsfxCIvu . ../",
            "rsync --server --sender -ltprce.iLs . ./ /etc/",
            "rsync --server --sender --remove-source-files -ltprce.iLs . ./", "rsync --server --sender -ltpsrIe.iLs . ./", "rsync --server --sender -ltprce.iLs . pg_tblspc/../", "rsync --server --sender -ltprce.iLs;id . ./",
            "rsync --server --sender --files-from=/etc/passwd -ltprce.iLs . ./",
        })
        {
            Assert.Equal("1 pgwatchdog: this key may only read the data directory by rsync",
                await alpha.RunAsync($"said=$(SSH_ORIGINAL_COMMAND='{asked}' /bin/sh {script} 2>&1 < /dev/null); echo $? \"$said\"", Cancellation));
        }
    }

    private static string Configure(LabCluster lab) => LabConfiguration.Write(lab, lab.WatchdogPort, cluster => cluster["CopyMethod"] = "Rsync");

    private static async Task AssertNothingLeftAsync(LabHost alpha, LabHost beta)
    {
        Assert.False(await IsKeyLeftAsync(alpha, beta));
        await SetUpTests.EventuallyAsync(async () => await alpha.PsqlAsync("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgwatchdog'", Cancellation) == "0", "no session holds a backup");
        Assert.False(File.Exists(Path.Combine(alpha.DataDirectory, "backup_label")));
        Assert.Equal("", await beta.RunAsync($"cd {beta.DataDirectory}.pgwatchdog && ls -d copy copy.key* copy.ssh copy.known_hosts copy.list copy.tablespaces 2> /dev/null || true", Cancellation));
        Assert.Empty(await beta.RunAsync($"ls {beta.DataDirectory}/pg_replslot 2> /dev/null || true", Cancellation));
    }

    private static async Task<bool> IsKeyLeftAsync(LabHost alpha, LabHost beta) =>
        (await alpha.RunAsync($"cat {alpha.AuthorizedKeys} 2> /dev/null || true; ls {alpha.DataDirectory}.pgwatchdog", Cancellation)).Contains("copy", StringComparison.Ordinal)
        || (await beta.RunAsync($"ls {beta.DataDirectory}.pgwatchdog", Cancellation)).Contains("copy.key", StringComparison.Ordinal);

    private static async Task<int> CopiedAsync(LabHost beta) =>
        int.Parse(await beta.RunAsync($"du -sk {beta.DataDirectory}.pgwatchdog/copy/base 2> /dev/null | cut -f 1 | grep . || echo 0", Cancellation), CultureInfo.InvariantCulture);

    private static long Bytes(string log, string what) =>
        long.Parse(Statistics().Matches(log).First(line => line.Groups["what"].Value == what).Groups["bytes"].Value.Replace(",", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);

    [GeneratedRegex("^(?<what>[A-Za-z ]+): (?<bytes>[0-9,]+) bytes", RegexOptions.Multiline)]
    private static partial Regex Statistics();
}
