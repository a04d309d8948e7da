namespace PgReplWatchdog.Topology;

/// <summary>When the watchdog acts, and when it rather does not. docs/settings.md has the user's view of it.</summary>
public sealed record Policy
{
    /// <summary>Time from the start of one check to the start of the next.</summary>
    public TimeSpan CheckInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest that a node may take to answer in one check.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromMilliseconds(800);

    /// <summary>How long no vantage point may have had a sign of life of the primary before a standby is promoted.</summary>
    public TimeSpan UnreachableThreshold { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A standby that lacks more WAL than this is not promoted; one whose lag is unknown is not either.</summary>
    public long MaximumLagBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>False: begin no failover, but say when one would begin. What a failover replaced earlier is still fenced.</summary>
    public bool Automatic { get; init; } = true;

    /// <summary>At most one automatic failover in this time.</summary>
    public TimeSpan MinimumInterval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How often a promotion that was decided is tried before it is given up and withdrawn.</summary>
    public int PromotionAttempts { get; init; } = 60;

    /// <summary>
    /// A failover that is on record longer than this is not gone on with by a watchdog that comes back: the world has moved on meanwhile.
    /// </summary>
    public TimeSpan ProcedureLimit { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// A check that starts later than this after the last one means that the watchdog itself was away
    /// (paused, starved, clock jumped): what it remembers of silence then proves nothing.
    /// </summary>
    public TimeSpan LateAfter
    {
        get
        {
            var missed = 3 * (CheckInterval + ProbeTimeout);
            return missed < UnreachableThreshold ? missed : UnreachableThreshold;
        }
    }
}
