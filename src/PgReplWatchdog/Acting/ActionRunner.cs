using System.Diagnostics;
using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;

namespace PgReplWatchdog.Acting;

/// <summary>Carries out what was decided, on the hosts by SSH. What is true afterwards the next look finds out.</summary>
public sealed class ActionRunner(ClusterAccess cluster, SshHosts hosts, TimeProvider clock) : IActionRunner
{
    private static readonly TimeSpan FenceLimit = TimeSpan.FromSeconds(10);

    /// <summary>Whatever a library waits for: a check is never held up longer than this on top of the action's own limit.</summary>
    private static readonly TimeSpan ActionLimit = TimeSpan.FromSeconds(15);
    private const int FenceRounds = 100; // 50 ms each: within FenceLimit

    private readonly TimeSpan shortLimit = cluster.Spec.Policy.BetweenRenewals;

    public async Task<ActionOutcome> RunAsync(WatchdogAction action, long epoch, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(action);
        var started = clock.GetTimestamp();
        var limit = ActionLimit + action switch
        {
            WatchdogAction.FenceByCommand => cluster.Procedures.FenceCommandTimeout,
            WatchdogAction.RunHook => cluster.Procedures.HookTimeout,
            _ => TimeSpan.Zero,
        };
        try
        {
            var (words, bytes) = await DoAsync(action, epoch, cancellation).WaitAsync(limit, clock, cancellation);
            return new ActionOutcome(true, Sentence.Of(words), clock.GetElapsedTime(started), bytes);
        }
        catch (SshFailureException failure)
        {
            return new ActionOutcome(false, Sentence.Of(failure.Message), clock.GetElapsedTime(started));
        }
        catch (Exception failure) when (failure is TimeoutException || (failure is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return new ActionOutcome(false, $"{action.Kind} of {action.Node} did not end within its time", clock.GetElapsedTime(started));
        }
        // As around a node's probe: whatever a host or a server makes of an action is its outcome.
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            var words = Sentence.Of($"{action.Kind} of {action.Node}: the answer cannot be understood ({failure.GetType().Name}: {failure.Message})");
            return new ActionOutcome(false, words, clock.GetElapsedTime(started));
        }
    }

    private async Task<(string Words, long? Bytes)> DoAsync(WatchdogAction action, long epoch, CancellationToken cancellation)
    {
        if (action is WatchdogAction.Salvage from)
        {
            var (bytes, outcome) = await new Salvage(cluster, hosts, clock).RunAsync(from, epoch, cancellation);
            return ($"{bytes} bytes of WAL shipped from {from.Node} to {from.To}{outcome}", bytes);
        }
        return (await SayAsync(action, epoch, cancellation), null);
    }

    private Task<string> SayAsync(WatchdogAction action, long epoch, CancellationToken cancellation) => action switch
    {
        WatchdogAction.RunHook hook => HookAsync(hook, cancellation),
        WatchdogAction.Fence fence => FenceAsync(fence, epoch, cancellation),
        WatchdogAction.FenceByCommand fence => FenceByCommandAsync(fence.Node, cancellation),
        WatchdogAction.Freeze freeze => Upstream(epoch).FreezeAsync(freeze, cancellation),
        WatchdogAction.Promote promote => new Promotion(cluster, hosts, clock).RunAsync(promote, epoch, cancellation),
        WatchdogAction.WithdrawPromotion withdraw => WithdrawAsync(withdraw.Node, epoch, cancellation),
        WatchdogAction.Reserve reserve => Upstream(epoch).ReserveAsync(reserve, cancellation),
        WatchdogAction.Repoint repoint => Upstream(epoch).RepointAsync(repoint, cancellation),
        WatchdogAction.Checkpoint checkpoint => CheckpointAsync(checkpoint.Node, epoch, cancellation),
        WatchdogAction.Rejoin rejoin => Upstream(epoch).RejoinAsync(rejoin, cancellation),
        WatchdogAction.ArmGuard arm => ArmAsync(arm, epoch, cancellation),
        WatchdogAction.DisarmGuard disarm => DisarmAsync(disarm, cancellation),
        WatchdogAction.RecordEpoch record => RecordAsync(record, cancellation),
        WatchdogAction.None => Task.FromResult(""),
        _ => throw new UnreachableException(),
    };

    private Upstream Upstream(long epoch) => new(cluster, hosts, epoch, clock);

    private async Task<string> WithdrawAsync(string node, long epoch, CancellationToken cancellation)
    {
        await hosts[node].RequireAsync(HostCommands.RemoveTriggerFile(hosts.At(node, epoch)), shortLimit, cancellation);
        return $"{cluster.Spec.Node(node).TriggerFile} is not there any more on {node}";
    }

    private async Task<string> CheckpointAsync(string node, long epoch, CancellationToken cancellation)
    {
        await hosts[node].RequireAsync(HostCommands.Checkpoint(hosts.At(node, epoch)), shortLimit, cancellation);
        return $"a checkpoint was asked for on {node}";
    }

    private async Task<string> FenceAsync(WatchdogAction.Fence fence, long epoch, CancellationToken cancellation)
    {
        var node = fence.Node;
        var why = string.Create(CultureInfo.InvariantCulture,
            $"# pgwatchdog fenced this server at {clock.GetUtcNow():u}: another node takes its place. While this file is here PostgreSQL does not start. The watchdog makes it a standby.");
        await hosts[node].RequireAsync(HostCommands.Fence(hosts.At(node, epoch), why, FenceRounds, fence.OnlyStandby), FenceLimit, cancellation);
        return $"{node} is stopped, no process is left, and recovery.conf keeps it from starting";
    }

    private async Task<string> FenceByCommandAsync(string node, CancellationToken cancellation)
    {
        var spec = cluster.Spec.Node(node);
        var environment = Facts(node);
        environment["PGWATCHDOG_HOST"] = spec.Host;
        environment["PGWATCHDOG_PORT"] = spec.Port.ToString(CultureInfo.InvariantCulture);
        if (await LocalCommand.RunAsync(cluster.Procedures.FenceCommand, environment, cluster.Procedures.FenceCommandTimeout, cancellation) is { } trouble)
            throw new SshFailureException(SshFailureKind.CommandFailed, $"the fence command for {node} failed: {trouble}");
        return $"the fence command says that {node} is off";
    }

    private async Task<string> HookAsync(WatchdogAction.RunHook hook, CancellationToken cancellation)
    {
        var (command, moment) = hook.Moment == HookMoment.Before ? (cluster.Procedures.HookBefore, "before") : (cluster.Procedures.HookAfter, "after");
        var environment = Facts(hook.Node);
        environment["PGWATCHDOG_MOMENT"] = moment;
        environment["PGWATCHDOG_OLD_PRIMARY"] = hook.From;
        environment["PGWATCHDOG_NEW_PRIMARY"] = hook.Node;
        environment["PGWATCHDOG_NEW_PRIMARY_HOST"] = cluster.Spec.Node(hook.Node).Host;
        environment["PGWATCHDOG_NEW_PRIMARY_PORT"] = cluster.Spec.Node(hook.Node).Port.ToString(CultureInfo.InvariantCulture);
        environment["PGWATCHDOG_EPOCH"] = hook.Epoch.ToString(CultureInfo.InvariantCulture);
        environment["PGWATCHDOG_VERDICT"] = hook.Verdict;
        environment["PGWATCHDOG_LOSS_BYTES"] = hook.LossBytes?.ToString(CultureInfo.InvariantCulture) ?? "";
        if (await LocalCommand.RunAsync(command, environment, cluster.Procedures.HookTimeout, cancellation) is { } trouble)
            throw new SshFailureException(SshFailureKind.CommandFailed, $"the hook {moment} failed: {trouble}");
        return $"the hook {moment} has run";
    }

    private Dictionary<string, string> Facts(string node) => new() { ["PGWATCHDOG_CLUSTER"] = cluster.Spec.Name, ["PGWATCHDOG_NODE"] = node };

    private async Task<string> ArmAsync(WatchdogAction.ArmGuard arm, long epoch, CancellationToken cancellation)
    {
        var host = hosts[arm.Node];
        await host.RequireAsync(HostCommands.ArmGuard(hosts.At(arm.Node, epoch), arm.Order.Line(cluster.Spec.Roles.Watchdog), cluster.Spec.Owner, arm.Lost), shortLimit, cancellation);
        return $"the guard of {arm.Node} was given order {arm.Order.Id}";
    }

    private async Task<string> RecordAsync(WatchdogAction.RecordEpoch record, CancellationToken cancellation)
    {
        var host = hosts[record.Node];
        var script = HostCommands.RecordEpoch(host.Host, record.Epoch, record.Primary);
        await host.RequireAsync(script, shortLimit, cancellation);
        return FormattableString.Invariant(
            $"the host of {record.Node} has epoch {record.Epoch} with primary {record.Primary} on record");
    }

    private async Task<string> DisarmAsync(WatchdogAction.DisarmGuard disarm, CancellationToken cancellation)
    {
        var host = hosts[disarm.Node];
        // Its own order a watchdog takes back by whatever record: the script leaves another one's.
        await host.RequireAsync(HostCommands.DisarmGuard(host.Host, cluster.Spec.Owner, disarm.Lost), shortLimit, cancellation);
        return $"the guard of {disarm.Node} has no order of this watchdog any more";
    }
}
