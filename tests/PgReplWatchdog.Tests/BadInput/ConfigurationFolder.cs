using System.Diagnostics;
using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>A configuration with its secrets and key as an administrator has it, right until a test makes it wrong. No server is needed to see that.</summary>
public sealed class ConfigurationFolder : IAsyncLifetime
{
    public const string KeyFile = "ssh.key";
    public const string Section = "PgReplWatchdog";

    private int files;

    public string Path { get; } = Directory.CreateTempSubdirectory("pgwatchdog-bad-input-").FullName;

    public async ValueTask InitializeAsync()
    {
        await WithFileAsync("watchdog.secret", "one line\n");
        await WithFileAsync("replication.secret", "another line\n");
        await KeyGenAsync(KeyFile, passphrase: "");
    }

    public string In(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file beside the configuration, for a setting to name.</summary>
    public async Task<string> WithFileAsync(string name, string content)
    {
        await File.WriteAllTextAsync(In(name), content);
        File.SetUnixFileMode(In(name), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return name;
    }

    /// <summary>Nobody may read it any more; ends the test as skipped where that means nothing.</summary>
    public void Lock(string name)
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "root may read everything");
        File.SetUnixFileMode(In(name), UnixFileMode.None);
    }

    public async Task KeyGenAsync(string name, string passphrase)
    {
        var info = new ProcessStartInfo("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", In(name)]);
        using var process = Process.Start(info)!;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>Validates a configuration with changes: for a key its new value as JSON, null to leave it out.</summary>
    public Task<ProductResult> ValidateAsync(params (string Key, string? Json)[] changes) =>
        UserCommand.RunAsync("config", "validate", "--config", Write(changes));

    public string Write(params (string Key, string? Json)[] changes)
    {
        var root = new JsonObject { [Section] = RightSection() };
        foreach (var (key, json) in changes)
            Change(root, $"{Section}:{key}".Split(':'), json);
        return WriteText(root.ToJsonString(new() { WriteIndented = true }));
    }

    public string WriteText(string text)
    {
        var file = In($"{Interlocked.Increment(ref files)}.json");
        File.WriteAllText(file, text);
        return file;
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Path, recursive: true);
        return ValueTask.CompletedTask;
    }

    private JsonObject RightSection() => new()
    {
        ["StateDirectory"] = In("state"),
        ["Clusters"] = new JsonArray(Cluster("main", 5432), Cluster("spare", 6432)),
    };

    private static JsonObject Cluster(string name, int port) => new()
    {
        ["Name"] = name,
        ["WatchdogPasswordFile"] = "watchdog.secret",
        ["ReplicationPasswordFile"] = "replication.secret",
        ["SshKeyFile"] = KeyFile,
        ["Nodes"] = new JsonArray(Node("alpha", "192.0.2.1", port), Node("beta", "192.0.2.2", port)),
    };

    private static JsonObject Node(string name, string host, int port) => new()
    {
        ["Name"] = name,
        ["Host"] = host,
        ["Port"] = port,
        ["DataDirectory"] = $"/var/lib/postgresql/15/{port}",
        ["HostKeyFingerprints"] = new JsonArray("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    };

    private static void Change(JsonNode node, ReadOnlySpan<string> path, string? json)
    {
        if (path.Length > 1)
            Change(node is JsonArray list ? list[int.Parse(path[0])]! : node[path[0]]!, path[1..], json);
        else if (node is JsonArray array)
            array[int.Parse(path[0])] = JsonNode.Parse(json!);
        else if (json is null)
            node.AsObject().Remove(path[0]);
        else
            node[path[0]] = JsonNode.Parse(json);
    }
}
