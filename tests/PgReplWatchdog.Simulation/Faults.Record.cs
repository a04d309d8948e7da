namespace PgReplWatchdog.Simulation;

/// <summary>A standby that says that it is primary.</summary>
/// <param name="Node">The node.</param>
/// <param name="Timeline">The timeline that it claims.</param>
/// <param name="IsForged">Its host shows a history of that timeline, branched off where the node is.</param>
internal sealed record Lie(Node Node, uint Timeline, bool IsForged);

/// <summary>A journal from a backup, an operator who goes back to the old primary, a node that lies.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Record() =>
    [
        (2, (_, _) => JournalIsRestored()),
        (1, (_, _) => JournalIsLost()),
        (1, (_, _) => GoesBack()),
        (1, (_, until) => Lies(until)),
        (1, (_, _) => LiesAlone()),
    ];

    /// <summary>Half of the time a role change comes first.</summary>
    private void JournalIsRestored()
    {
        if (world.Chance(0.5) && Array.Find(world.Nodes, node => node.IsPrimary) is { } primary)
            Crashes(primary);
        world.At(world.Now + world.Between(0, 25), Restores);
    }

    /// <summary>Nobody restores a backup within seconds. A process that finds so young a record takes it for its own.</summary>
    private const double YoungestBackup = 10;

    private void Restores()
    {
        var backups = journal.Older.Where(older => world.Now - older.At >= YoungestBackup).ToList();
        if (backups.Count == 0 || world.Now >= HealedAt)
            return;
        world.Tell($"the watchdog's host is restored from a backup");
        journal.Restored = backups[world.Random.Next(backups.Count)].Memory;
        crash.After(1);
    }

    /// <summary>The state directory is lost. Half of the time the first answer of the primary that the new process gets is another server's.</summary>
    private void JournalIsLost()
    {
        world.Tell($"the state directory is lost");
        journal.Restored = ClusterMemory.Empty;
        journal.IsMetWithNonsense = world.Chance(0.5);
        crash.After(1);
    }

    /// <summary>
    /// After a failover an operator stops the new primary, and starts the old one as it is; with `pgwatchdog adopt` or
    /// without, in sight or not.
    /// </summary>
    private void GoesBack()
    {
        if (Array.Find(world.Nodes, node => node.IsPrimary) is not { } old)
            return;
        PowerFails(old, Math.Min(HealedAt, world.Now + world.Between(5, 25)));
        world.At(world.Now + world.Between(15, 40), () =>
        {
            if (old.IsStandby || old.IsRunning || !old.HostUp
                || Array.Find(world.Nodes, node => node.IsPrimary && node != old) is not { } successor)
                return;
            world.Tell($"an operator goes back from {successor} to {old}");
            world.Truth.OperatorGoesBackTo(old);
            if (world.Chance(0.3))
                crash.After(1);
            else if (world.Chance(0.3))
                crash.PauseAfter(1, world.Between(1, 10));
            if (world.Chance(0.5))
                world.At(world.Now + world.Between(0, 5), () => Adopts(old));
            world.Kill(successor, "shut down");
            (old.StartBlocked, old.BlockedByGuard, old.Guard.Order) = (false, false, null);
            world.Start(old);
        });
    }

    private void Adopts(Node node)
    {
        world.Tell($"an operator asks to adopt {node}");
        world.Truth.OperatorAdopts(node);
        if (world.Chance(0.5))
            world.At(world.Now + world.Between(5, 20), Restores);
        journal.Asked = journal.Asked with { Adopt = new(node.Name, journal.Memory.Epoch, "mary", world.WallClock) };
    }

    /// <summary>The watchdog does not see the primary for some looks; half of the time its host answers over SSH, and says that it lives.</summary>
    private void MissesAnswers(Node primary)
    {
        var until = Math.Min(HealedAt, world.Now + Duration());
        if (world.Chance(0.5))
            Hangs(primary, Hang.Postmaster, until);
        else
            CutBoth(primary.Index, world.Watchdog, until);
    }

    private void Lies(double until, bool mayForge = true)
    {
        if (Array.Find(world.Nodes, node => node.IsStandby) is not { } liar)
            return;
        var timeline = world.Chance(0.2) ? 2_000_000_000 : liar.Branch.Timeline + (uint)world.Random.Next(2);
        var lie = new Lie(liar, timeline, IsForged: mayForge && world.Chance(0.3));
        world.Tell($"{liar} says until {until:0.0} that it is primary on timeline {timeline}; forged history: {lie.IsForged}");
        (world.Lie, world.WasLiedTo) = (lie, true);
        if (lie.IsForged)
            world.Forgers.Add(liar);
        world.At(until, () => world.Lie = world.Lie == lie ? null : world.Lie);
        if (world.Chance(0.3))
            world.At(world.Now + world.Between(1, 6), () => SshdIsAway(liar, until)); // its host has shown it up by then
        if (world.Chance(0.5) && Array.Find(world.Nodes, node => node.IsPrimary) is { } primary)
            world.At(world.Now + world.Between(0, 3), () => MissesAnswers(primary));
    }

    /// <summary>Nobody else says anything: neither the liar's host, nor the primary, for longer than the threshold.</summary>
    private void LiesAlone()
    {
        var until = Math.Min(HealedAt, world.Now + Policy.UnreachableThreshold.TotalSeconds + world.Between(1, 8));
        Lies(until, mayForge: false);
        if (world.Lie is not { } lie || Array.Find(world.Nodes, node => node.IsPrimary) is not { } primary)
            return;
        SshdIsAway(lie.Node, until);
        CutBoth(primary.Index, world.Watchdog, until);
    }
}
