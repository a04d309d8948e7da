using PgReplWatchdog.Lab;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>What set-up refuses to do with data and servers that are not as it needs them, and that it leaves them as they are.</summary>
[Collection(OnALab.Collection)]
public sealed class SetUpRefusals(BareLab bare) : IClassFixture<BareLab>
{
    private static readonly string[] Churn = ["jobs", "ssh/sshd.log", "run"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_plan_is_shown_and_changes_nothing()
    {
        var before = await EverythingAsync();
        var result = await bare.RunAsync(null, "setup", "main", "--plan");
        result.Shows(ExitCode.ChangesPending, "primary alpha", "create role replication", "pg_hba.conf", "RESTART PostgreSQL", "copy alpha by pg_basebackup", "away together for GuardTimeToLive", "to undo:", "Nothing was changed");
        Assert.Equal(before, await EverythingAsync());
    }

    [Fact]
    public async Task Without_a_running_primary_it_says_which_one_to_start()
    {
        await bare.Alpha.StopPostgresAsync(ct: Cancellation);
        var result = await bare.RunAsync(null, "setup", "main");
        await bare.Alpha.StartPostgresAsync(Cancellation);
        result.Says(ExitCode.Failed, "no node of cluster main runs as a primary: start PostgreSQL on the one that is to be it, alpha if both are new", "nothing was changed");
    }

    [Fact]
    public async Task Between_two_running_primaries_it_does_not_choose()
    {
        await bare.Beta.StartPostgresAsync(Cancellation);
        var result = await bare.RunAsync(null, "setup", "main");
        await bare.Beta.StopPostgresAsync(ct: Cancellation);
        result.Says(ExitCode.Failed, "alpha and beta both run as primaries", "--overwrite", "nothing was changed");
    }

    [Fact]
    public async Task A_server_that_was_used_is_not_overwritten()
    {
        var data = await UsedDataAsync(bare.Beta);
        var before = FileListing.Of(data);
        var result = await bare.RunAsync(cluster => cluster.Beta()["DataDirectory"] = data, "setup", "main");
        result.Says(ExitCode.Failed, "the data directory of beta holds another database system", "--overwrite beta", "nothing was changed");
        Assert.Equal(before, FileListing.Of(data));
        Assert.False(Directory.Exists(data + ".pgwatchdog"));
    }

    [Fact]
    public async Task A_directory_with_other_files_is_not_overwritten()
    {
        await bare.Beta.RunAsync($"mkdir -p {bare.Beta.Directory}/other/letters && echo dear > {bare.Beta.Directory}/other/letters/one", Cancellation);
        var other = Path.Combine(bare.Beta.Directory, "other");
        var before = FileListing.Of(other);
        var result = await bare.RunAsync(cluster => cluster.Beta()["DataDirectory"] = other, "setup", "main");
        result.Says(ExitCode.Failed, "the data directory of beta is not empty and holds no PostgreSQL", "--overwrite beta", "nothing was changed");
        Assert.Equal(before, FileListing.Of(other));
    }

    /// <summary>Only planned here: what set-up does not refuse, it does.</summary>
    [Fact]
    public async Task A_file_in_place_of_the_data_directory_is_refused()
    {
        var file = await bare.Beta.RunAsync($"echo dear > {bare.Beta.Directory}/file && echo {bare.Beta.Directory}/file", Cancellation);
        var result = await bare.RunAsync(cluster => cluster.Beta()["DataDirectory"] = file, "setup", "main", "--plan");
        result.Says(ExitCode.Failed, "beta", file, "nothing was changed");
    }

    [Fact]
    public async Task A_data_directory_that_is_not_the_primarys_is_told()
    {
        var result = await bare.RunAsync(cluster => cluster.Alpha()["DataDirectory"] = bare.Alpha.Directory + "/nowhere", "setup", "main", "--plan");
        result.Says(ExitCode.Failed, "no node of cluster main runs as a primary", bare.Alpha.Directory + "/nowhere", "nothing was changed");
    }

    [Theory]
    [InlineData("gamma")]
    [InlineData("Beta")]
    [InlineData("all")]
    public async Task A_node_to_overwrite_that_does_not_exist_is_told_with_those_that_do(string name)
    {
        var before = await EverythingAsync();
        var result = await bare.RunAsync(null, "setup", "main", "--overwrite", name);
        result.Says(ExitCode.Failed, $"--overwrite names {name}, which is no node of cluster main: its nodes are alpha, beta", "nothing was changed");
        Assert.Equal(before, await EverythingAsync());
    }

    [Fact]
    public async Task The_running_primary_is_not_overwritten_for_want_of_another()
    {
        var before = await EverythingAsync();
        var result = await bare.RunAsync(null, "setup", "main", "--overwrite", "alpha");
        result.Says(ExitCode.Failed, "--overwrite names alpha, the only running primary", "nothing was changed");
        Assert.Equal(before, await EverythingAsync());
    }

    /// <summary>A slip of the pen in Port must not move a primary to another one, let alone to one that is taken, where it cannot start again.</summary>
    [Fact]
    public async Task A_primary_that_runs_on_another_port_than_configured_is_left_alone()
    {
        await using var own = new BareLab(); // it could do harm
        await own.InitializeAsync();
        var result = await own.RunAsync(cluster => cluster.Alpha()["Port"] = own.Beta.SshPort, "setup", "main");
        Assert.True(own.Alpha.PostgresRunning, $"the primary is down:\n{result}");
        result.Says(ExitCode.Failed, "alpha", $"{own.Alpha.PostgresPort}", $"{own.Beta.SshPort}", "Port", "nothing was changed");
    }

    /// <summary>A data directory on a volume of its own is often a link: the copy belongs on that volume, not where the link is.</summary>
    [Fact]
    public async Task A_data_directory_that_is_a_link_stays_one_or_is_refused()
    {
        await using var own = new BareLab(); // it is set up
        await own.InitializeAsync();
        var link = own.Beta.Directory + "/link";
        await own.Beta.RunAsync($"mkdir {own.Beta.Directory}/volume && ln -s {own.Beta.Directory}/volume {link}", Cancellation);
        var result = await own.RunAsync(cluster => cluster.Beta()["DataDirectory"] = link, "setup", "main");
        result.HasNoStackTrace();
        Assert.True(result.ExitCode == ExitCode.Failed || new DirectoryInfo(link).LinkTarget is not null, $"the link is gone:\n{result}");
    }

    /// <summary>A database with something in it, in a directory of the host's own.</summary>
    private static async Task<string> UsedDataAsync(LabHost host)
    {
        var data = Path.Combine(host.Directory, "used");
        await host.RunAsync($"""
            {host.BinDirectory}/initdb -N --locale=C -E UTF8 -U {host.SuperUser} -D {data} >/dev/null
            {host.BinDirectory}/pg_ctl start -w -D {data} -l {host.Directory}/used.log -o "-c port={host.PostgresPort} -c unix_socket_directories={host.SocketDirectory} -c listen_addresses=" >/dev/null
            {host.BinDirectory}/psql -X -q -h {host.SocketDirectory} -p {host.PostgresPort} -d postgres -c 'CREATE TABLE precious (id int)'
            {host.BinDirectory}/pg_ctl stop -w -D {data} >/dev/null
            """, Cancellation);
        return data;
    }

    /// <summary>Of the running primary what set-up would change; of all else every byte.</summary>
    private async Task<string> EverythingAsync() => string.Join('\n',
        FileListing.Of(bare.Alpha.Directory, [.. Churn, "data", "server.log"]),
        string.Join('\n', Directory.GetFiles(bare.Alpha.DataDirectory, "*.conf").Order().Select(file => $"{file}\n{File.ReadAllText(file)}")),
        await bare.Alpha.PsqlAsync("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1; SELECT slot_name FROM pg_replication_slots; SELECT pg_postmaster_start_time(), pg_conf_load_time();", Cancellation),
        FileListing.Of(bare.Beta.Directory, Churn));
}
