using System.Text.Json.Nodes;

namespace PgReplWatchdog.Lab;

/// <summary>Writes the product's configuration for a lab, with its two secrets, into the lab's directory.</summary>
public static class LabConfiguration
{
    public const string ClusterName = "main";

    /// <summary>Beside the configuration: what marks a process as the lab's, so that the reaper finds it.</summary>
    internal const string LabIdFile = "lab-id";

    /// <summary>Returns the file's path. <paramref name="change"/> may edit the cluster's section, or all of it through its root.</summary>
    public static string Write(LabCluster lab, int httpPort, Action<JsonObject>? change = null, string fileName = "appsettings.json")
    {
        ArgumentNullException.ThrowIfNull(lab);
        File.WriteAllText(Path.Combine(lab.Directory, LabIdFile), lab.Id);
        return Write(lab.Directory, httpPort, lab.Hosts[0].SshUser, lab.ClientKeyFile, lab.Hosts.Select(Node), cluster =>
        {
            if (httpPort == lab.WatchdogPort) // a second watchdog of a lab has no agents
                cluster.Parent!.Parent!["AgentListen"] = $"tcp://{lab.WatchdogAddress}:{lab.AgentPort}";
            change?.Invoke(cluster);
        }, fileName);
    }

    /// <summary>For booted hosts: the login is an account of its own, and what there is to find on a Debian is left to the product.</summary>
    public static string Write(WholeHosts lab, string account, Action<JsonObject>? change = null)
    {
        ArgumentNullException.ThrowIfNull(lab);
        return Write(lab.LabDirectory, lab.WatchdogPort, account, lab.ClientKeyFile, lab.Hosts.Select(host => new JsonObject
        {
            ["Name"] = host.Name,
            ["Host"] = host.Address,
            ["HostKeyFingerprints"] = new JsonArray(host.HostKeyFingerprint),
        }), cluster =>
        {
            cluster["ServerAccount"] = "postgres";
            change?.Invoke(cluster);
        }, "appsettings.json");
    }

    private static string Write(string directory, int httpPort, string account, string keyFile, IEnumerable<JsonObject> nodes, Action<JsonObject>? change, string fileName)
    {
        var cluster = new JsonObject
        {
            ["Name"] = ClusterName,
            ["WatchdogPasswordFile"] = Secret(directory, "watchdog.secret", "watch:dog of \\ the 'lab'"),
            ["ReplicationPasswordFile"] = Secret(directory, "replication.secret", "re:pli\\cation 'secret'"),
            ["SshUser"] = account,
            ["SshKeyFile"] = keyFile,
            ["Nodes"] = new JsonArray([.. nodes]),
        };
        var root = new JsonObject
        {
            ["PgReplWatchdog"] = new JsonObject
            {
                ["Listen"] = $"http://127.0.0.1:{httpPort}",
                ["StateDirectory"] = Path.Combine(directory, "watchdog"),
                ["Clusters"] = new JsonArray(cluster),
            },
        };
        change?.Invoke(cluster);
        var path = Path.Combine(directory, fileName);
        File.WriteAllText(path, root.ToJsonString(new() { WriteIndented = true }));
        return path;
    }

    private static JsonObject Node(LabHost host) => new()
    {
        ["Name"] = host.Name,
        ["Host"] = host.Address,
        ["Port"] = host.PostgresPort,
        ["DataDirectory"] = host.DataDirectory,
        ["BinDirectory"] = host.BinDirectory,
        ["ServerLog"] = host.ServerLog,
        ["SshPort"] = host.SshPort,
        ["HostKeyFingerprints"] = new JsonArray(host.HostKeyFingerprint),
    };

    private static string Secret(string directory, string name, string password)
    {
        var path = Path.Combine(directory, name);
        File.WriteAllText(path, password + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }
}
