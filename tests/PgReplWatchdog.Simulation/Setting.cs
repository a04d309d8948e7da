namespace PgReplWatchdog.Simulation;

/// <summary>What kind of story a seed tells.</summary>
internal enum Story
{
    /// <summary>Many faults at once and one after the other, then all is healed.</summary>
    Chaos,

    /// <summary>The primary fails for good, in one of the ways there are, and nothing else is broken.</summary>
    PrimaryFails,

    /// <summary>The primary stays as it is, and one connection or standby fails: hold.</summary>
    PrimaryLives,
}

/// <summary>A configuration, drawn from the seed.</summary>
internal sealed record Setting(ClusterSpec Spec, Story Story)
{
    /// <summary>How often answers get lost, steps fail and nodes talk nonsense.</summary>
    public double Mischief { get; private init; }

    public bool HasReferences { get; private init; }

    /// <summary>Clients do not write all the time.</summary>
    public double WriteInterval { get; private init; }

    /// <summary>PostgreSQL starts with its host.</summary>
    public bool StartsAtBoot { get; private init; }

    /// <summary>A supervisor starts a PostgreSQL that crashed.</summary>
    public bool IsSupervised { get; private init; }

    /// <summary>The watchdog's role may execute pg_promote.</summary>
    public bool MayPromote { get; private init; }

    /// <summary>How much faster than time the watchdog's clock runs.</summary>
    public double WatchdogRate { get; private init; }

    public const int MostNodes = 3;

    /// <summary>A clock runs up to a tenth too fast or too slow.</summary>
    public static double DrawRate(Random random) => 1 + ((random.NextDouble() - 0.5) * 0.2);

    public static Setting Draw(Random random)
    {
        var story = random.Next(10) switch { < 6 => Story.Chaos, < 8 => Story.PrimaryFails, _ => Story.PrimaryLives };
        var threshold = new[] { 5.0, 6, 8, 10 }[random.Next(4)];
        var timeToLive = random.Next(7) == 0 ? 0 : Math.Max(3, LongestTimeToLive(threshold) * (0.85 + (0.15 * random.NextDouble())));
        var isSlow = random.Next(2) == 0;
        var policy = new Policy
        {
            CheckInterval = TimeSpan.FromSeconds(isSlow ? 1 : 0.5),
            ProbeTimeout = TimeSpan.FromSeconds(random.Next(2) == 0 && isSlow ? 0.8 : 0.4), // at most the interval, or the options are rejected at start
            UnreachableThreshold = TimeSpan.FromSeconds(threshold),
            CrashedThreshold = TimeSpan.FromSeconds(random.Next(5) * 0.5),
            FailoverWhenStopped = random.Next(3) == 0,
            Fencing = random.Next(8) == 0 ? Fencing.BestEffort : Fencing.Required,
            HasFenceCommand = random.Next(5) == 0,
            GuardTimeToLive = TimeSpan.FromSeconds(timeToLive),
            Rejoin = random.Next(10) != 0,
            HasHookBefore = random.Next(4) == 0,
            HasHookAfter = random.Next(4) == 0,
            MinimumInterval = TimeSpan.FromSeconds(random.Next(3) switch { 0 => 5, 1 => 40, _ => 3600 }),
            PromotionAttempts = random.Next(8) switch { 0 => 3, 1 => story == Story.Chaos ? 1 : 3, _ => 60 },
        };
        var nodes = Enumerable.Range(1, random.Next(2) + 2).Select(number => new NodeSpec(
            "n" + number, "h" + number, 5432, "/pg" + number, number > 2 && random.Next(8) == 0 ? 0 : NodeSpec.DefaultPriority - random.Next(3)));
        return new Setting(new ClusterSpec("sim", [.. nodes], policy, new SqlRoles("r", "w", "d")) { Owner = "0a1b2c3d" }, story)
        {
            Mischief = story == Story.Chaos && random.Next(2) == 0 ? 0.03 * random.NextDouble() : 0,
            HasReferences = random.Next(2) == 0,
            WriteInterval = random.Next(3) == 0 ? 0.7 : 0.1,
            StartsAtBoot = random.Next(3) != 0,
            IsSupervised = random.Next(4) == 0,
            MayPromote = random.Next(2) == 0,
            WatchdogRate = DrawRate(random),
        };
    }

    /// <summary>The options are rejected at start where a guard could not surely have stopped the primary within the threshold.</summary>
    private static double LongestTimeToLive(double threshold)
    {
        var longest = 2 * threshold;
        while (new Policy { GuardTimeToLive = TimeSpan.FromSeconds(longest) }.GuardSurelyStopped.TotalSeconds >= threshold)
            longest *= 0.99;
        return longest;
    }

    public override string ToString()
    {
        var policy = Spec.Policy;
        return FormattableString.Invariant($"{Story}, {Spec.Nodes.Length} nodes, priorities {string.Join('/', Spec.Nodes.Select(node => node.Priority))}, ")
            + FormattableString.Invariant($"check {policy.CheckInterval.TotalSeconds}/{policy.ProbeTimeout.TotalSeconds} s, threshold {policy.UnreachableThreshold.TotalSeconds} s, ")
            + FormattableString.Invariant($"crashed {policy.CrashedThreshold.TotalSeconds} s, guard {policy.GuardTimeToLive.TotalSeconds:0.00} s, {policy.Fencing}, ")
            + FormattableString.Invariant($"command {policy.HasFenceCommand}, when stopped {policy.FailoverWhenStopped}, interval {policy.MinimumInterval.TotalSeconds} s, rejoin {policy.Rejoin}, ")
            + FormattableString.Invariant($"mischief {Mischief:0.000}, boot {StartsAtBoot}, supervised {IsSupervised}, watchdog's clock {WatchdogRate:0.000}");
    }
}
