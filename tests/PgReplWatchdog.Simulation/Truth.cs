namespace PgReplWatchdog.Simulation;

/// <summary>An invariant that did not hold.</summary>
/// <param name="Invariant">Its name: I1 to I7, or a word.</param>
/// <param name="When">Simulated seconds since the start.</param>
/// <param name="What">What was seen.</param>
internal sealed record Violation(string Invariant, double When, string What);

/// <summary>Sees the whole world and checks in each step what must always hold.</summary>
internal sealed partial class Truth(World world)
{
    private Branch? newest;
    private Node? newestBy;
    private readonly double[] seenSince = new double[Setting.MostNodes], seenBySecondSince = new double[Setting.MostNodes];

    public List<Violation> Violations { get; } = [];

    /// <summary>Nodes that a watchdog asked to promote themselves: when it first did, which one, the epoch on record then, and whether a salvage had come to its end.</summary>
    public Dictionary<Node, (double At, Station By, long Epoch, bool IsSalvaged)> Asked { get; } = [];

    /// <summary>What the watchdog said after its last check: the primary serves, and no gate is closed.</summary>
    public bool IsReady { get; set; }

    /// <summary>The failover that a person has seen to.</summary>
    public long AcknowledgedEpoch { get; set; }

    /// <summary>The last promotion that the watchdog asked for and that came about.</summary>
    private (double At, long Epoch)? lastFailover;
    private TimeSpan wallClockStep;
    private Branch? promotedBySecond;

    /// <summary>Which watchdog asked for the promotion that began a timeline.</summary>
    private readonly Dictionary<Branch, Station> promotedBy = [];

    public int Promotions { get; private set; }
    public double FirstPromotionAt { get; private set; } = double.PositiveInfinity;

    /// <summary>Promotions that the watchdog asked for, with fencing required, while another node took writes as a primary: must never be.</summary>
    public int FalsePromotions { get; private set; }

    /// <summary>Promotions beside a primary that took writes which the configuration allows (BestEffort) or a person made.</summary>
    public int AllowedPromotions { get; private set; }

    public void Violated(string invariant, FormattableString what)
    {
        var words = FormattableString.Invariant(what);
        world.Tell($"VIOLATION of {invariant}: {words}");
        Violations.Add(new Violation(invariant, world.Now, words));
    }

    /// <summary>I1: once a newer primary has acknowledged a write, an older one never does again.</summary>
    public void Acknowledged(Node node)
    {
        if (newest is null || node.Branch.Order >= newest.Order)
        {
            if (newest != node.Branch)
                newestSince = world.Now;
            (newest, newestBy) = (node.Branch, node);
            return;
        }
        if (!IsAllowed(node, newest) && !IsOutdated && !(newest == promotedBySecond && world.Second is { HasEnded: true })
            && Violations.TrueForAll(violation => violation.Invariant != "I1"))
            Violated("I1", $"{node} acknowledges a write on timeline {node.Branch.Timeline} after {newestBy} did on timeline {newest.Timeline}");
    }

    public void Promoted(Node node)
    {
        if (Promotions++ == 0)
            FirstPromotionAt = world.Now;
        var isAsked = Asked.Remove(node, out var asked);
        PromotedByOperator(node, isAsked);
        if (isAsked)
            promotedBy[node.Branch] = asked.By;
        if (Array.Find(world.Nodes, other => other != node && other.AcceptsWrites) is { } writer)
        {
            if (!isAsked || IsAllowed(writer, node.Branch, World.StepSeconds))
                AllowedPromotions++;
            else
            {
                FalsePromotions++;
                Violated("I1", $"{node} is promoted while {writer} takes writes");
            }
        }
        if (!isAsked)
            return;
        if (asked.IsSalvaged && node.Branch.Parent!.Acknowledged > node.Branch.SwitchPoint)
            Violated("Lost", $"{node} is promoted at {node.Branch.SwitchPoint} after a salvage, and a write at {node.Branch.Parent.Acknowledged} was acknowledged");
        if (asked.By != world.Station)
        {
            promotedBySecond = node.Branch;
            return;
        }
        // I6: the interval counts from the end of the one before, by the watchdog's clock.
        var interval = world.Setting.Spec.Policy.MinimumInterval.TotalSeconds / world.Setting.WatchdogRate;
        if (lastFailover is { } last && last.Epoch > AcknowledgedEpoch && asked.At - last.At < interval)
            Violated("I6", $"{node} is promoted {asked.At - last.At:0.0} s after the failover before; the interval is {interval:0.0} s");
        (lastFailover, wallClockStep) = ((world.Now, asked.Epoch), world.WallClockStep);
    }

    /// <summary>It may take writes beside the newer primary, or what makes it do so nobody could know.</summary>
    /// <param name="writer">An older primary.</param>
    /// <param name="newer">The newer one's timeline.</param>
    /// <param name="step">A step of this world, in which its guard has not run yet.</param>
    private bool IsAllowed(Node writer, Branch newer, double step = 0) =>
        Policy.Fencing == Fencing.BestEffort || IsOperatorsDoing(writer.Branch, newer) || ofNamesake.Contains(writer)
        || LostItsGuardLast(writer) || HasJustGoneOn(writer, step) || AreOfTwoWatchdogs(writer.Branch, newer);

    private readonly HashSet<Node> ofNamesake = [];

    /// <summary>A second watchdog with the first one's name takes that one's lease for its own, of which the primary has not shown a session for 10 s: nobody can tell (docs/decisions/0018, "Limit").</summary>
    public void LeaseTaken(Node node, Station by)
    {
        if (world.Second is { IsNamesake: true } && by != world.Station && world.Station.SessionAt(node, world.Now) is not { AskedSecondsAgo: <= 10 })
            ofNamesake.Add(node);
    }

    /// <summary>
    /// Two watchdogs on two sides of a partition, each with a fence command (docs/decisions/0018, "Limit"). Whether one of them saw the other is judged where it decides
    /// (<see cref="Prober.Judge"/>).
    /// </summary>
    private bool AreOfTwoWatchdogs(Branch one, Branch other) => Policy.HasFenceCommand
        && promotedBy.TryGetValue(one, out var by) && promotedBy.TryGetValue(other, out var byOther) && by != byOther;

    /// <summary>For I2: since when each node serves and somebody who can say so sees it.</summary>
    public void Look()
    {
        foreach (var node in world.Nodes)
        {
            Since(seenSince, node, IsSeenServing(node, world.Station));
            Since(seenBySecondSince, node, world.Second is not null && IsSeenServing(node, world.Second.Station));
        }
        LookAtLeases();
        LookAtRoles();
        LookWhoHears();
    }

    /// <summary>It has served as primary since before then, and all the while that watchdog itself or a standby that it reaches could tell.</summary>
    public bool HasServedInSightSince(Node node, Station station, double moment) =>
        (station == world.Station ? seenSince : seenBySecondSince)[node.Index] <= moment;

    private bool IsSeenServing(Node node, Station station)
    {
        if (!node.IsServing || node.IsStandby)
            return false;
        if (Reaches(node, station))
            return true;
        foreach (var stream in world.Streams)
        {
            if (stream.Primary == node && stream.Hears(world.Now) && Reaches(stream.Standby, station) && stream.Standby.IsServing)
                return true;
        }
        return false;
    }

    private bool Reaches(Node node) => Reaches(node, world.Station);

    private bool Reaches(Node node, Station station) => world.LeadsTo[node.Index] == node
        && world.Network.BothUp(node.Index, station.Place, world.Now) && world.Network.RoundTrip(node.Index, station.Place, world.Now) < 0.1;
}
