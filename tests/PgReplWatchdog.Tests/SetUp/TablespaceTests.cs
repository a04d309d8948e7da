using System.Text.Json.Nodes;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.Versions;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>Tablespaces outside of the data directory, on hosts that share a filesystem: the standby's are elsewhere.</summary>
public sealed class TablespaceTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static IEnumerable<TheoryDataRow<string, string>> Copies =>
        from major in Majors.Asked
        from method in new[] { "BaseBackup", "Rsync" }
        select new TheoryDataRow<string, string>(major, method).WidestIf(!Majors.IsDebians(major));

    [Theory]
    [MemberData(nameof(Copies))]
    public async Task A_tablespace_arrives_where_its_mapping_says_and_old_data_there_is_moved_aside(string major, string method)
    {
        await using var lab = await StartAsync(major);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        var unmapped = await Product.RunAsync(Configure(lab, method, mapped: false), ["setup"], Cancellation);
        Assert.Equal(1, unmapped.ExitCode);
        Assert.Contains("give beta a TablespaceMapping", unmapped.Error, StringComparison.Ordinal);

        var configuration = Configure(lab, method);
        await RequireAsync(configuration, "setup");
        Assert.Equal("1000", await beta.PsqlAsync("SELECT count(*) FROM spared", Cancellation));
        Assert.Equal(Spare(beta), await beta.PsqlAsync("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'spare'", Cancellation));
        Assert.Contains("Nothing to change", (await RequireAsync(configuration, "setup")).Output, StringComparison.Ordinal);

        await alpha.PsqlAsync("DELETE FROM spared WHERE id > 900", Cancellation);
        await RequireAsync(configuration, "setup", "--overwrite", "beta");
        await SetUpTests.EventuallyAsync(async () => await beta.PsqlAsync("SELECT count(*) FROM spared", Cancellation) == "900", "the new copy follows");
        var aside = Assert.Single(Directory.GetDirectories(beta.Directory, "spare.before-pgwatchdog-*"));
        var data = Assert.Single(Directory.GetDirectories(beta.Directory, "data.before-pgwatchdog-*"), path => Directory.EnumerateFileSystemEntries(path + "/pg_tblspc").Any());
        Assert.Equal(aside, await beta.RunAsync($"readlink {data}/pg_tblspc/*", Cancellation));
        Assert.NotEmpty(Directory.GetDirectories(aside));
    }

    [Fact]
    public async Task A_directory_that_holds_something_else_is_refused()
    {
        await using var lab = await StartAsync(LabOptions.DebianMajor);
        var beta = lab["beta"];
        await beta.RunAsync($"mkdir {Spare(beta)} && touch {Spare(beta)}/precious", Cancellation);
        var refused = await Product.RunAsync(Configure(lab, "BaseBackup"), ["setup"], Cancellation);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains($"{Spare(beta)}, which is not empty", refused.Error, StringComparison.Ordinal);
        Assert.True(File.Exists($"{Spare(beta)}/precious"));
    }

    [Fact]
    public async Task A_node_that_returns_by_a_fresh_copy_gets_its_tablespace_where_it_was()
    {
        await using var lab = await StartAsync(LabOptions.DebianMajor);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        var configuration = Configure(lab, "BaseBackup");
        await RequireAsync(configuration, "setup");
        var access = InstallationLoader.Load(configuration).Clusters[0];
        using var hosts = new SshHosts(access);
        var runner = new ActionRunner(access, hosts, TimeProvider.System);
        await alpha.StopPostgresAsync(ct: Cancellation);
        await runner.RunAsync(new WatchdogAction.Promote("beta", PromotionMethod.PgCtl), epoch: 1, Cancellation);
        await SetUpTests.EventuallyAsync(async () => await beta.TryPsqlAsync("SELECT pg_is_in_recovery()", Cancellation) == "f", "beta is primary");
        await beta.PsqlAsync("DELETE FROM spared WHERE id > 900", Cancellation);

        var rejoining = await runner.RunAsync(new WatchdogAction.Rejoin("alpha", "beta", Majors.Version(LabOptions.DebianMajor), 2, FreshCopy: true), epoch: 2, Cancellation);
        Assert.True(rejoining.Succeeded, rejoining.Words);

        await SetUpTests.EventuallyAsync(async () => await alpha.TryPsqlAsync("SELECT count(*) FROM spared WHERE pg_is_in_recovery()", Cancellation) == "900", "alpha follows beta");
        Assert.Equal(Spare(alpha), await alpha.PsqlAsync("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'spare'", Cancellation));
        Assert.Single(Directory.GetDirectories(alpha.Directory, "spare.before-pgwatchdog-rejoin-2-*"));
    }

    private static string Spare(LabHost host) => Path.Combine(host.Directory, "spare");

    private static async Task<LabCluster> StartAsync(string major)
    {
        var lab = await LabCluster.StartAsync(new LabOptions { Major = major }, Cancellation);
        var alpha = lab["alpha"];
        await alpha.RunAsync($"mkdir {Spare(alpha)}", Cancellation);
        await alpha.PsqlAsync($"CREATE TABLESPACE spare LOCATION '{Spare(alpha)}'", Cancellation);
        await alpha.PsqlAsync("CREATE TABLE spared TABLESPACE spare AS SELECT g AS id FROM generate_series(1, 1000) g", Cancellation);
        return lab;
    }

    private static string Configure(LabCluster lab, string method, bool mapped = true) => LabConfiguration.Write(lab, lab.WatchdogPort, cluster =>
    {
        cluster["CopyMethod"] = method;
        if (mapped)
            cluster["Nodes"]![1]!["TablespaceMapping"] = new JsonArray($"{Spare(lab["alpha"])}={Spare(lab["beta"])}");
    });

    private static async Task<ProductResult> RequireAsync(string configuration, params string[] arguments)
    {
        var result = await Product.RunAsync(configuration, arguments, Cancellation);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result;
    }
}
