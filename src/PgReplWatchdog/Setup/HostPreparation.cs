using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Operating.CommandLine;
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
        var verbs = cluster.SetupSshKeyFile is null ? "" : Written(Verbs.Program, SqlText.Of("Setup.run-verb.sh"), "$verbs.new")
            + string.Concat(Verbs.Files(cluster, node).Select(file => Written(file.Name, file.Text, "$verbs.new/$port")));
        return Shell.Script(SqlText.Of("Setup.prepare-host.sh").Replace("set -eu\n", "set -eu\n" + SqlText.Of("Setup.find-unit.sh"), StringComparison.Ordinal),
            cluster.SshUser, cluster.ServerAccount, host.Node.DataDirectory, ShellWord.List(Keys(cluster).SelectMany(key => new[] { key.Blob, key.Line })),
            host.ServiceUnit, host.Node.Port.ToString(CultureInfo.InvariantCulture), node, Verbs.Directory)
            .Replace("  : # the verbs' files\n", verbs.Length > 0 ? verbs : "  :\n", StringComparison.Ordinal);
    }

    /// <summary>Takes away what <see cref="Script"/> has put there.</summary>
    public static string Undo(ClusterAccess cluster, string node)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return Shell.Script(SqlText.Of("Setup.restore-host.sh"), cluster.SshUser, ShellWord.List(Keys(cluster).Select(key => key.Blob)), node,
            cluster.Hosts[node].Node.Port.ToString(CultureInfo.InvariantCulture), Verbs.Directory);
    }

    private static string Written(string name, string text, string directory) => $"  cat > \"{directory}/{name}\" << 'END-OF-FILE'\n{text}END-OF-FILE\n";

    /// <summary>The lines of authorized_keys, and what each is known by: with a key of set-up's own the watchdog's is bound to the verbs.</summary>
    private static IEnumerable<(string Blob, string Line)> Keys(ClusterAccess cluster)
    {
        var key = PublicHalf(cluster.SshKeyFile);
        yield return (key.Blob, Verbs.KeyLine(key.Text, cluster.SshFrom, cluster.SetupSshKeyFile is null ? null : Verbs.Directory));
        if (cluster.SetupSshKeyFile is { } file)
        {
            var setup = PublicHalf(file);
            yield return (setup.Blob, Verbs.KeyLine(setup.Text, cluster.SshFrom, null));
        }
    }

    /// <summary>The key's public half as authorized_keys has it; where the key itself is elsewhere, that of the file beside it.</summary>
    /// <exception cref="UsageException">Neither is here.</exception>
    private static (string Blob, string Text) PublicHalf(string keyFile)
    {
        if (!File.Exists(keyFile))
        {
            var beside = keyFile + ".pub";
            var written = File.Exists(beside) ? PublicKey.Parse(File.ReadAllText(beside)) : null;
            return written is { } known ? (known.ToString().Split(' ')[1], $"{known} pgwatchdog")
                : throw new UsageException($"there is neither the key {keyFile} nor its public half {beside}: put one of them there");
        }
        using var key = new PrivateKeyFile(keyFile);
        // An RSA key can sign in several ways; its public half is the same, under its own name.
        var algorithm = key.HostKeyAlgorithms.OfType<KeyHostAlgorithm>().First();
        var name = algorithm.Name.StartsWith("rsa-", StringComparison.Ordinal) ? "ssh-rsa" : algorithm.Name;
        var blob = Convert.ToBase64String(algorithm.Data);
        return (blob, $"{name} {blob} pgwatchdog");
    }
}
