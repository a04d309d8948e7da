using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>Set-up cannot get onto a host, or finds no PostgreSQL there: which node, what was tried, what to do.</summary>
[Collection(OnALab.Collection)]
public sealed class SetUpConnections(BareLab bare) : IClassFixture<BareLab>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_changed_host_key_is_told_with_both_fingerprints()
    {
        var configuration = bare.Configuration();
        var before = bare.Beta.HostKeyFingerprint;
        await bare.Beta.ReplaceHostKeyAsync(Cancellation);
        var result = await UserCommand.RunAsync("setup", "main", "--config", configuration);
        result.Says(ExitCode.Failed, $"beta: the host key of 127.0.0.1:{bare.Beta.SshPort} is {bare.Beta.HostKeyFingerprint}, HostKeyFingerprints has {before}",
            "put the new fingerprint there", "somebody may stand between").InOneLine();
    }

    [Fact]
    public async Task Changed_host_keys_of_two_hosts_are_told_at_once()
    {
        var configuration = bare.Configuration();
        await bare.Alpha.ReplaceHostKeyAsync(Cancellation);
        await bare.Beta.ReplaceHostKeyAsync(Cancellation);
        var result = await UserCommand.RunAsync("setup", "main", "--plan", "--config", configuration);
        result.Says(ExitCode.Failed, "alpha: the host key of", "beta: the host key of");
        Assert.Equal(2, result.Lines().Length);
    }

    [Fact]
    public async Task A_key_that_the_host_does_not_know_is_told_with_where_to_add_it()
    {
        await using var folder = new ConfigurationFolder();
        await folder.KeyGenAsync("stranger.key", passphrase: "");
        var result = await bare.RunAsync(cluster => cluster["SshKeyFile"] = folder.In("stranger.key"), "setup", "main");
        result.Says(ExitCode.Failed, $"alpha: {bare.Alpha.SshUser}@127.0.0.1 does not accept the key {folder.In("stranger.key")}", "beta: ", "authorized_keys");
    }

    [Fact]
    public async Task An_account_that_the_host_does_not_know_is_named()
    {
        var result = await bare.RunAsync(cluster => cluster["SshUser"] = "nobody-of-that-name", "setup", "main");
        result.Says(ExitCode.Failed, "alpha: nobody-of-that-name@127.0.0.1 does not accept the key", "authorized_keys");
    }

    [Fact]
    public async Task A_host_name_that_does_not_resolve_is_named_with_its_node()
    {
        var result = await bare.RunAsync(cluster => cluster.Beta()["Host"] = "no-such-host.invalid", "setup", "main");
        result.Says(ExitCode.Failed, "beta: the host name no-such-host.invalid does not resolve; correct Host in the configuration, or the name service").InOneLine();
    }

    [Fact]
    public async Task A_port_without_sshd_is_named()
    {
        var result = await bare.RunAsync(cluster => cluster.Beta()["SshPort"] = 1, "setup", "main");
        result.Says(ExitCode.Failed, "beta: no SSH connection to 127.0.0.1:1 (Connection refused); check Host, SshPort and that sshd runs").InOneLine();
    }

    [Fact]
    public async Task PostgreSQLs_port_given_for_sshds_is_named()
    {
        var result = await bare.RunAsync(cluster => cluster.Alpha()["SshPort"] = bare.Alpha.PostgresPort, "setup", "main");
        result.Says(ExitCode.Failed, $"alpha: no SSH connection to 127.0.0.1:{bare.Alpha.PostgresPort}", "SshPort").InOneLine();
    }

    [Theory]
    [InlineData(Stranger.Silent)]
    [InlineData(Stranger.Closing)]
    [InlineData(Stranger.Web)]
    [InlineData(Stranger.Garbage)]
    [InlineData(Stranger.EndlessLine)]
    public async Task Something_else_than_sshd_on_its_port_is_told(Stranger kind)
    {
        await using var stranger = new NotPostgres(kind);
        var result = await bare.RunAsync(cluster => cluster.Beta()["SshPort"] = stranger.Port, "setup", "main");
        result.Says(ExitCode.Failed, "beta: ", $"127.0.0.1:{stranger.Port}", "SshPort").InOneLine();
    }

    [Theory]
    [InlineData("/usr/lib/postgresql/99/bin")]
    [InlineData("/usr/bin")]
    [InlineData("/etc/passwd")]
    public async Task A_directory_without_PostgreSQLs_programs_is_named(string directory)
    {
        var result = await bare.RunAsync(cluster => cluster.Beta()["BinDirectory"] = directory, "setup", "main");
        result.Says(ExitCode.Failed, $"beta: there is no {directory}/pg_ctl: correct BinDirectory, or install PostgreSQL").InOneLine();
    }

    [Fact]
    public async Task What_is_wrong_with_two_hosts_is_told_at_once()
    {
        var result = await bare.RunAsync(cluster =>
        {
            cluster.Alpha()["BinDirectory"] = "/nowhere";
            cluster.Beta()["Host"] = "no-such-host.invalid";
        }, "setup", "main");
        result.Says(ExitCode.Failed, "alpha: there is no /nowhere/pg_ctl", "beta: the host name no-such-host.invalid does not resolve");
    }
}
