using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>
/// An address that has moved leads to another node's host, where the paths may be the same (docs/decisions/0014). A watchdog with an old record does
/// nothing on a host that knows a later role change (docs/decisions/0017).
/// </summary>
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
        foreach (var (name, text) in Scripts(host, node))
            await RefusedAsync(alpha, name, text, "this is the host of node gamma, not of alpha");
        Assert.Equal(before, await StateAsync(alpha, node));
    }

    [Fact]
    public async Task Script_by_an_old_record_does_nothing()
    {
        await using var cluster = await GuardedCluster.StartAsync(namespaces: false);
        var (alpha, host, node) = (cluster.Alpha, cluster.Access(cluster.Alpha), cluster.Node(cluster.Alpha));
        await cluster.ArmAsync(alpha, "beta");
        await alpha.RunAsync($"echo 9 beta > {node.StateDirectory}/epoch && : > {node.TriggerFile}", Cancellation);
        await cluster.Beta.RunAsync($"echo 9 beta > {cluster.Node(cluster.Beta).StateDirectory}/epoch", Cancellation);
        var before = await StateAsync(alpha, node);
        foreach (var (name, text) in Scripts(host with { Epoch = 8 }, node))
            await RefusedAsync(alpha, name, text, "this host has epoch 9 on record, and the request is of epoch 8");
        using var hosts = new SshHosts(cluster.Cluster);
        var runner = new ActionRunner(cluster.Cluster, hosts, TimeProvider.System);
        foreach (var action in new WatchdogAction[]
        {
            new WatchdogAction.Fence("alpha"), new WatchdogAction.WithdrawPromotion("alpha"), new WatchdogAction.Checkpoint("alpha"),
            new WatchdogAction.ArmGuard("alpha", new GuardOrder(TimeSpan.FromSeconds(3), ["beta"])),
            new WatchdogAction.Freeze(["alpha"]), new WatchdogAction.Promote("beta", PromotionMethod.TriggerFile),
        })
        {
            var outcome = await runner.RunAsync(action, epoch: 8, Cancellation);
            Assert.True(!outcome.Succeeded && outcome.Words.Contains("this host has epoch 9 on record", StringComparison.Ordinal), $"{action}: {outcome}");
        }
        Assert.Equal(before, await StateAsync(alpha, node));

        Assert.True((await runner.RunAsync(new WatchdogAction.WithdrawPromotion("alpha"), epoch: 9, Cancellation)).Succeeded);
        await alpha.RunAsync($"echo nonsense > {node.StateDirectory}/epoch", Cancellation);
        Assert.True((await runner.RunAsync(new WatchdogAction.WithdrawPromotion("alpha"), epoch: 1, Cancellation)).Succeeded);
        Assert.True((await runner.RunAsync(new WatchdogAction.DisarmGuard("alpha"), epoch: 8, Cancellation)).Succeeded);
    }

    private static async Task RefusedAsync(LabHost host, string name, string script, string why)
    {
        var refused = await Assert.ThrowsAsync<LabException>(() => host.RunAsync(script, Cancellation));
        Assert.True(refused.Message.Contains(why, StringComparison.Ordinal), $"{name}: {refused.Message}");
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
