namespace PgReplWatchdog.Simulation;

/// <summary>
/// I1 has an end where a guard dies for good, and its primary is heard no more by anybody shortly after (docs/decisions/0013):
/// whoever sees neither cannot tell that from a primary that was cut off together with its guard.
/// </summary>
internal sealed partial class Truth
{
    private readonly double[] guardDiedAt = NeverYet(), reachedSince = NeverYet(), heardAt = new double[Setting.MostNodes];

    public void GuardDied(Node node) => guardDiedAt[node.Index] = world.Now;

    /// <summary>
    /// After its guard had died nobody heard the primary for longer than a guard is believed that is not seen, and then for longer than the guard's bound. That lasts until the
    /// watchdog could have stopped it. With a record from a backup, or of a failover that it has taken back, it does not know that it has to.
    /// </summary>
    private bool LostItsGuardLast(Node primary) =>
        !primary.Guard.IsInstalled && double.IsFinite(guardDiedAt[primary.Index])
        && heardAt[primary.Index] - guardDiedAt[primary.Index] < Policy.LateAfter.TotalSeconds * 1.1
        && (IsRestored || world.Journal.Told.ContainsKey(EventKind.FailoverWithdrawn) || world.Now - reachedSince[primary.Index] < Faults.LeaseIsBack);

    private void LookWhoHears()
    {
        foreach (var stream in world.Streams)
        {
            var index = stream.Primary.Index;
            if (stream.Primary.Guard.IsInstalled || stream.HeardAt - heardAt[index] < Policy.GuardTimeToLive.TotalSeconds)
                heardAt[index] = Math.Max(heardAt[index], stream.HeardAt);
        }
        foreach (var node in world.Nodes)
            Since(reachedSince, node, Reaches(node) && world.Now >= node.SshdAwayUntil && !world.IsWatchdogAway);
    }

    private Policy Policy => world.Setting.Spec.Policy;
}
