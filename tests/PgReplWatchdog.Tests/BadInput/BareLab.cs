using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>All tests that start a lab are in one collection: one lab at a time.</summary>
public static class OnALab
{
    public const string Collection = "Bad input on a lab";
}

/// <summary>Two hosts as they are before any set-up, alpha's PostgreSQL running and beta's not. Tests leave them so.</summary>
public class BareLab : IAsyncLifetime
{
    private int files;

    public LabCluster Lab { get; private set; } = null!;
    public LabHost Alpha => Lab["alpha"];
    public LabHost Beta => Lab["beta"];

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public virtual async ValueTask InitializeAsync() => Lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);

    /// <summary>A configuration that is right but for the change.</summary>
    /// <summary>Without the guard: services come and go here, and standbys are stopped.</summary>
    public string Configuration(Action<JsonObject>? change = null) => LabConfiguration.Write(Lab, Lab.WatchdogPort, cluster =>
    {
        cluster["GuardTimeToLive"] = "00:00:00";
        cluster["Fencing"] = "BestEffort";
        change?.Invoke(cluster);
    }, $"{Interlocked.Increment(ref files)}.json");

    /// <summary>A file in the lab's directory that its owner alone may read.</summary>
    public string Secret(string name, string content)
    {
        var path = Path.Combine(Lab.Directory, name);
        File.WriteAllText(path, content);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    public Task<ProductResult> RunAsync(Action<JsonObject>? change, params string[] arguments) =>
        UserCommand.RunAsync([.. arguments, "--config", Configuration(change)]);

    public async ValueTask DisposeAsync()
    {
        if (Lab is not null)
            await Lab.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

/// <summary>Short ways into a configuration.</summary>
internal static class ConfigurationChanges
{
    public static JsonObject Alpha(this JsonObject cluster) => cluster["Nodes"]![0]!.AsObject();

    public static JsonObject Beta(this JsonObject cluster) => cluster["Nodes"]![1]!.AsObject();

    public static JsonObject Section(this JsonObject cluster) => cluster.Root["PgReplWatchdog"]!.AsObject();
}
