namespace PgReplWatchdog.Simulation;

/// <summary>
/// What an operator does excuses two primaries only where one of them is the operator's. And the primary that an operator has promoted, on the newest
/// timeline's number or a newer one, is not the watchdog's to stop.
/// </summary>
internal sealed partial class Truth
{
    /// <summary>Timelines that operators chose, and those of the primaries that they left behind.</summary>
    private readonly HashSet<Branch> ofOperators = [];
    private Node? promotedByOperator;

    /// <summary>An operator has chosen a primary.</summary>
    public bool HasOperatorActed { get; private set; }

    /// <summary>The timeline of the primary that an operator promoted last; null where the watchdog has promoted another node since, or an operator has said otherwise.</summary>
    public Branch? OperatorsChoice { get; private set; }

    public void OperatorPromotes(Node node)
    {
        LeaveBehind();
        promotedByOperator = node;
    }

    public void OperatorGoesBackTo(Node node)
    {
        LeaveBehind();
        ofOperators.Add(node.Branch);
        OperatorsChoice = null; // on a timeline that was given up
    }

    public void OperatorAdopts(Node node)
    {
        lastFailover = null; // seen to
        if (node.Branch != OperatorsChoice)
            OperatorsChoice = null;
    }

    private void LeaveBehind()
    {
        HasOperatorActed = true;
        ofOperators.UnionWith(world.Nodes.Where(node => !node.IsStandby).Select(node => node.Branch));
    }

    private void PromotedByOperator(Node node, bool isAsked)
    {
        if (isAsked || node != promotedByOperator)
        {
            OperatorsChoice = null;
            return;
        }
        promotedByOperator = null;
        OperatorsChoice = node.Branch;
        ofOperators.Add(node.Branch);
    }

    /// <summary>One of the two is an operator's doing. Not where the watchdog replaced the older one by the newer one.</summary>
    private bool IsOperatorsDoing(Branch older, Branch newer) =>
        ofOperators.Contains(newer) || (ofOperators.Contains(older) && newer.Parent != older);

    /// <summary>The watchdog stops it, or keeps it from starting: not because it had replaced that node before. What the last look could see counts.</summary>
    /// <param name="node">The node.</param>
    /// <param name="record">Of the watchdog that does it.</param>
    /// <param name="looked">When its last look began.</param>
    public void LookAtOperatorsPrimary(Node node, ClusterMemory record, double looked)
    {
        if (node.Branch != OperatorsChoice || node.IsStandby)
            return;
        // A lower number is stopped beside the primary on record. And a new primary that was gone at once has told nobody its history: the number is all there is to compare.
        if (record is { IntendedPrimary: { } expected } && node.Branch.Timeline < record.NewestTimeline
            && (record.History is null || world.Find(expected) is { IsPrimary: true, IsServing: true }))
            return;
        if (node.AcceptsWrites && HasServedInSightSince(node, world.Station, Math.Min(looked, world.Now - 5)))
            Violated("Operator", $"{node}, which an operator promoted on timeline {node.Branch.Timeline}, serves in sight, and is stopped");
        else if (node.Process == Process.Stopped && !node.StartBlocked && record.Replaced.Contains(node.Name)
            && node.Job?.Epoch != record.Epoch) // a copy was begun over it
            Violated("Operator", $"{node}, which an operator promoted on timeline {node.Branch.Timeline}, is kept from starting");
    }
}
