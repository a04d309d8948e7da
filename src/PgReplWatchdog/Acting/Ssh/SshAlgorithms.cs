using Renci.SshNet;
using Renci.SshNet.Security;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>Which of the library's algorithms a connection may use. What OpenSSH itself does not offer any more is left out.</summary>
public static class SshAlgorithms
{
    /// <summary>SHA-1 in a key exchange, a signature or a MAC; CBC; compression, which tells lengths.</summary>
    private static readonly string[] Broken = ["sha1", "ssh-rsa", "ssh-dss", "-cbc", "zlib"];

    /// <summary>Takes out what is broken, whatever the library offers.</summary>
    /// <param name="connection">Before it is used.</param>
    public static void RemoveBroken(Renci.SshNet.ConnectionInfo connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        Remove(connection.KeyExchangeAlgorithms);
        Remove(connection.HostKeyAlgorithms);
        Remove(connection.Encryptions);
        Remove(connection.HmacAlgorithms);
        Remove(connection.CompressionAlgorithms);
    }

    public static bool IsBroken(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Broken.Any(part => name.Contains(part, StringComparison.Ordinal));
    }

    private static void Remove<T>(IDictionary<string, T> algorithms)
    {
        foreach (var name in algorithms.Keys.Where(IsBroken).ToList())
            algorithms.Remove(name);
    }
}

/// <summary>A key that does not sign with SHA-1: the library offers that after the others were refused.</summary>
internal sealed class SoundKey(PrivateKeyFile key) : IPrivateKeySource
{
    public IReadOnlyCollection<HostAlgorithm> HostKeyAlgorithms { get; } = [.. key.HostKeyAlgorithms.Where(algorithm => !SshAlgorithms.IsBroken(algorithm.Name))];
}
