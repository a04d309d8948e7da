using PgReplWatchdog.Acting;

namespace PgReplWatchdog.Simulation;

/// <summary>The watchdog's hands in the world: what it asks for is done, or not, or done and not reported.</summary>
internal sealed class Runner(World world, Station station, Journal journal, Prober prober, Crash crash) : IActionRunner
{
    private double began, armedAt = double.NegativeInfinity;

    /// <summary>A host that does not answer is not waited for any longer.</summary>
    private double patience;

    /// <summary>Of the record by which something is done.</summary>
    private long epoch;

    public Task<ActionOutcome> RunAsync(WatchdogAction action, long epoch, CancellationToken cancellation)
    {
        crash.Step();
        RequireOnRecord(action);
        RequireOwnGuard(action);
        // A watchdog takes back its own order by whatever record.
        (began, this.epoch) = (world.Now, action is WatchdogAction.DisarmGuard ? long.MaxValue : epoch);
        // As ActionRunner has it: a lease is to be renewed between two of them.
        patience = action is not (WatchdogAction.ArmGuard or WatchdogAction.DisarmGuard or WatchdogAction.RecordEpoch or WatchdogAction.WithdrawPromotion) ? 4
            : world.Setting.Spec.Policy.BetweenRenewals.TotalSeconds / world.Setting.WatchdogRate;
        var bytes = (long?)null;
        var done = action switch
        {
            WatchdogAction.Fence fence => Fence(world.Find(fence.Node), fence.OnlyStandby),
            WatchdogAction.FenceByCommand command => FenceByCommand(world.Find(command.Node)),
            WatchdogAction.Freeze freeze => Freeze(freeze),
            WatchdogAction.Salvage salvage => (bytes = Salvage(world.Find(salvage.Node), world.Find(salvage.To))) is not null,
            WatchdogAction.Promote promote => Promote(world.Find(promote.Node), promote),
            WatchdogAction.WithdrawPromotion withdraw => OnHost(world.Find(withdraw.Node), Withdraw),
            WatchdogAction.Reserve reserve => world.Find(reserve.Node).IsServing && OnHost(world.Find(reserve.Node), node => node.Slots.Add(reserve.For)),
            WatchdogAction.Repoint repoint => world.Find(repoint.Primary).IsServing && OnHost(world.Find(repoint.Node), node => Point(node, world.Find(repoint.Primary))),
            WatchdogAction.Checkpoint checkpoint => OnHost(world.Find(checkpoint.Node), node => node.Checkpointed = node.Branch),
            WatchdogAction.Rejoin rejoin => OnHost(world.Find(rejoin.Node), node => Rejoin(node, world.Find(rejoin.Primary), rejoin)),
            WatchdogAction.ArmGuard arm => Arm(world.Find(arm.Node), arm.Order, arm.Lost),
            WatchdogAction.DisarmGuard disarm => OnHost(world.Find(disarm.Node), node => Disarm(node, disarm.Lost)),
            WatchdogAction.RecordEpoch record =>
                OnHost(world.Find(record.Node), node => Record(node, new(record.Epoch, record.Primary))),
            _ => Wait(world.Between(0, 1)) && !world.Chance(0.1),
        };
        var succeeded = done && !world.Chance(3 * world.Mischief);
        if (world.Trace is not null)
            world.Tell($"  {station.Sign}{action} {(succeeded ? "succeeded" : done ? "was done, and the answer lost" : "failed")}");
        crash.Step();
        return Task.FromResult(new ActionOutcome(succeeded, action.Kind, TimeSpan.FromSeconds(world.Now - began), bytes));
    }

    /// <summary>What is not on record is not done: the journal has to hold the intent when the action is asked for.</summary>
    private void RequireOnRecord(WatchdogAction action)
    {
        var memory = journal.Memory;
        var onRecord = action switch
        {
            WatchdogAction.Promote => memory.IntendedPrimary == action.Node && memory.Procedure is { } procedure && procedure.To == action.Node && memory.Replaced.Contains(procedure.From),
            WatchdogAction.Fence { OnlyStandby: true } => memory.Procedure?.PassedOver.Contains(action.Node) == true,
            WatchdogAction.Fence or WatchdogAction.FenceByCommand => memory.Procedure?.From == action.Node || Returning.Outstanding(memory).Contains(action.Node),
            WatchdogAction.Salvage => memory.Procedure?.From == action.Node,
            WatchdogAction.ArmGuard or WatchdogAction.DisarmGuard => memory.Guard is null,
            WatchdogAction.Reserve reserve => memory.Returning.Any(node => node.Step == ReturnStep.Reserve && node.Node == reserve.For),
            WatchdogAction.Checkpoint => memory.Returning.Any(node => node.Step == ReturnStep.Checkpoint),
            WatchdogAction.Rejoin or WatchdogAction.Repoint => memory.Returning.Any(node => node.Node == action.Node),
            WatchdogAction.RecordEpoch record => memory is { Procedure: null, Later: null }
                && (memory.Epoch, memory.IntendedPrimary) == (record.Epoch, record.Primary),
            WatchdogAction.Freeze freeze => memory.Procedure is { } under && freeze.Nodes.All(node => under.Frozen.Contains(node)),
            _ => true,
        };
        if (!onRecord)
            world.Truth.Violated("Record", $"{action} is carried out, and the journal does not say so");
    }

    /// <summary>
    /// Another watchdog's order that shows is left alone, unless an operator has declared that one lost. An own one that was asked for may have arrived since the guard showed that: it
    /// may be taken back, and the script leaves the other one's.
    /// </summary>
    private void RequireOwnGuard(WatchdogAction action)
    {
        if (action is WatchdogAction.DisarmGuard && world.Now - armedAt < 10)
            return;
        armedAt = action is WatchdogAction.ArmGuard ? world.Now : armedAt;
        var lost = action switch { WatchdogAction.ArmGuard arm => arm.Lost, WatchdogAction.DisarmGuard disarm => disarm.Lost, _ => null };
        if (lost is not null && prober.Last?.Find(action.Node) is { IsServingPrimary: true, Server.GuardOwner: { Length: > 0 } owner } && owner != lost && owner != station.Spec.Owner)
            world.Truth.Violated("Owner", $"{station.Sign}{action}, and the guard shows an order of watchdog {owner}");
    }

    private bool WaitInVain() => !Wait(Math.Min(world.Between(1, 4), patience));

    private bool Wait(double seconds)
    {
        world.Advance(seconds);
        return true;
    }

    /// <summary>A script that arrives at another node's host refuses (server.conf).</summary>
    private bool IsHeeded(Node node) => world.LeadsTo[node.Index] == node;

    private bool Reaches(Node node) => node.HostUp && IsHeeded(node) && world.Network.IsUp(station.Place, node.Index, world.Now)
        && world.Now >= node.SshdAwayUntil;

    /// <summary>By SSH: a request that arrives is carried out, also where the way back is cut meanwhile.</summary>
    private bool OnHost(Node named, Action<Node> change, double least = 0.03, double most = 0.3)
    {
        var node = IsHeeded(named) ? world.LeadsTo[named.Index] : named;
        if (world.Now < world.LateUntil && world.Chance(0.3))
            return Late(node, change);
        if (node.Pause is { } pause)
            return WhenItGoesOn(node, change, pause);
        if (!Reaches(node) || (!world.Network.IsUp(node.Index, station.Place, world.Now) && world.Chance(0.5)))
            return WaitInVain();
        world.Advance(world.Between(least, most) + world.Network.RoundTrip(node.Index, station.Place, world.Now));
        if (node.Pause is { } begun)
            return WhenItGoesOn(node, change, begun, isBegun: true);
        if (!node.HostUp)
            return WaitInVain();
        if (node.Mark.Epoch > epoch)
            return false;
        change(node);
        return world.Network.IsUp(node.Index, station.Place, world.Now) || WaitInVain();
    }

    /// <summary>A script knows until when it is waited for, to within half a second: later it does nothing (docs/decisions/0017).</summary>
    private bool Late(Node node, Action<Node> change)
    {
        var limit = Math.Min(world.Between(1, 4), patience);
        var arrives = world.Now + limit + (world.Chance(0.5) ? world.Between(0, 1) : world.Between(0, 60));
        var (deadline, by) = (world.Now + limit + 0.6, epoch);
        world.At(arrives, () =>
        {
            if (Reaches(node) && node.Mark.Epoch <= by && arrives <= deadline)
            {
                world.Tell($"a request to {node} arrives late, and is obeyed");
                change(node);
            }
        });
        return !Wait(limit);
    }

    /// <summary>
    /// What is on its way to a paused host arrives when that goes on, and does nothing where the host's clock shows that it is late. A script that
    /// had begun goes on (docs/decisions/0017).
    /// </summary>
    private bool WhenItGoesOn(Node node, Action<Node> change, Pause pause, bool isBegun = false)
    {
        var limit = Math.Min(world.Between(1, 4), patience);
        var deadline = world.Now + limit + 0.6;
        if (isBegun || pause.IsHidden || pause.Until <= deadline)
            world.At(pause.Until + 0.01, () =>
            {
                if (!node.HostUp || node.Pause is not null)
                    return;
                world.Tell($"a request to {node} is carried out now that its host goes on");
                change(node);
            });
        return !Wait(limit);
    }

    private bool Fence(Node node, bool onlyStandby)
    {
        if (onlyStandby && journal.Memory.Procedure is { Attempts: 1 })
            JudgePatience(node);
        var answered = OnHost(node, host =>
        {
            if (onlyStandby && !host.IsStandby)
                return;
            world.Truth.Fenced(host, station, prober.BeganAt);
            world.Truth.LookAtOperatorsPrimary(host, journal.Memory, prober.BeganAt);
            host.StartBlocked |= !host.DiskFull;
            host.BlockedByGuard &= host.DiskFull;
            host.Guard.Order = host.DiskFull ? host.Guard.Order : null;
            world.Kill(host);
        });
        return answered && node is { StartBlocked: true, BlockedByGuard: false };
    }

    private bool FenceByCommand(Node node)
    {
        world.Advance(world.Between(0.5, 3));
        if (world.Chance(world.Mischief * 5))
            return false;
        world.PowerOff(node);
        (node.PowerAt, node.FencedByCommand) = (double.PositiveInfinity, true);
        return true;
    }

    private bool Freeze(WatchdogAction.Freeze freeze)
    {
        var all = true;
        foreach (var name in freeze.Nodes)
            all &= OnHost(world.Find(name), node => Point(node, null), 0.01, 0.1) && world.Find(name).Upstream is null;
        return all;
    }

    private void Point(Node node, Node? upstream)
    {
        if (node.DiskFull || node.IsUndetachable)
            return;
        (node.Upstream, node.ConnectAt) = (upstream, world.Now);
        if (node.IsRunning && node.Hang != Hang.All && world.Receiver(node) is { } stream && stream.Primary != upstream)
            stream.AtStandby = false;
    }

    private long? Salvage(Node dead, Node to)
    {
        if (!OnHost(dead, _ => { }, 0.1, 1.5) || dead.Process != Process.Stopped || !OnHost(to, _ => { }, 0.05, 0.5) || world.Chance(0.05)
            || to is not { IsRunning: true, IsStandby: true, Hang: Hang.None } || to.DiskFull || !dead.Branch.Contains(to.Branch, to.Position, dead.Position))
            return null;
        var bytes = dead.Position - to.Position;
        var replayed = to.ReplayedInStep == ulong.MaxValue ? dead.Position : to.Replayed;
        (to.Position, to.Replayed, to.Branch) = (dead.Position, replayed, dead.Branch);
        return (long)bytes;
    }

    private bool Promote(Node node, WatchdogAction.Promote promote)
    {
        var method = promote.Method;
        if (journal.Memory.Procedure is { Attempts: <= 1 } procedure)
            Judge(node, world.Find(procedure.From));
        world.Truth.AskedToPromote(node);
        world.Truth.Asked.TryAdd(node, (world.Now, station, journal.Memory.Epoch, journal.Memory.Procedure?.SalvagedBytes is not null));
        var promoting = false;
        OnHost(node, host =>
        {
            if (promote.Elected is { } elected && world.Receiver(host) is not null && host.Position > elected.Value)
                return; // a primary that lives feeds it
            host.ReplayHeldUntil = 0; // what holds replay is ended
            if (method == PromotionMethod.TriggerFile)
                host.TriggerFile |= host is { DiskFull: false, TakesNoTriggerFile: false };
            promoting = host is { IsRunning: true, IsStandby: true, Hang: Hang.None } && (method != PromotionMethod.TriggerFile || host.TriggerFile) && !world.Chance(0.05);
            if (promoting && host.PromotedAt > world.Now + 0.5)
                host.PromotedAt = world.Now + (world.Chance(0.05) ? world.Between(1, 6) : world.Between(0.1, 0.5));
        });
        for (var waited = 0.0; promoting && node.IsStandby && waited < 3; waited += 0.1)
            world.Advance(0.1);
        return node.IsPrimary && world.Network.BothUp(node.Index, station.Place, world.Now);
    }

    private static void Record(Node node, EpochMark mark)
    {
        if (!node.DiskFull && mark.Epoch > node.Mark.Epoch)
            node.Mark = mark;
    }

    private void Withdraw(Node node)
    {
        node.TriggerFile = false;
        world.Truth.Asked.Remove(node);
    }

    /// <summary>The first time that a promotion is asked for: nobody may see the old primary serve, and nobody better may be there.</summary>
    private void Judge(Node elected, Node old)
    {
        if (old != elected && world.Truth.HasServedInSightSince(old, station, prober.BeganAt))
            world.Truth.Violated("I2", $"{elected} is promoted while {old} serves, and has since before the look, in sight of somebody who can say so");
        foreach (var node in world.Nodes)
        {
            var seen = prober.Last!.Find(node.Name)?.Server;
            if (node != elected && node is { IsServing: true, IsStandby: true, ReplayPaused: false } && seen is { Role: Role.Standby, SystemIdentifier: World.SystemIdentifier, ReplayPaused: false, ReadsStatistics: true }
                && seen.ReceivedLsn?.Value == node.Position && node.Position > elected.Position && seen.Timeline >= elected.Branch.Timeline
                && station.Spec.Nodes[node.Index].Priority > 0 && (world.Setting.MayPromote || prober.Last.Host(node.Name) is { IsReachable: true, TriggerDirectoryWritable: true }))
                world.Truth.Violated("Election", $"{elected} is promoted at {elected.Position}, {node} has {node.Position}");
            else if (node != elected && IsReadier(node, elected))
                world.Truth.Violated("Election", $"{elected} is promoted, which has replayed {elected.Replayed} of {elected.Position}; {node} has replayed all of it");
        }
    }

    /// <summary>It has received as much, and replayed more, by what the last look saw; and nothing else is said against it.</summary>
    private bool IsReadier(Node node, Node elected) =>
        node is { IsServing: true, IsStandby: true, ReplayPaused: false, DiskFull: false, IsUndetachable: false, SynchronousStandbyNames: "" } && elected.SynchronousStandbyNames.Length == 0
        && node.Position == elected.Position && node.Branch == elected.Branch && station.Spec.Nodes[node.Index].Priority > 0
        && prober.Last!.Find(node.Name)?.Server is { Role: Role.Standby, SystemIdentifier: World.SystemIdentifier, ReplayPaused: false, ReadsStatistics: true } seen
        && seen.Timeline >= elected.Branch.Timeline && seen.ReceivedLsn?.Value == node.Position && seen.ReplayedLsn?.Value == node.Position
        && prober.Last.Host(node.Name) is { IsReachable: true, IsDiskFull: false, TriggerDirectoryWritable: true } host && prober.Last.At - host.At < TimeSpan.FromSeconds(20)
        && prober.Last.Find(elected.Name)?.Server is { ReplayedLsn: { } replayed, ReceivedLsn: { } received } && replayed < received;

    /// <summary>
    /// A candidate is passed over: its replay must not have been seen to move a moment ago, unless it has had a minute, or all
    /// its attempts.
    /// </summary>
    private void JudgePatience(Node node)
    {
        if (prober.Last!.At - prober.ReplayMovedAt(node) is not { TotalSeconds: < 9 } ago
            || world.Setting.Spec.Policy.PromotionAttempts < 60 || !world.Truth.Asked.TryGetValue(node, out var asked))
            return;
        var took = world.Now - asked.At;
        if (took < 50)
            world.Truth.Violated("Patience", $"{node} is passed over after {took:0.0} s; its replay moved {ago.TotalSeconds:0.0} s ago");
    }

    /// <summary>Data on which a rewind or a copy was begun does not start before that has come to its end; without its source nothing is touched (rejoin.sh).</summary>
    private void Rejoin(Node node, Node primary, WatchdogAction.Rejoin rejoin)
    {
        if (node.Job is { ExitStatus: null })
            return;
        node.Guard.Order = null;
        if (!primary.IsServing || !world.Network.BothUp(node.Index, primary.Index, world.Now))
        {
            node.Job = new Job(rejoin.Epoch, primary, rejoin.FreshCopy, world.Now, WillSucceed: false) { ExitStatus = rejoin.FreshCopy ? 1 : HostJob.SourceNotReached };
            return;
        }
        if (node.IsRunning && node.IsStandby)
            world.Kill(node, "shut down in recovery");
        node.StartBlocked |= node.Process == Process.Stopped;
        node.Job = new Job(rejoin.Epoch, primary, rejoin.FreshCopy, world.Now + world.Between(1, 8), node.Process == Process.Stopped && !(world.Now < Faults.HealedAt && world.Chance(0.2)));
    }

    /// <summary>The scripts leave another watchdog's order as it is, unless an operator has declared that one lost.</summary>
    private bool IsForeign(Node node, string lost) => node.Guard.Order is { } order && order.Owner != station.Spec.Owner && order.Owner != lost;

    private void Disarm(Node node, string lost)
    {
        if (IsForeign(node, lost))
            return;
        node.Guard.Order = null;
        world.Truth.LeaseTaken(node, station);
    }

    private bool Arm(Node node, GuardOrder order, string lost)
    {
        var arrived = OnHost(node, host =>
        {
            if (IsForeign(host, lost))
                return;
            host.Guard.Starts(host);
            if (host.DiskFull)
                return;
            host.Guard.Order = order;
            world.Truth.LeaseTaken(host, station);
        });
        return arrived && node.Guard.Order == order;
    }
}
