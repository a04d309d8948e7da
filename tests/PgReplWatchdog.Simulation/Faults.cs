namespace PgReplWatchdog.Simulation;

/// <summary>Draws what goes wrong, and when, and sees to it that it ends.</summary>
internal sealed partial class Faults(World world, Journal journal, Crash crash, Func<ClusterMemory?, bool, SecondWatchdog> second)
{
    public const double FirstAt = 12;
    public const double LastAt = 70;
    public const double HealedAt = 110;

    /// <summary>Two attempts at a rejoin may have failed by HealedAt, and the third comes two minutes after the second.</summary>
    public const double EndAt = 270;

    /// <summary>How the primary fails in a story of that kind; null in the others.</summary>
    public string? Failure { get; private set; }

    public double FailedAt { get; private set; }

    /// <summary>"Ready" was said when the primary failed.</summary>
    public bool WasReady { get; private set; }

    private (int Weight, Action<Node, double> Strike)[] strikes = [];

    private Policy Policy => world.Setting.Spec.Policy;

    public void Plan()
    {
        switch (world.Setting.Story)
        {
            case Story.Chaos:
                PlanChaos();
                break;
            case Story.PrimaryFails:
                world.At(PlanCandidate() ?? world.Between(20, 25), FailForGood);
                if (world.Chance(0.3))
                    world.At(world.Between(20, 30), () => crash.After(world.Random.Next(25)));
                break;
            default:
                if (world.Chance(0.15))
                    world.At(world.Between(3, 18), () => SecondWatchdogComes(isClone: false));
                world.At(world.Between(20, 25), CutOneLink);
                break;
        }
    }

    private void PlanChaos()
    {
        strikes = All();
        for (var count = world.Random.Next(1, 9); count > 0; count--)
            world.At(world.Between(FirstAt, LastAt), Strike);
        world.At(HealedAt, Heal);
        world.At(HealedAt + 20, StartAll);
        world.At(HealedAt + 40, StartAll);
    }

    /// <summary>Short ones, and those that end just when somebody's patience does.</summary>
    private double Duration() => world.Random.Next(4) switch
    {
        0 => world.Between(0.2, 3),
        1 => Policy.GuardTimeToLive.TotalSeconds + world.Between(-2, 3),
        2 => Policy.UnreachableThreshold.TotalSeconds + world.Between(-2, 3),
        _ => world.Between(5, 40),
    };

    private Node Anybody() => world.Nodes[world.Random.Next(world.Nodes.Length)];

    /// <summary>More often than not the primary.</summary>
    private Node Somebody() => world.Chance(0.7) && Array.Find(world.Nodes, node => node.IsPrimary) is { } primary ? primary : Anybody();

    private void Strike()
    {
        if (world.Now >= HealedAt)
            return;
        var until = Math.Min(world.Now + Math.Max(0.1, Duration()), HealedAt);
        var node = Somebody();
        var drawn = world.Random.Next(strikes.Sum(strike => strike.Weight));
        foreach (var (weight, strike) in strikes)
        {
            drawn -= weight;
            if (drawn < 0)
            {
                strike(node, until);
                return;
            }
        }
    }

    /// <summary>What may go wrong, and how often: a weight, and what is done to a node until a time. A subject of its own gets a file of its own, as here.</summary>
    private (int Weight, Action<Node, double> Strike)[] All() =>
    [
        .. Basic(),
        .. Guards(),
        .. Lease(),
        .. Late(),
        .. Evidence(),
        .. Candidates(),
        .. Owner(),
        .. Record(),
        .. Pauses(),
        .. SlowGuards(),
        .. Operators(),
    ];

    private (int Weight, Action<Node, double> Strike)[] Basic() =>
    [
        (2, (node, _) => Crashes(node)),
        (2, (node, until) => Hangs(node, world.Chance(0.5) ? Hang.All : Hang.Postmaster, until)),
        (3, PowerFails),
        (3, IsolateAndWorse),
        (3, (_, until) => CutSome(until)),
        (1, (_, until) => Slow(until)),
        (1, DiskFills),
        (1, (node, _) => ShutsDown(node)),
        (1, (_, _) => crash.After(world.Random.Next(40))),
        (1, (_, _) => crash.PauseAfter(world.Random.Next(40), Math.Max(0.3, Duration()))),
        (1, (_, until) => ReferencesFail(until)),
        (1, (_, until) => JournalFails(until)),
        (1, (_, until) => ReplayPauses(until)),
        (1, (_, until) => OneHearsAlone(until)),
        (1, (_, _) => Meddle()),
        (2, (_, _) => ReturnsAndVanishes()),
    ];

    private void IsolateAndWorse(Node node, double until)
    {
        Isolate(node, until);
        if (world.Chance(0.3))
            world.At(world.Between(world.Now, until), world.Chance(0.5) ? () => Crashes(node) : () => PowerFails(node, world.Now + Math.Max(0.1, Duration())));
    }

    private void DiskFills(Node node, double until)
    {
        world.Tell($"the disk of {node} is full until {until:0.0}");
        node.DiskFull = true;
        world.At(until, () => node.DiskFull = false);
    }

    private void ShutsDown(Node node)
    {
        world.Tell($"a person shuts {node} down");
        if (node.Process != Process.Stopped)
            world.Kill(node, node.IsStandby ? "shut down in recovery" : "shut down");
    }

    private void ReferencesFail(double until)
    {
        world.Tell($"the references are silent until {until:0.0}");
        world.Network.ReferencesDownUntil = until;
    }

    private void JournalFails(double until)
    {
        world.Tell($"the journal cannot be written until {until:0.0}");
        journal.UnwritableUntil = until;
    }

    /// <summary>The watchdog reaches neither the primary nor the one standby that still hears it; when that standby can be asked again, it has just lost the primary too.</summary>
    private void OneHearsAlone(double until)
    {
        if (Array.Find(world.Nodes, node => node.IsPrimary) is not { } primary)
            return;
        var listener = world.Nodes[(primary.Index + 1) % world.Nodes.Length];
        var lost = Math.Min(HealedAt, world.Now + world.Between(0.5, 12));
        world.Tell($"only {listener} hears {primary}, until {lost:0.0}, and the watchdog reaches neither");
        for (var other = 0; other < world.Network.Parties; other++)
        {
            if (other != primary.Index && other != listener.Index)
                CutBoth(primary.Index, other, Math.Max(until, lost + 12));
        }
        CutBoth(world.Watchdog, listener.Index, Math.Min(HealedAt, lost + world.Between(-1, 8)));
        world.At(lost, () => CutBoth(primary.Index, listener.Index, Math.Min(HealedAt, lost + 12)));
    }

    /// <summary>A primary that the watchdog does not see starts anew when it is about to be taken for stopped, with leave of a standby, and is cut off from that one, too.</summary>
    private void ReturnsAndVanishes()
    {
        if (Array.Find(world.Nodes, node => node.IsPrimary) is not { } primary)
            return;
        var back = world.Now + Math.Max(0.5, Policy.GuardSurelyStopped.TotalSeconds + world.Between(-3, 3));
        world.Tell($"{primary} is out of the watchdog's sight, crashes, and comes back at about {back:0.0}");
        CutBoth(primary.Index, world.Watchdog, Math.Min(HealedAt, back + 20));
        world.Kill(primary);
        world.At(back, () => world.Start(primary));
        world.At(back + world.Between(0.1, 1.5), () => Isolate(primary, Math.Min(HealedAt, world.Now + world.Between(5, 20))));
    }

    private void Crashes(Node node)
    {
        if (node.Process == Process.Stopped)
            return;
        world.Tell($"PostgreSQL on {node} crashes");
        world.Kill(node);
        if (world.Setting.IsSupervised)
            node.StartAt = world.Now + world.Between(0.5, 3);
    }

    private void Hangs(Node node, Hang hang, double until)
    {
        if (!node.IsRunning)
            return;
        world.Tell($"{node} hangs ({hang}) until {until:0.0}");
        node.Hang = hang;
        var run = node.Run;
        world.At(until, () =>
        {
            if (node.Run == run && node.Process == Process.Running)
                node.Hang = Hang.None;
        });
    }

    private void PowerFails(Node node, double until)
    {
        if (!node.HostUp)
            return;
        world.Tell($"the host of {node} loses power until {until:0.0}");
        world.PowerOff(node);
        node.PowerAt = until;
    }

    private void Isolate(Node node, double until)
    {
        world.Tell($"{node} is cut off from everybody until {until:0.0}");
        CutOff(node, until);
    }

    private void CutOff(Node node, double until)
    {
        for (var other = 0; other < world.Network.Parties; other++)
        {
            if (other != node.Index)
                CutBoth(node.Index, other, until);
        }
    }

    private void CutBoth(int one, int other, double until)
    {
        world.Network.Cut(one, other, world.Now, until);
        world.Network.Cut(other, one, world.Now, until);
    }

    private void CutSome(double until)
    {
        for (var links = world.Random.Next(1, 4); links > 0; links--)
        {
            var (from, to) = (world.Random.Next(world.Parties), world.Random.Next(world.Parties));
            if (from == to)
                continue;
            var both = world.Chance(0.5);
            var end = world.Chance(0.5) ? until : Math.Min(HealedAt, world.Now + Math.Max(0.1, Duration()));
            world.Tell($"{Party(from)} {(both ? "and" : "to")} {Party(to)}: cut until {end:0.0}");
            if (both)
                CutBoth(from, to, end);
            else
                world.Network.Cut(from, to, world.Now, end);
        }
    }

    private string Party(int index) => index < world.Nodes.Length ? world.Nodes[index].Name : index == world.Watchdog ? "watchdog" : "second watchdog";

    private void Slow(double until)
    {
        var (from, to) = (world.Random.Next(world.Parties), world.Random.Next(world.Parties));
        var delay = world.Between(0.1, 4);
        world.Tell($"{Party(from)} to {Party(to)}: {delay:0.0} s late until {until:0.0}");
        world.Network.Slow(from, to, delay, until);
    }

    private void ReplayPauses(double until)
    {
        if (Anybody() is { IsStandby: true } node)
            PausesReplay(node, until);
    }

    private void PausesReplay(Node node, double until)
    {
        world.Tell($"replay is paused on {node} until {until:0.0}");
        node.ReplayPaused = true;
        world.At(until, () => node.ReplayPaused = false);
    }

    /// <summary>What a person does: rarely a promotion by hand, more often an acknowledgement or a pause.</summary>
    private void Meddle()
    {
        if (world.Chance(0.5))
        {
            world.Tell($"a person acknowledges epoch {journal.Memory.Epoch}");
            journal.Asked = journal.Asked with { AcknowledgedEpoch = journal.Memory.Epoch };
            world.Truth.AcknowledgedEpoch = journal.Memory.Epoch;
        }
        else if (world.Chance(0.8))
        {
            world.Tell($"a person pauses failover");
            journal.Asked = journal.Asked with { Paused = true };
            world.At(world.Now + world.Between(2, 20), () => journal.Asked = journal.Asked with { Paused = false });
        }
        else if (Array.Find(world.Nodes, node => node is { IsServing: true, IsStandby: true }) is { } standby)
        {
            world.Tell($"a person promotes {standby}");
            world.Truth.OperatorPromotes(standby);
            standby.PromotedAt = world.Now + 0.2;
        }
    }

    private void Heal()
    {
        world.Tell($"all is healed");
        world.Network.Heal();
        journal.UnwritableUntil = 0;
        world.LockedOutUntil = 0;
        journal.Asked = journal.Asked with { Paused = false };
        crash.Forget();
        foreach (var node in world.Nodes)
        {
            world.LeadsTo[node.Index] = node;
            node.SshdAwayUntil = 0;
            (node.DiskFull, node.ReplayPaused, node.HidesViews, node.TakesNoTriggerFile) = (false, false, false, false);
            (node.ReplayHeldUntil, node.StuckUntil) = (0, 0);
            if (node.Process == Process.Running)
                node.Hang = Hang.None;
            world.PowerOn(node);
        }
        StartAll();
    }

    private void StartAll()
    {
        foreach (var node in world.Nodes)
        {
            // A person starts one that was fenced by command only if it is the primary by the journal of each watchdog, or a standby.
            node.FencedByCommand &= !node.IsStandby && (WasReplaced(journal.Memory) || (world.Second is { HasDecided: true, Record: var record } && WasReplaced(record)));
            world.Start(node);

            bool WasReplaced(ClusterMemory memory) => memory.IntendedPrimary != node.Name || memory.Procedure is not null;
        }
    }

    private void FailForGood()
    {
        var primary = Array.Find(world.Nodes, node => node.IsPrimary)!;
        (Failure, var fail) = world.Random.Next(6) switch
        {
            0 => ("crash", () => world.Kill(primary)),
            1 => ("power", () => PowerFails(primary, double.PositiveInfinity)),
            2 => ("hang", () => Hangs(primary, Hang.All, double.PositiveInfinity)),
            3 => ("postmaster", () => Hangs(primary, Hang.Postmaster, double.PositiveInfinity)),
            4 => ("cut off", () => Isolate(primary, double.PositiveInfinity)),
            _ => ("shut down", (Action)(() => world.Kill(primary, "shut down"))),
        };
        (FailedAt, WasReady) = (world.Now, world.Truth.IsReady);
        world.Tell($"{primary} fails for good: {Failure}");
        fail();
    }

    /// <summary>F4, F5, F7, F8, F10: the primary lives, and nothing may be promoted.</summary>
    private void CutOneLink()
    {
        if (world.Chance(0.3))
        {
            LoseTheWatchdogsVoice();
            return;
        }
        var until = world.Between(40, 90);
        var last = world.Nodes.Length - 1;
        switch (world.Random.Next(7))
        {
            case 0:
                CutBoth(world.Watchdog, 0, until);
                break;
            case 1:
                CutBoth(0, last, until);
                break;
            case 2:
                world.Network.ReferencesDownUntil = until;
                foreach (var node in world.Nodes)
                    CutBoth(world.Watchdog, node.Index, until);
                break;
            case 3:
                PowerFails(world.Nodes[last], until);
                break;
            case 4:
                world.Nodes[0].DiskFull = true;
                break;
            case 5:
                world.Network.Cut(world.Chance(0.5) ? 0 : world.Watchdog, world.Chance(0.5) ? world.Watchdog : 0, world.Now, until);
                break;
            default:
                Hangs(world.Nodes[last], Hang.All, until);
                break;
        }
        world.Tell($"one connection or one standby fails until {until:0.0}; {world.Nodes[0]} lives");
    }
}
