using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>A real sshd that offers nothing but one broken algorithm.</summary>
public sealed class SshAlgorithmTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("KexAlgorithms diffie-hellman-group14-sha1")]
    [InlineData("KexAlgorithms diffie-hellman-group1-sha1")]
    [InlineData("Ciphers aes128-cbc")]
    [InlineData("Ciphers 3des-cbc")]
    [InlineData("Ciphers aes128-ctr\nMACs hmac-sha1")]
    public async Task Sshd_with_nothing_better_is_refused_unless_a_setting_says_so(string only)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha", "beta"], Running = [] }, Cancellation);
        var file = Path.Combine(lab["alpha"].Directory, "ssh", "sshd_config");
        await File.WriteAllTextAsync(file, $"{only}\n{await File.ReadAllTextAsync(file, Cancellation)}", Cancellation);
        await lab["alpha"].StopSshdAsync(ct: Cancellation);
        await lab["alpha"].StartSshdAsync(Cancellation);
        foreach (var legacy in new[] { false, true })
        {
            var configuration = LabConfiguration.Write(lab, lab.WatchdogPort, cluster => cluster["SshLegacyAlgorithms"] = legacy);
            var access = InstallationLoader.Load(configuration).Clusters[0];
            using var hosts = new SshHosts(access);
            if (legacy)
            {
                Assert.Equal("word\n", await hosts["alpha"].RequireAsync("echo word", Limit, Cancellation));
                Assert.Contains("SshLegacyAlgorithms", Assert.Single(access.Spec.Weaknesses), StringComparison.Ordinal);
            }
            else
            {
                var failure = await Assert.ThrowsAsync<SshFailureException>(() => hosts["alpha"].RequireAsync("echo word", Limit, Cancellation));
                Assert.Contains("set SshLegacyAlgorithms", failure.Message, StringComparison.Ordinal);
                Assert.Empty(access.Spec.Weaknesses);
            }
        }
    }

    /// <summary>With an RSA key the library offers a signature by SHA-1 after the others were refused.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rsa_key_signs_with_sha1_only_where_a_setting_says_so(bool legacy)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha", "beta"], Running = [] }, Cancellation);
        var alpha = lab["alpha"];
        var directory = Path.Combine(alpha.Directory, "ssh");
        await alpha.RunAsync($"ssh-keygen -q -t rsa -b 3072 -N '' -f {directory}/rsa && cat {directory}/rsa.pub >> {directory}/authorized_keys", Cancellation);
        var file = Path.Combine(directory, "sshd_config");
        await File.WriteAllTextAsync(file, $"PubkeyAcceptedAlgorithms ssh-rsa\n{await File.ReadAllTextAsync(file, Cancellation)}", Cancellation);
        await alpha.StopSshdAsync(ct: Cancellation);
        await alpha.StartSshdAsync(Cancellation);
        using var hosts = new SshHosts(InstallationLoader.Load(LabConfiguration.Write(lab, lab.WatchdogPort, cluster =>
            (cluster["SshLegacyAlgorithms"], cluster["SshKeyFile"]) = (legacy, Path.Combine(directory, "rsa")))).Clusters[0]);
        if (legacy)
            Assert.Equal("word\n", await hosts["alpha"].RequireAsync("echo word", Limit, Cancellation));
        else
            await Assert.ThrowsAsync<SshFailureException>(() => hosts["alpha"].RequireAsync("echo word", Limit, Cancellation));
    }
}
