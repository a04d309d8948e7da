using PgReplWatchdog.Acting;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>An address that has moved leads to another node's host, where the paths may be the same (docs/decisions/0014).</summary>
public sealed class OtherHostTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Script_that_is_meant_for_another_node_does_nothing()
    {
        await using var cluster = await GuardedCluster.StartAsync(namespaces: false);
        var (alpha, host, node) = (cluster.Alpha, cluster.Access(cluster.Alpha), cluster.Node(cluster.Alpha));
        await cluster.ArmAsync(alpha, "beta");
        await alpha.RunAsync($"sed -i \"s/^node='alpha'/node='gamma'/\" {node.StateDirectory}/server.conf && : > {node.TriggerFile}", Cancellation);
        var before = await StateAsync(alpha, node);
        Assert.All(Scripts(host, node), script =>
        {
            var refused = Assert.ThrowsAsync<LabException>(() => alpha.RunAsync(script.Text, Cancellation)).GetAwaiter().GetResult();
            Assert.True(refused.Message.Contains("this is the host of node gamma, not of alpha", StringComparison.Ordinal), $"{script.Name}: {refused.Message}");
        });
        Assert.Equal(before, await StateAsync(alpha, node));
    }

    private static IEnumerable<(string Name, string Text)> Scripts(HostAccess host, NodeSpec node) =>
    [
        (nameof(HostCommands.ArmGuard), HostCommands.ArmGuard(host, "deadbeef 2000 pgwatchdog gamma\n")),
        (nameof(HostCommands.DisarmGuard), HostCommands.DisarmGuard(host)),
        (nameof(HostCommands.Fence), HostCommands.Fence(host, "a test", rounds: 1)),
        (nameof(HostCommands.CreateTriggerFile), HostCommands.CreateTriggerFile(host, node.TriggerFile + ".new", signals: 1, elected: null)),
        (nameof(HostCommands.PgCtlPromote), HostCommands.PgCtlPromote(host, elected: null)),
        (nameof(HostCommands.RemoveTriggerFile), HostCommands.RemoveTriggerFile(host)),
        (nameof(HostCommands.Checkpoint), HostCommands.Checkpoint(host)),
        (nameof(HostCommands.WakeStartup), HostCommands.WakeStartup(host, signals: 1)),
        (nameof(HostCommands.EndHeldReplay), HostCommands.EndHeldReplay(host, elected: null)),
        (nameof(HostCommands.RecordEpoch), HostCommands.RecordEpoch(host, 7, "gamma")),
        (nameof(HostCommands.SetManaged), HostCommands.SetManaged(host, [("primary_conninfo", "")], untilNoWalReceiver: false)),
    ];

    /// <summary>The server that runs, and every file that a script may make, change or remove.</summary>
    private static async Task<string> StateAsync(LabHost host, NodeSpec node) =>
        $"{host.PostmasterPid}\n" + await host.RunAsync(
            $"cd {node.StateDirectory} && ls -1 | grep -v '^guard\\.' ; cat {node.GuardOrderFile} epoch 2> /dev/null; md5sum {host.DataDirectory}/*.conf; ls {host.DataDirectory}", Cancellation);
}
