using PgReplWatchdog.Lab;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>Hosts, networks and servers on which set-up would get stuck half-way: found before anything is changed.</summary>
[Collection(OnALab.Collection)]
public sealed class SetUpOnUnfitHosts
{
    private static readonly string[] Churn = ["jobs", "ssh/sshd.log", "run", "disk.img"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_room_for_the_copy_it_says_both_numbers()
    {
        RunningCluster.RequireNamespaces(); // root, too, mounts disks
        await using var lab = await LabCluster.StartAsync(new LabOptions { DiskMegabytes = 200 }, Cancellation);
        await lab["beta"].FillDiskAsync(Cancellation);
        await RefusesAsync(lab, "beta: the copy needs about ", $" MiB where {lab["beta"].DataDirectory}.pgwatchdog is (", "and 0 MiB are free there: make room");
        lab["beta"].FreeDisk();
        (await PlanAsync(lab)).Shows(ExitCode.ChangesPending, "copy alpha by pg_basebackup");
    }

    [Fact]
    public async Task A_firewall_that_drops_is_told_from_a_server_that_does_not_listen_yet()
    {
        RunningCluster.RequireNamespaces();
        await using var lab = await LabCluster.StartAsync(new LabOptions { Namespaces = true }, Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        (await PlanAsync(lab)).Shows(ExitCode.ChangesPending, "listen_addresses"); // on localhost alone: refused, and rightly so
        await beta.CutAsync(CutFrom.Host("alpha"), ct: Cancellation);
        await RefusesAsync(lab, $"beta's host gets no answer from alpha's {alpha.Address}:5432, not even a refusal: let a firewall");

        await alpha.PsqlAsync("ALTER SYSTEM SET listen_addresses = '*'", Cancellation);
        await alpha.StopPostgresAsync(ct: Cancellation);
        await alpha.StartPostgresAsync(Cancellation);
        await beta.CutAsync(CutFrom.Host("alpha"), CutMode.Refuse, CutDirection.Outbound, Cancellation);
        await RefusesAsync(lab, $"beta's host is refused by alpha's {alpha.Address}:5432, where PostgreSQL listens: let a firewall");

        await beta.HealAsync(ct: Cancellation);
        (await PlanAsync(lab)).Shows(ExitCode.ChangesPending);
    }

    [Fact]
    public async Task An_account_that_is_no_superuser_is_told_how_to_become_one()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var alpha = lab["alpha"];
        await alpha.PsqlAsync($"CREATE ROLE somebody SUPERUSER; ALTER ROLE \"{alpha.SuperUser}\" NOSUPERUSER", Cancellation);
        await RefusesAsync(lab, $"alpha: the account {alpha.SuperUser} is no superuser in PostgreSQL", $"ALTER ROLE \"{alpha.SuperUser}\" SUPERUSER");
    }

    [Theory]
    [InlineData("reject", "pg_hba.conf rejects connection")]
    [InlineData("scram-sha-256", "no password supplied")]
    public async Task An_account_that_is_not_let_in_is_told_which_line_would(string method, string words)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var alpha = lab["alpha"];
        var hba = Path.Combine(alpha.DataDirectory, "pg_hba.conf");
        await File.WriteAllTextAsync(hba, $"local all all {method}\n", Cancellation);
        await alpha.RunAsync($"{alpha.BinDirectory}/pg_ctl reload -D {alpha.DataDirectory}", Cancellation);
        await SetUp.SetUpTests.EventuallyAsync(async () => await alpha.TryPsqlAsync("SELECT 1", Cancellation) is null, "the new pg_hba.conf counts");
        await RefusesAsync(lab, "alpha: ", words, $"set-up needs the account {alpha.SuperUser} to be let into PostgreSQL over its own socket", $"\"local all {alpha.SuperUser} peer\"");
    }

    [Fact]
    public async Task A_directory_that_the_account_may_not_write_is_found_in_the_plan()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var beta = lab["beta"];
        await beta.RunAsync($"mkdir {beta.Directory}/volume && mv {beta.DataDirectory} {beta.Directory}/volume && chmod 0555 {beta.Directory}/volume", Cancellation);
        var data = beta.Directory + "/volume/data";
        var result = await Product.RunAsync(Configuration(lab, data), ["setup", "main"], Cancellation);
        await beta.RunAsync($"chmod 0755 {beta.Directory}/volume", Cancellation);
        result.Says(ExitCode.Failed, $"beta: PostgreSQL's account cannot write {data}.pgwatchdog and {data}: give it the directory", "nothing was changed");
        Assert.False(Directory.Exists(data + ".pgwatchdog"));
    }

    [Fact]
    public async Task Symbolic_links_stay_and_what_they_lead_to_is_changed()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        await alpha.StopPostgresAsync(ct: Cancellation);
        await LinkAsync(alpha, "postgresql.conf", "pg_hba.conf", "pg_wal");
        await LinkAsync(beta, "pg_hba.conf", "pg_wal");
        await alpha.StartPostgresAsync(Cancellation);
        var configuration = Configuration(lab);

        var result = await Product.RunAsync(configuration, ["setup", "main"], Cancellation);
        result.Shows(ExitCode.Ok, $"Warning: pg_wal of alpha is a link to {alpha.Directory}/elsewhere/pg_wal: the copy on beta has it as a directory",
            $"Warning: pg_wal of beta is a link to {beta.Directory}/elsewhere/pg_wal: it is moved aside",
            $"Warning: {beta.DataDirectory}/pg_hba.conf of beta is a link to {beta.Directory}/elsewhere/pg_hba.conf: it is moved aside",
            $"Warning: no systemd unit asks the guard of alpha before PostgreSQL starts there", $"run `{alpha.DataDirectory}.pgwatchdog/guard boot-check 60` first"); // no systemd here

        foreach (var name in (string[])["postgresql.conf", "pg_hba.conf"])
        {
            Assert.Equal($"{alpha.Directory}/elsewhere/{name}", new FileInfo(Path.Combine(alpha.DataDirectory, name)).LinkTarget);
            Assert.Contains("pgwatchdog", await File.ReadAllTextAsync($"{alpha.Directory}/elsewhere/{name}", Cancellation), StringComparison.Ordinal);
        }
        Assert.Null(new DirectoryInfo(Path.Combine(beta.DataDirectory, "pg_wal")).LinkTarget);
        Assert.NotEmpty(Directory.GetFiles($"{beta.Directory}/elsewhere/pg_wal")); // what the old one's link led to
        Assert.Contains("Nothing to change", (await Product.RunAsync(configuration, ["setup", "main"], Cancellation)).Output, StringComparison.Ordinal);
    }

    private static Task<string> LinkAsync(LabHost host, params string[] names) => host.RunAsync(
        $"mkdir {host.Directory}/elsewhere\n" + string.Join('\n', names.Select(name =>
            $"mv {host.DataDirectory}/{name} {host.Directory}/elsewhere/{name} && ln -s {host.Directory}/elsewhere/{name} {host.DataDirectory}/{name}")), Cancellation);

    private static string Configuration(LabCluster lab, string? data = null) => LabConfiguration.Write(lab, lab.WatchdogPort, cluster =>
    {
        if (data is not null)
            cluster.Beta()["DataDirectory"] = data;
    });

    private static Task<ProductResult> PlanAsync(LabCluster lab) => Product.RunAsync(Configuration(lab), ["setup", "main", "--plan"], Cancellation);

    /// <summary>Without --plan: it is the one that could leave something half done.</summary>
    private static async Task RefusesAsync(LabCluster lab, params string[] words)
    {
        var configuration = Configuration(lab);
        var before = Everything(lab);
        var result = await Product.RunAsync(configuration, ["setup", "main"], Cancellation);
        result.Says(ExitCode.Failed, [.. words, "nothing was changed"]).InOneLine();
        Assert.Equal(before, Everything(lab));
    }

    /// <summary>Of the running primary what set-up would change; of all else every byte.</summary>
    private static string Everything(LabCluster lab) => string.Join('\n', lab.Hosts.Select(host => string.Join('\n',
        FileListing.Of(host.Directory, host.PostgresRunning ? [.. Churn, "data", "disk/data", "server.log"] : Churn),
        string.Join('\n', Directory.GetFiles(host.DataDirectory, "*.conf").Order().Select(file => $"{file}\n{File.ReadAllText(file)}")))));
}
