namespace PgReplWatchdog.Simulation;

/// <summary>
/// What keeps a standby from being promoted: a query that holds its replay, a startup process that does nothing, a host that
/// lets nobody in, a standby that cannot be detached.
/// </summary>
internal sealed partial class Faults
{
    /// <summary>Longer than a host stays proven, and than replay may stand still, by a clock that runs too fast.</summary>
    private const double IsNoticed = 36;

    /// <summary>When a story ends that is not chaos.</summary>
    public double StoryEndsAt { get; private set; } = 75;

    /// <summary>A standby cannot be promoted as it should when the primary fails, or the primary's host says nothing then.</summary>
    public bool IsCandidateSpoiled { get; private set; }

    private (int Weight, Action<Node, double> Strike)[] Candidates() =>
    [
        (1, (_, until) => ReplayIsHeld(Anybody(), until)),
        (2, (_, until) => StartupIsStuck(Anybody(), until)),
    ];

    /// <summary>
    /// Sometimes a standby is spoiled before the primary fails: early enough for the watchdog to say so, or so late that it
    /// cannot know, and then only where that must not matter. When the primary fails then; null where no standby is spoiled.
    /// </summary>
    private double? PlanCandidate()
    {
        if (!world.Chance(0.4))
            return null;
        var standby = world.Nodes[world.Random.Next(1, world.Nodes.Length)];
        var (failsAt, late) = (world.Between(48, 53), world.Chance(0.5));
        if (Policy.PromotionAttempts >= 60 && world.Chance(0.3))
        {
            ReplayWillBeSlow(standby, failsAt);
            return failsAt;
        }
        var isAnotherThere = world.Nodes.Length > 2 && world.Setting.Spec.Nodes.All(node => node.Priority > 0);
        var stuckUntil = late && world.Chance(0.5) ? failsAt + world.Between(15, 50) : double.PositiveInfinity;
        var kind = !late ? world.Random.Next(8) : isAnotherThere && world.Chance(0.7) ? 1 : 0;
        // A startup process that hangs has no backlog if nothing comes any more: else another standby is elected.
        world.At(late ? failsAt + (kind == 1 ? 0.3 : -0.2) : failsAt - IsNoticed - world.Between(0, 5), kind switch
        {
            0 => () => ReplayIsHeld(standby, double.PositiveInfinity),
            1 => () => StartupIsStuck(standby, stuckUntil),
            2 => () => SshdIsAway(standby, double.PositiveInfinity),
            3 => () => DiskFills(standby, double.PositiveInfinity),
            4 => () => CannotBeDetached(standby),
            5 => () => SshdIsAway(world.Nodes[0], double.PositiveInfinity),
            6 => () => IsOfNoUse(standby, double.PositiveInfinity),
            _ => world.Nodes.Length > 2 && world.Chance(0.5) ? () => IsNotSynchronous(standby) : () => CommitsWillWait(standby),
        });
        if (!late && world.Chance(0.5))
            OthersFallBehind(standby, failsAt);
        // Passed over, it is to be stopped, and its host is silent.
        if (kind == 1 && late && Policy.PromotionAttempts >= 60 && world.Chance(0.3))
            world.At(failsAt + world.Between(6, 16), () => SshdIsAway(standby, world.Now + world.Between(5, 40)));
        (IsCandidateSpoiled, StoryEndsAt) = (true, 140);
        return failsAt;
    }

    /// <summary>The others have a little less WAL when the primary fails: this one is elected, if it can be.</summary>
    private void OthersFallBehind(Node standby, double failsAt) => world.At(failsAt - 0.3, () =>
    {
        foreach (var other in world.Nodes.Where(node => node.IsStandby && node != standby))
            world.Network.Cut(0, other.Index, world.Now, double.PositiveInfinity);
    });

    private void ReplayIsHeld(Node node, double until)
    {
        if (node is not { IsRunning: true, IsStandby: true })
            return;
        world.Tell($"a query holds the replay of {node} until {until:0.0}");
        node.ReplayHeldUntil = until;
    }

    private void CannotBeDetached(Node node)
    {
        world.Tell($"nobody can point {node} at another primary, or at none");
        node.IsUndetachable = true;
    }

    private void CommitsWillWait(Node node)
    {
        world.Tell($"synchronous_standby_names of {node} are met by nobody");
        node.SynchronousStandbyNames = Node.NoStandby;
    }

    private void IsNotSynchronous(Node node)
    {
        world.Tell($"synchronous_standby_names are set on all nodes but {node}");
        foreach (var other in world.Nodes.Where(other => other != node))
            other.SynchronousStandbyNames = Node.AnyStandby;
    }

    /// <summary>Its replay moves all the while, and ends some time after the primary has failed.</summary>
    private void ReplayWillBeSlow(Node standby, double failsAt)
    {
        (IsCandidateSpoiled, StoryEndsAt) = (true, 140);
        world.At(failsAt - 8, () =>
        {
            world.Tell($"{standby} replays slowly");
            standby.ReplayedInStep = 1;
        });
        if (world.Chance(0.7))
            OthersFallBehind(standby, failsAt); // else another one, which has replayed all, is elected
        var seconds = world.Between(15, 45);
        world.At(failsAt + 0.5, Ends);

        // A hung postmaster's sessions write on until it is fenced. What one writes that was cut off does not come here.
        void Ends()
        {
            if (world.Receiver(standby) is { Primary.AcceptsWrites: true })
                world.At(world.Now + 0.5, Ends);
            else
                standby.ReplayedInStep = 1 + ((standby.Position - standby.Replayed) / (ulong)(10 * seconds));
        }
    }

    private void StartupIsStuck(Node node, double until)
    {
        if (node is not { IsRunning: true, IsStandby: true })
            return;
        world.Tell($"the startup process of {node} does nothing until {until:0.0}");
        node.StuckUntil = until;
    }
}
