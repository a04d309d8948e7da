namespace PgReplWatchdog.Simulation;

/// <summary>
/// A timeline as it really is: two nodes that promote themselves apart from each other get the same number, but not the same WAL. Compared by identity.
/// </summary>
/// <param name="order">Grows with each promotion in the world.</param>
/// <param name="timeline">PostgreSQL's number.</param>
/// <param name="parent">What it branched off.</param>
/// <param name="switchPoint">Where.</param>
internal sealed class Branch(int order, uint timeline, Branch? parent, ulong switchPoint)
{
    public int Order => order;
    public uint Timeline => timeline;
    public Branch? Parent => parent;
    public ulong SwitchPoint => switchPoint;

    /// <summary>The last write on it that a client was told is safe.</summary>
    public ulong Acknowledged { get; set; }

    /// <summary>Whether WAL on <paramref name="other"/> up to <paramref name="position"/> is part of this branch's history up to <paramref name="end"/>.</summary>
    public bool Contains(Branch other, ulong position, ulong end)
    {
        var limit = end;
        for (var branch = this; branch is not null; branch = branch.Parent)
        {
            if (branch == other)
                return position <= limit;
            limit = Math.Min(limit, branch.SwitchPoint);
        }
        return false;
    }
}
