using System.Text;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Setup;

/// <summary>The hosts of a cluster as set-up uses them: files and SQL over SSH.</summary>
public sealed class SetupHosts(ClusterAccess cluster) : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Bytes of a configuration file, or of what SQL answers: pg_hba.conf of some ten thousand lines.</summary>
    private const int FileLimit = 4 * 1024 * 1024;

    /// <summary>Byte for byte: these files belong to somebody else, whatever encoding their comments are in.</summary>
    private static readonly Encoding Bytes = Encoding.Latin1;

    private readonly Dictionary<string, SshHost> hosts = cluster.Hosts.ToDictionary(
        host => host.Key, host => new SshHost(cluster, host.Value, cluster.SetupSshKeyFile ?? cluster.SshKeyFile));

    public SshHost this[string node] => hosts[node];

    /// <summary>The text of a file; null where there is none.</summary>
    public async Task<string?> ReadFileAsync(string node, string path, CancellationToken cancellation)
    {
        var result = await hosts[node].RunAsync(SetupScripts.ReadFile(path), Limit, cancellation, encoding: Bytes, limit: FileLimit);
        return result.ExitStatus switch
        {
            0 => result.Output,
            SetupScripts.NoSuchFile => null,
            _ => throw new SshFailureException(SshFailureKind.CommandFailed, $"{node}: {path} cannot be read: {result.Error.Trim()}"),
        };
    }

    public Task WriteFileAsync(string node, string path, string text, CancellationToken cancellation) =>
        hosts[node].RequireAsync(SetupScripts.WriteFile(path, Bytes.GetByteCount(text)), Limit, cancellation, text, Bytes);

    public Task<string> PsqlAsync(string node, string sql, CancellationToken cancellation, bool readOnly = false) =>
        hosts[node].RequireAsync(SetupScripts.Psql(hosts[node].Host, readOnly), Limit, cancellation, sql, limit: FileLimit);

    public void Dispose()
    {
        foreach (var host in hosts.Values)
            host.Dispose();
    }
}
