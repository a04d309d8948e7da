using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>What the watchdog can do to the world: a closed family, one at a time, each bounded in time and safe to repeat.</summary>
public abstract record WatchdogAction
{
    private WatchdogAction()
    {
    }

    /// <summary>The node it is about.</summary>
    public abstract string Node { get; init; }

    /// <summary>Its name in the journal, in metrics and in <see cref="Observing.ActionReport"/>.</summary>
    public string Kind => GetType().Name;

    /// <summary>All kinds that do something.</summary>
    public static ImmutableArray<string> Kinds { get; } =
    [
        nameof(RunHook), nameof(Fence), nameof(FenceByCommand), nameof(Freeze), nameof(Salvage), nameof(Promote), nameof(WithdrawPromotion), nameof(Reserve), nameof(Repoint),
        nameof(Checkpoint), nameof(Rejoin),
        nameof(ArmGuard), nameof(DisarmGuard), nameof(RecordEpoch),
    ];

    public sealed record None : WatchdogAction
    {
        public override string Node { get; init; } = "";
    }

    /// <summary>Run a hook on the watchdog's host, with the facts in its environment.</summary>
    public sealed record RunHook(string Node, HookMoment Moment, string From, long Epoch, string Verdict, long? LossBytes) : WatchdogAction;

    /// <summary>Leave the start block, stop the node's PostgreSQL and prove by its host that no process is left.</summary>
    public sealed record Fence(string Node) : WatchdogAction
    {
        /// <summary>One that has become primary is left alone.</summary>
        public bool OnlyStandby { get; init; }
    }

    /// <summary>Run the configured fence command for the node; exit status 0 is its promise that the node is off.</summary>
    public sealed record FenceByCommand(string Node) : WatchdogAction;

    /// <summary>Point the walreceivers of these standbys nowhere (primary_conninfo = '', reload).</summary>
    public sealed record Freeze(ImmutableArray<string> Nodes) : WatchdogAction
    {
        /// <summary>It takes a restart of the standbys: PostgreSQL 12 and before.</summary>
        public bool Restarts { get; init; }

        public override string Node { get; init; } = string.Join(',', Nodes);
    }

    /// <summary>Ship what the standby lacks from the dead primary's pg_wal, and see it replayed if that does not take long.</summary>
    /// <param name="Node">The dead primary.</param>
    /// <param name="To">The standby.</param>
    /// <param name="From">What it has replayed: the end of a record.</param>
    /// <param name="After">What it has received: bytes beyond count as salvaged.</param>
    /// <param name="Timeline">The timeline of both.</param>
    public sealed record Salvage(string Node, string To, Lsn From, Lsn After, uint Timeline) : WatchdogAction
    {
        /// <summary>The cluster's, which the WAL has to be of.</summary>
        public ulong SystemIdentifier { get; init; }
    }

    /// <summary>Ask the node to promote itself until it is primary, within a limit.</summary>
    public sealed record Promote(string Node, PromotionMethod Method) : WatchdogAction
    {
        /// <summary>
        /// Where its WAL ended when it was elected. A walreceiver that has received more is fed by a primary that lives: then nothing is promoted. Null: that is not looked at.
        /// </summary>
        public Lsn? Elected { get; init; }
    }

    /// <summary>Remove the trigger file: it was not heeded, or is not needed any more.</summary>
    public sealed record WithdrawPromotion(string Node) : WatchdogAction;

    /// <summary>Give a node that is away a slot on the primary: from now on the WAL that it will need is kept.</summary>
    public sealed record Reserve(string Node, string For, PostgresVersion Version) : WatchdogAction;

    /// <summary>Give the node a slot on the primary and point its walreceiver there.</summary>
    public sealed record Repoint(string Node, string Primary, PostgresVersion Version) : WatchdogAction;

    /// <summary>Have the primary begin a checkpoint, without waiting for its end.</summary>
    public sealed record Checkpoint(string Node) : WatchdogAction;

    /// <summary>Start, on the node's host and detached, what makes it a standby of the primary: pg_rewind, or a fresh copy where that fails.</summary>
    /// <param name="Node">The node.</param>
    /// <param name="Primary">Whose standby it is to be.</param>
    /// <param name="Version">Of both.</param>
    /// <param name="Epoch">Names the job.</param>
    /// <param name="FreshCopy">Do not try pg_rewind: it was tried.</param>
    public sealed record Rejoin(string Node, string Primary, PostgresVersion Version, long Epoch, bool FreshCopy) : WatchdogAction;

    /// <summary>Arm the primary's guard with this order, starting the guard where it does not run. An order of the lost watchdog is replaced, another one's is not.</summary>
    public sealed record ArmGuard(string Node, GuardOrder Order, string Lost = "") : WatchdogAction;

    /// <summary>Take the guard's order away, also one of the lost watchdog.</summary>
    public sealed record DisarmGuard(string Node, string Lost = "") : WatchdogAction;

    /// <summary>Put the last role change on record on the node's host. A later one there stays.</summary>
    public sealed record RecordEpoch(string Node, long Epoch, string Primary) : WatchdogAction;

    public static readonly WatchdogAction Nothing = new None();
}

/// <summary>When a hook runs.</summary>
public enum HookMoment
{
    Unknown,

    /// <summary>After the decision, before anything else is done.</summary>
    Before,

    /// <summary>When the new primary is writable.</summary>
    After,
}

/// <summary>How a standby is asked to promote itself (manual, "Failover").</summary>
public enum PromotionMethod
{
    Unknown,

    /// <summary>promote_trigger_file over SSH, and a SIGHUP to the startup process (12 to 15).</summary>
    TriggerFile,

    /// <summary>pg_promote() over SQL (12 and later).</summary>
    Sql,

    /// <summary>pg_ctl promote over SSH.</summary>
    PgCtl,
}
