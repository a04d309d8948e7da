namespace PgReplWatchdog.Simulation;

/// <summary>
/// The watchdog's own trouble: it stops in order and is started again, may not log in, or does not reach a host over SSH when
/// it has to take its lease back.
/// </summary>
internal sealed partial class Faults
{
    /// <summary>Longer than it takes to take a lease back: two missed checks, an attempt over SSH, and another.</summary>
    public const double LeaseIsBack = 15;

    /// <summary>The same where no standby can be promoted: that has to last for 10 s by its clock, and a host is asked now and then.</summary>
    public const double UselessLeaseIsBack = 20;

    /// <summary>A watchdog that stops asks again for 10 s by its own clock; an attempt that fails takes up to 4 s.</summary>
    private const double FarewellWaits = 4;

    /// <summary>When the watchdog is stopped in order.</summary>
    public double StopsAt { get; private set; } = double.PositiveInfinity;

    /// <summary>When it is started again.</summary>
    public double StartsAt { get; private set; } = double.PositiveInfinity;

    private (int Weight, Action<Node, double> Strike)[] Lease() =>
    [
        (2, (_, until) => StopsInOrder(world.Now, until)),
        (1, (node, until) => SshdIsAway(node, until)),
        (1, (_, until) => IsOfNoUse(Anybody(), until)),
        (1, (_, until) => NobodyCouldTakeOver(until)),
    ];

    private void StopsInOrder(double at, double until) => (StopsAt, StartsAt) = (at, until);

    /// <summary>It is started again.</summary>
    public void Started() => (StopsAt, StartsAt) = (double.PositiveInfinity, double.PositiveInfinity);

    private void SshdIsAway(Node node, double until)
    {
        world.Tell($"the host of {node} lets nobody in over SSH until {until:0.0}");
        node.SshdAwayUntil = until;
    }

    /// <summary>I8: the primary is healthy; trouble of the watchdog, and a standby lost after it, are no reason to stop it.</summary>
    private void LoseTheWatchdogsVoice()
    {
        var lostAt = world.Now;
        if (world.Chance(0.3))
            lostAt = ArmsAnew();
        world.At(lostAt, () =>
        {
            if (world.Chance(0.25))
            {
                LosesStandbysWhileSshIsSilent();
                return;
            }
            if (world.Chance(0.25))
            {
                NobodyCouldTakeOver(90);
                return;
            }
            var isSshdAway = world.Chance(0.5);
            double isBack;
            if (world.Chance(0.5))
            {
                LockOut(90);
                isBack = world.Now + (isSshdAway ? world.Between(1, 15) : 0);
                if (isSshdAway)
                    SshdIsAway(world.Nodes[0], isBack);
                if (world.Chance(0.5))
                    crash.After(world.Random.Next(12));
            }
            else
            {
                StopsInOrder(world.Now + world.Between(0, 3), double.PositiveInfinity);
                isBack = StopsAt + FarewellWaits;
                if (isSshdAway)
                    world.At(StopsAt, () => SshdIsAway(world.Nodes[0], world.Now + world.Between(0.5, FarewellWaits)));
            }
            foreach (var node in world.Nodes.Skip(1))
                world.At(isBack + LeaseIsBack, () => PowerFails(node, 90));
        });
    }

    /// <summary>The lease of a primary without standbys is to be taken back over SSH, which hangs: meanwhile the watchdog alone acknowledges.</summary>
    private void LosesStandbysWhileSshIsSilent()
    {
        SshdIsAway(world.Nodes[0], world.Now + world.Between(5, 40));
        foreach (var node in world.Nodes.Skip(1))
            world.At(world.Now + world.Between(0, 5), () => PowerFails(node, 90));
    }

    /// <summary>
    /// Every standby streams, and none could be promoted, or one cannot say whether it hears the primary: the lease is to be gone when the primary is cut off
    /// from all. Sometimes its guard says nothing then.
    /// </summary>
    private void NobodyCouldTakeOver(double until)
    {
        if (Array.Find(world.Nodes, node => node.IsPrimary) is not { } primary)
            return;
        if (world.Chance(0.3))
            primary.Guard.LosesSession(until);
        var standbys = Array.FindAll(world.Nodes, node => node != primary);
        if (standbys.Length > 1 && world.Chance(0.4))
            ViewsAreHidden(standbys[world.Random.Next(standbys.Length)], until);
        else
            Array.ForEach(standbys, node => IsOfNoUse(node, until));
        world.At(world.Now + UselessLeaseIsBack + 1, () => Isolate(primary, Math.Min(until, world.Now + world.Between(5, 30))));
    }

    private void IsOfNoUse(Node node, double until)
    {
        var kind = world.Random.Next(world.Setting.MayPromote ? 2 : 3);
        if (kind == 0)
            PausesReplay(node, until);
        else if (kind == 1)
            ViewsAreHidden(node, until);
        else
            TakesNoTriggerFile(node, until);
    }

    private void ViewsAreHidden(Node node, double until)
    {
        world.Tell($"the watchdog's role may not read the replication views of {node} until {until:0.0}");
        node.HidesViews = true;
        world.At(until, () => node.HidesViews = false);
    }

    private void TakesNoTriggerFile(Node node, double until)
    {
        world.Tell($"no trigger file can be made for {node} until {until:0.0}");
        node.TakesNoTriggerFile = true;
        world.At(until, () => node.TakesNoTriggerFile = false);
    }

    /// <summary>The guard was disarmed and is armed again, or is about to be.</summary>
    private double ArmsAnew()
    {
        var resumes = world.Now + world.Between(4, 8);
        world.Tell($"a person pauses failover until {resumes:0.0}");
        journal.Asked = journal.Asked with { Paused = true };
        world.At(resumes, () => journal.Asked = journal.Asked with { Paused = false });
        return resumes + world.Between(0, 6);
    }
}
