namespace PgReplWatchdog.Simulation;

/// <summary>A second watchdog that acts, and partitions with one on each side.</summary>
internal sealed partial class Faults
{
    private (int Weight, Action<Node, double> Strike)[] Owner() =>
    [
        (2, (_, until) => SecondWatchdogStrikes(until)),
    ];

    /// <summary>It comes before a partition, in it, or while the first one is away. One that is there already gets the partition alone.</summary>
    private void SecondWatchdogStrikes(double until)
    {
        if (world.Second is null)
        {
            var delay = world.Chance(0.4) ? world.Between(0, 8) : 0;
            if (world.Chance(0.25))
                StopsInOrder(world.Now, Math.Max(until, world.Now + delay + 1));
            else if (world.Chance(0.2))
                crash.After(world.Random.Next(40));
            var isClone = world.Chance(0.2);
            if (isClone && world.Chance(0.5))
                FailoverIsCopied();
            else
                world.At(world.Now + delay, () => SecondWatchdogComes(isClone));
        }
        if (world.Chance(0.7))
            world.At(world.Now + (world.Chance(0.4) ? 0 : world.Between(0, 12)), () => Splits(Math.Min(HealedAt, world.Now + world.Between(5, 40))));
    }

    /// <summary>The state directory is copied in the middle of a failover: what became of that the copy does not know.</summary>
    private void FailoverIsCopied()
    {
        if (Array.Find(world.Nodes, node => node.IsPrimary) is { } primary)
            world.At(world.Now + world.Between(0.5, 5), () => Crashes(primary));
        var (steps, until) = (world.Random.Next(25), Math.Min(HealedAt, world.Now + 30));
        Comes();

        void Comes()
        {
            if (journal.Memory.Procedure is not null && steps-- <= 0)
                SecondWatchdogComes(isClone: true);
            else if (world.Now < until)
                world.At(world.Now + 0.1, Comes);
        }
    }

    private void SecondWatchdogComes(bool isClone)
    {
        if (world.Second is not null)
            return;
        var until = world.Setting.Story != Story.Chaos ? double.PositiveInfinity : world.Chance(0.3) ? HealedAt + 5 : world.Now + world.Between(5, 60);
        var isNamesake = isClone && world.Chance(0.5);
        if (isClone && world.Setting.Story == Story.Chaos && world.Chance(0.1))
            until = world.Now;
        world.Tell($"a second watchdog runs{(isClone ? $", with a copy of the first one's state directory{(isNamesake ? ", name and all" : "")}," : "")} until {until:0.0}");
        world.Second = second(isClone ? journal.Memory : null, isNamesake);
        if (world.Chance(0.15))
        {
            world.Tell($"no server lets the second watchdog in");
            world.Second.Station.IsLockedOut = true;
        }
        world.Second.Start(until, stopsInOrder: world.Chance(0.6), world.Setting.Story == Story.Chaos && world.Chance(0.3) ? world.Random.Next(60) : null);
    }

    /// <summary>More often than not the primary and the second watchdog are on one side, the first watchdog and the standbys on the other.</summary>
    private void Splits(double until)
    {
        if (Array.Find(world.Nodes, node => node.IsPrimary) is not { } primary)
            return;
        var withPrimary = Enumerable.Range(0, world.Network.Parties).Where(party => party == primary.Index
            || world.Chance(party < world.Watchdog ? 0.25 : party == world.Watchdog ? 0.2 : 0.8)).ToHashSet();
        world.Tell($"a partition until {until:0.0}; with {primary}: {string.Join(", ", withPrimary.Select(Party))}");
        foreach (var one in withPrimary)
        {
            for (var other = 0; other < world.Network.Parties; other++)
            {
                if (!withPrimary.Contains(other))
                    CutBoth(one, other, until);
            }
        }
    }
}
