using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using Renci.SshNet.Security;
using PrivateKeyFile = Renci.SshNet.PrivateKeyFile;

namespace PgReplWatchdog.Setup;

/// <summary>
/// What a host needs that only root can give: a shell script for a person to read and run. Everything else set-up does by itself as PostgreSQL's account.
/// </summary>
public static class HostPreparation
{
    public static string Script(ClusterAccess cluster, string node)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        var host = cluster.Hosts[node];
        var script = SqlText.Of("Setup.prepare-host.sh").Replace("set -eu\n", "set -eu\n" + SqlText.Of("Setup.find-unit.sh"), StringComparison.Ordinal);
        return Shell.Script(script, cluster.SshUser, cluster.ServerAccount, host.Node.DataDirectory, PublicKey(cluster.SshKeyFile), host.ServiceUnit,
            host.Node.Port.ToString(CultureInfo.InvariantCulture), node);
    }

    /// <summary>Takes away what <see cref="Script"/> has put there.</summary>
    public static string Undo(ClusterAccess cluster, string node)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return Shell.Script(SqlText.Of("Setup.restore-host.sh"), cluster.SshUser, PublicKey(cluster.SshKeyFile), node,
            cluster.Hosts[node].Node.Port.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The key's public half as authorized_keys has it (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").</summary>
    private static string PublicKey(string keyFile)
    {
        using var key = new PrivateKeyFile(keyFile);
        // An RSA key can sign in several ways; its public half is the same, under its own name.
        var algorithm = key.HostKeyAlgorithms.OfType<KeyHostAlgorithm>().First();
        var name = algorithm.Name.StartsWith("rsa-", StringComparison.Ordinal) ? "ssh-rsa" : algorithm.Name;
        return $"{name} {Convert.ToBase64String(algorithm.Data)} pgwatchdog";
    }
}
