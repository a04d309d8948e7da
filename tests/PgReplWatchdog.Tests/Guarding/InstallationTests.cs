using PgReplWatchdog.Lab;
using PgReplWatchdog.Setup;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>How the guard comes to the hosts and goes again.</summary>
public sealed class InstallationTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Set_up_installs_it_mends_it_and_takes_it_away()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        foreach (var host in cluster.Lab.Hosts)
            await RunsAsync(host);
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);

        await cluster.Alpha.RunAsync($"/bin/sh {Guard(cluster.Alpha)} stop && echo '# changed' >> {Guard(cluster.Beta)}", Cancellation);
        var plan = await cluster.RunAsync("setup", "--plan");
        Assert.Contains("alpha: install and start the guard", plan.Output, StringComparison.Ordinal);
        Assert.Contains("beta: install and start the guard", plan.Output, StringComparison.Ordinal);
        await cluster.RequireAsync("setup");
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);

        Assert.Contains("disarm and end the guard", (await cluster.RunAsync("setup", "--remove-guard", "--plan")).Output, StringComparison.Ordinal);
        foreach (var host in cluster.Lab.Hosts)
            await RunsAsync(host);
        await cluster.RequireAsync("setup", "--remove-guard");
        foreach (var host in cluster.Lab.Hosts)
        {
            Assert.Empty(Directory.GetFiles(host.DataDirectory + ".pgwatchdog", "guard*"));
            Assert.Equal("", await host.RunAsync($"pgrep -f {Guard(host)} || true", Cancellation));
            Assert.Equal("0", await host.PsqlAsync("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgwatchdog_guard%'", Cancellation));
        }
        await cluster.RequireAsync("setup", "--remove-guard");
    }

    [Fact]
    public async Task Only_one_runs_on_a_data_directory_however_often_it_is_started()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        var before = await cluster.Alpha.RunAsync($"cat {Guard(cluster.Alpha)}.pid", Cancellation);
        await cluster.Alpha.RunAsync($"for n in 1 2 3 4 5; do /bin/sh {Guard(cluster.Alpha)} start & done; wait; /bin/sh {Guard(cluster.Alpha)} run || true", Cancellation);
        Assert.Equal(before, await cluster.Alpha.RunAsync($"cat {Guard(cluster.Alpha)}.pid", Cancellation));
        await RunsAsync(cluster.Alpha);
    }

    [Fact]
    public async Task An_installation_without_the_new_rights_gets_them()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false);
        await cluster.Alpha.PsqlAsync("REVOKE EXECUTE ON FUNCTION pg_promote(boolean, integer) FROM pgwatchdog; REVOKE EXECUTE ON FUNCTION pg_read_binary_file(text) FROM replication", Cancellation);
        var plan = await cluster.RunAsync("setup", "--plan");
        Assert.Contains("give role pgwatchdog", plan.Output, StringComparison.Ordinal);
        Assert.Contains("give role replication", plan.Output, StringComparison.Ordinal);
        await cluster.RequireAsync("setup");
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_text_is_good_for_bash_and_the_small_shell_hands_it_over()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"], Running = [] }, Cancellation);
        await File.WriteAllTextAsync(Path.Combine(lab["alpha"].HomeDirectory, "guard"), GuardFiles.Script, Cancellation);
        Assert.Equal("", await lab["alpha"].RunAsync($"bash -n {lab["alpha"].HomeDirectory}/guard 2>&1", Cancellation));
    }

    private static string Guard(LabHost host) => host.DataDirectory + ".pgwatchdog/guard";

    /// <summary>It runs, and its one session asks.</summary>
    private static async Task RunsAsync(LabHost host)
    {
        await host.RunAsync($"/bin/sh {Guard(host)} status", Cancellation);
        await GuardedCluster.SeenAsync(host, "pgwatchdog_guard");
    }
}
