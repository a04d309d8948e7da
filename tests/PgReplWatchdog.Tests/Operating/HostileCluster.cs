using System.Text.Json;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>Two nodes that refuse every session with words of the test's choice, and a configuration of a watchdog for them.</summary>
internal sealed class HostileCluster : IAsyncDisposable
{
    private readonly NotPostgres alpha, beta;

    public HostileCluster(ConfigurationFolder folder, string words, int port)
    {
        Port = port;
        (alpha, beta) = (new NotPostgres(Stranger.Hostile, words), new NotPostgres(Stranger.Hostile, "of no concern"));
        Configuration = folder.Write(("Listen", $"\"http://127.0.0.1:{port}\""), ("StateDirectory", $"\"{folder.In(Guid.NewGuid().ToString())}\""),
            ("Clusters", JsonSerializer.Serialize(new[] { Cluster() })));
    }

    public string Configuration { get; }

    /// <summary>Where the service listens.</summary>
    public int Port { get; }

    private object Cluster() => new
    {
        Name = "main",
        WatchdogPasswordFile = "watchdog.secret",
        ReplicationPasswordFile = "replication.secret",
        SshKeyFile = ConfigurationFolder.KeyFile,
        Nodes = new[] { Node("alpha", alpha.Port), Node("beta", beta.Port) },
    };

    private static object Node(string name, int port) => new
    {
        Name = name,
        Host = "127.0.0.1",
        Port = port,
        SshPort = 1,
        DataDirectory = $"/{name}",
        HostKeyFingerprints = new[] { "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
    };

    public async ValueTask DisposeAsync()
    {
        await alpha.DisposeAsync();
        await beta.DisposeAsync();
    }
}
