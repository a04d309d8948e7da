namespace PgReplWatchdog.Simulation;

/// <summary>A record from a backup leads to nothing against the primary that there is.</summary>
internal sealed partial class Truth
{
    /// <summary>The newest role change that was ever on record.</summary>
    private EpochMark newestMark = EpochMark.None;
    private long epochOnRecord, newestEpoch;

    /// <summary>The watchdog's record was put back to an older one.</summary>
    public bool IsRestored { get; private set; }

    /// <summary>With the record went what was known of the last failover.</summary>
    public void Restored(ClusterMemory memory)
    {
        IsRestored = true;
        (lastFailover, epochOnRecord) = (null, memory.Epoch);
    }

    public void OnRecord(ClusterMemory memory)
    {
        epochOnRecord = memory.Epoch;
        newestEpoch = Math.Max(newestEpoch, memory.Epoch);
        if (memory is { IntendedPrimary: { } primary, Procedure: null } && memory.Epoch > newestMark.Epoch)
            newestMark = new EpochMark(memory.Epoch, primary);
    }

    /// <summary>
    /// The watchdog does not know of the last role change, and does nothing to any node by such a record. An old primary that
    /// boots then is an operator's business.
    /// </summary>
    private bool IsOutdated => epochOnRecord < newestEpoch;

    /// <summary>A new process measures by the wall clock alone: one that was set forward makes an interval short.</summary>
    public void Restarted()
    {
        if (world.WallClockStep > wallClockStep)
            lastFailover = null;
    }

    /// <summary>
    /// The newest primary serves in sight, and it is stopped: by a record that is older than its own host's, or although no node is on a newer branch.
    /// </summary>
    /// <param name="node">The node.</param>
    /// <param name="by">Whose request it is.</param>
    /// <param name="looked">When the look began on which that rests.</param>
    public void Fenced(Node node, Station by, double looked)
    {
        if (node is not { IsPrimary: true, AcceptsWrites: true } || !HasServedInSightSince(node, by, Math.Min(looked, world.Now - 5)))
            return;
        if (by == world.Station && epochOnRecord < newestMark.Epoch && node.Mark == newestMark && node.Name == newestMark.Primary)
        {
            Violated("Actual",
                $"{node} is the primary of epoch {newestMark.Epoch}, serves in sight, and is stopped by a record of epoch {epochOnRecord}");
        }
        else if (!HasOperatorActed && !IsRestored && !world.SwitchedOverUnseen && Array.TrueForAll(world.Nodes, other => other.Branch.Order <= node.Branch.Order)
            && Array.TrueForAll(world.Nodes, other => other == node || !other.IsPrimary))
        {
            Violated("Actual", $"{node} is the only primary, serves in sight, and is stopped{(by == world.Station ? "" : " by the second watchdog")}");
        }
    }
}
