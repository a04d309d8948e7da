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

    /// <summary>How long a primary must be found crashed (its host lives, nobody shut it down) before a standby is promoted.</summary>
    public TimeSpan CrashedThreshold { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>True: a primary that somebody shut down in order is replaced as well, after UnreachableThreshold.</summary>
    public bool FailoverWhenStopped { get; init; }

    /// <summary>Whether a standby may be promoted while the old primary is not proven to be stopped.</summary>
    public Fencing Fencing { get; init; } = Fencing.Required;

    /// <summary>A command on the watchdog's host is configured that makes sure that a node is off.</summary>
    public bool HasFenceCommand { get; init; }

    /// <summary>Without a proof that somebody outside hears it for this long, the guard on the primary's host stops it. Zero: no guard.</summary>
    public TimeSpan GuardTimeToLive { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>After so long without a sign of life to the outside a primary guarded as configured has surely stopped itself.</summary>
    public TimeSpan GuardSurelyStopped => SurelyStoppedAfter(GuardTimeToLive);

    /// <summary>
    /// The time to live, and how much later a guard may have done its work: clocks that differ by a tenth either way, its tick, the kill.
    /// </summary>
    public static TimeSpan SurelyStoppedAfter(TimeSpan timeToLive) => timeToLive + GuardMarginOf(timeToLive);

    public static TimeSpan GuardMarginOf(TimeSpan timeToLive) => (0.25 * timeToLive) + TimeSpan.FromSeconds(0.5);

    /// <summary>
    /// The longest that the watchdog may wait for a host while it renews a lease: a primary without standbys lives by what was seen in the check before,
    /// so one check, the wait, and up to two intervals have to fit into it. A fifth is for the guard's own polls, and for clocks that differ. At most 5 s, at least ProbeTimeout.
    /// </summary>
    public TimeSpan BetweenRenewals
    {
        get
        {
            var spare = (0.8 * GuardTimeToLive) - (2 * CheckInterval) - ProbeTimeout;
            return GuardTimeToLive <= TimeSpan.Zero || spare > LongestBetweenRenewals ? LongestBetweenRenewals : spare > ProbeTimeout ? spare : ProbeTimeout;
        }
    }

    private static readonly TimeSpan LongestBetweenRenewals = TimeSpan.FromSeconds(5);

    /// <summary>The longest that shipping WAL from a dead primary may take.</summary>
    public TimeSpan SalvageLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A node that was replaced is made a standby again when its host is back.</summary>
    public bool Rejoin { get; init; } = true;

    /// <summary>Hooks are configured.</summary>
    public bool HasHookBefore { get; init; }
    public bool HasHookAfter { get; init; }

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

/// <summary>What must be known of the old primary before another one is writable.</summary>
public enum Fencing
{
    Unknown,

    /// <summary>It is stopped, or proven to have stopped itself.</summary>
    Required,

    /// <summary>It is tried; a failover goes on without, says so, and the old primary is stopped when it returns.</summary>
    BestEffort,
}
