namespace PgReplWatchdog.Simulation;

/// <summary>
/// I8: no healthy primary is stopped by its guard for the watchdog's own trouble. That is: never while nothing but one connection, one standby or the watchdog fails; never
/// while a standby of its lease has streamed for longer than the lease; never when the watchdog has been locked out of SQL for long, and its host answers over SSH. And a
/// watchdog that stops in order leaves no order on a host that answers.
/// </summary>
internal sealed partial class Truth
{
    /// <summary>Since when each node is a healthy primary that the watchdog could log in to over SSH; that it also is locked out of; that a standby of its lease streams from.</summary>
    private readonly double[] answersSince = NeverYet(), lockedOutSince = NeverYet(), streamsSince = NeverYet();

    public void StoppedByGuard(Node node)
    {
        if (world.Setting.Story == Story.PrimaryLives)
            Violated("I8", $"the guard stops {node}, which is healthy, and the cluster has not failed");
        else if (world.Now - lockedOutSince[node.Index] > Faults.LeaseIsBack)
            Violated("I8", $"the guard stops {node}, which is healthy, and the watchdog is locked out of it since {lockedOutSince[node.Index]:0.0}");
        else if (node.Guard.Order is { } order && (world.Now - streamsSince[node.Index]) * node.Guard.Rate > order.TimeToLive.TotalSeconds + 1)
            Violated("I8", $"the guard stops {node}, which is healthy, and a standby of its lease streams since {streamsSince[node.Index]:0.0}");
    }

    /// <summary>The watchdog began to stop in order then, and has ended.</summary>
    public void StoppedInOrder(double began)
    {
        if (Array.Find(world.Nodes, node => answersSince[node.Index] <= began && node.Guard.Order is not null) is { } armed)
            Violated("I8", $"the watchdog stopped in order and leaves its order on {armed}, whose host answered all the time");
    }

    private void LookAtLeases()
    {
        foreach (var node in world.Nodes)
        {
            var isHealthy = node is { IsPrimary: true, IsServing: true, DiskFull: false } && world.Journal.Memory is { Procedure: null } record && record.IntendedPrimary == node.Name
                && !Array.Exists(world.Nodes, other => other != node && other.IsPrimary);
            var answers = isHealthy && world.Mischief <= 0 && world.Setting.Mischief <= 0 && world.Now >= world.LateUntil && world.Now >= world.Journal.UnwritableUntil && Reaches(node)
                && world.Now >= node.SshdAwayUntil && world.LeadsTo[node.Index] == node;
            Since(answersSince, node, answers);
            Since(lockedOutSince, node, answers && world.Now < world.LockedOutUntil && !world.IsWatchdogAway);
            Since(streamsSince, node, isHealthy && world.Streams.Exists(stream => IsOfLease(stream, node)));
        }
    }

    private bool IsOfLease(Stream stream, Node node) => stream is { AtPrimary: true, AtStandby: true } && stream.Primary == node
        && node.Guard.Order?.Vouchers.Contains(stream.Standby.Name) == true && stream.Standby is { IsRunning: true, Hang: Hang.None }
        && world.Network.BothUp(node.Index, stream.Standby.Index, world.Now) && world.Network.RoundTrip(node.Index, stream.Standby.Index, world.Now) < 0.1;

    private void Since(double[] since, Node node, bool holds) => since[node.Index] = !holds ? double.PositiveInfinity : Math.Min(since[node.Index], world.Now);

    private static double[] NeverYet() => [.. Enumerable.Repeat(double.PositiveInfinity, Setting.MostNodes)];
}
