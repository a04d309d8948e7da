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
        var cluster = new JsonObject
        {
            ["Name"] = ClusterName,
            ["WatchdogPasswordFile"] = Secret(lab, "watchdog.secret", "watch:dog of \\ the 'lab'"),
            ["ReplicationPasswordFile"] = Secret(lab, "replication.secret", "re:pli\\cation 'secret'"),
            ["SshUser"] = lab.Hosts[0].SshUser,
            ["SshKeyFile"] = lab.ClientKeyFile,
            ["Nodes"] = new JsonArray([.. lab.Hosts.Select(Node)]),
        };
        var root = new JsonObject
        {
            ["PgReplWatchdog"] = new JsonObject
            {
                ["Listen"] = $"http://127.0.0.1:{httpPort}",
                ["StateDirectory"] = Path.Combine(lab.Directory, "watchdog"),
                ["Clusters"] = new JsonArray(cluster),
            },
        };
        change?.Invoke(cluster);
        File.WriteAllText(Path.Combine(lab.Directory, LabIdFile), lab.Id);
        var path = Path.Combine(lab.Directory, fileName);
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

    private static string Secret(LabCluster lab, string name, string password)
    {
        var path = Path.Combine(lab.Directory, name);
        File.WriteAllText(path, password + "\n");
        return path;
    }
}
