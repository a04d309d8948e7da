namespace PgReplWatchdog.Simulation;

/// <summary>
/// I8: no healthy primary is stopped by its guard for the watchdog's own trouble. That is: never while nothing but one
/// connection, one standby or the watchdog fails; never while a standby of its lease has streamed for longer than the
/// lease; never when the watchdog has been locked out of SQL for long, or no standby could have been promoted for long, and the
/// host answers over SSH. And a watchdog that stops in order leaves no order on a host that answers.
/// </summary>
internal sealed partial class Truth
{
    /// <summary>
    /// Since when each node is a healthy primary whose host the watchdog reaches over SSH; that the watchdog is also locked
    /// out of; that no standby could replace; from which a standby of its lease streams.
    /// </summary>
    private readonly double[] answersSince = NeverYet(), lockedOutSince = NeverYet(), uselessSince = NeverYet(), streamsSince = NeverYet();

    public void StoppedByGuard(Node node)
    {
        if (world.Setting.Story == Story.PrimaryLives)
            Violated("I8", $"the guard stops {node}, which is healthy, and the cluster has not failed");
        else if (IsOfFirst(node) && world.Now - lockedOutSince[node.Index] > Faults.LeaseIsBack)
            Violated("I8", $"the guard stops healthy {node}; the watchdog is locked out since {lockedOutSince[node.Index]:0.0}");
        else if (IsOfFirst(node) && world.Now - uselessSince[node.Index] > Faults.UselessLeaseIsBack)
            Violated("I8", $"the guard stops healthy {node}; no standby could be promoted since {uselessSince[node.Index]:0.0}");
        else if (StreamedFor(node) > node.Guard.Order?.TimeToLive.TotalSeconds + 1)
            Violated("I8", $"the guard stops healthy {node}; a standby of its lease streams since {streamsSince[node.Index]:0.0}");
    }

    private bool IsOfFirst(Node node) => node.Guard.Order?.Owner == world.Station.Spec.Owner;

    private double StreamedFor(Node node) => (world.Now - streamsSince[node.Index]) * node.Guard.Rate;

    /// <summary>The watchdog began to stop in order then, and has ended.</summary>
    public void StoppedInOrder(double began)
    {
        if (world.Second is { IsNamesake: true, HasEnded: false })
            return; // the order has the name of both
        var armed = Array.Find(world.Nodes, node => answersSince[node.Index] <= began && IsOfFirst(node));
        if (armed is not null)
            Violated("I8", $"the watchdog stopped in order and leaves its order on {armed}, whose host answered");
    }

    private void LookAtLeases()
    {
        foreach (var node in world.Nodes)
        {
            var isHealthy = node is { IsPrimary: true, IsServing: true, DiskFull: false } && IsExpected(node)
                && !Array.Exists(world.Nodes, other => other != node && other.IsPrimary);
            var isSpoilt = world.Setting.Mischief > 0 || world.Now < world.LateUntil || world.Now < world.Journal.UnwritableUntil;
            var answers = isHealthy && !isSpoilt && Reaches(node) && world.Now >= node.SshdAwayUntil
                && world.LeadsTo[node.Index] == node;
            Since(answersSince, node, answers);
            Since(lockedOutSince, node, answers && world.Now < world.LockedOutUntil && !world.IsWatchdogAway);
            Since(uselessSince, node, answers && !world.IsWatchdogAway && (Array.TrueForAll(world.Nodes, IsOfNoUse) || Array.Exists(world.Nodes, HidesViews)));
            Since(streamsSince, node, isHealthy && world.Streams.Exists(stream => IsOfLease(stream, node)));
        }
    }

    /// <summary>Whether it hears the primary is unknown: nobody is promoted for a primary that vanishes.</summary>
    private static bool HidesViews(Node node) => node is { IsServing: true, IsStandby: true, HidesViews: true };

    private bool IsOfNoUse(Node node) => node is not { IsServing: true, IsStandby: true, ReplayPaused: false }
        || (node is { DiskFull: true } or { TakesNoTriggerFile: true } && !world.Setting.MayPromote) || world.Setting.Spec.Nodes[node.Index].Priority == 0;

    private bool IsExpected(Node node) =>
        world.Journal.Memory is { Procedure: null, IntendedPrimary: { } expected } && expected == node.Name;

    private bool IsOfLease(Stream stream, Node node) =>
        stream is { AtPrimary: true, AtStandby: true, Standby: { IsRunning: true, Hang: Hang.None } standby } && stream.Primary == node
        && node.Guard.Order?.Vouchers.Contains(standby.Name) == true
        && !(node.Guard.Shown is null && world.Lie is { } lie && (lie.IsForged || lie.Node == standby)) // a guard without a session asks, and one says that it is primary
        && world.Network.BothUp(node.Index, standby.Index, world.Now)
        && world.Network.RoundTrip(node.Index, standby.Index, world.Now) < 0.1;

    private void Since(double[] since, Node node, bool holds) =>
        since[node.Index] = !holds ? double.PositiveInfinity : Math.Min(since[node.Index], world.Now);

    private static double[] NeverYet() => [.. Enumerable.Repeat(double.PositiveInfinity, Setting.MostNodes)];
}
