namespace PgReplWatchdog.Simulation;

/// <summary>
/// I1 has an end where a guard dies for good, and its primary is heard no more by anybody shortly after (docs/decisions/0013):
/// whoever sees neither cannot tell that from a primary that was cut off together with its guard.
/// </summary>
internal sealed partial class Truth
{
    private readonly double[] guardDiedAt = NeverYet(), heardAt = new double[Setting.MostNodes];

    public void GuardDied(Node node) => guardDiedAt[node.Index] = world.Now;

    /// <summary>After its guard had died nobody heard the primary for longer than a guard is believed that is not seen.</summary>
    private bool LostItsGuardLast(Node primary) =>
        !primary.Guard.IsInstalled && double.IsFinite(guardDiedAt[primary.Index])
        && heardAt[primary.Index] - guardDiedAt[primary.Index] < world.Setting.Spec.Policy.LateAfter.TotalSeconds * 1.1;

    private void LookWhoHears()
    {
        foreach (var stream in world.Streams)
            heardAt[stream.Primary.Index] = Math.Max(heardAt[stream.Primary.Index], stream.HeardAt);
    }
}
