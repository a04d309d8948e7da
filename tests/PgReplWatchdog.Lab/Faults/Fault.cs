namespace PgReplWatchdog.Lab.Faults;

/// <summary>What befalls a cluster, by real means; the kinds have numbers, F1 to F24. A closed set: <see cref="All"/>.</summary>
public abstract record Fault
{
    private protected Fault()
    {
    }

    /// <summary>Every fault in every variant.</summary>
    public static IReadOnlyList<Fault> All { get; } =
    [
        new Crash(PostmasterAlone: true),
        new Crash(PostmasterAlone: false),
        new HostGone(PostgresStartsAtBoot: true),
        new HostGone(PostgresStartsAtBoot: false),
        new Frozen(PostmasterAlone: true),
        new Frozen(PostmasterAlone: false),
        new StorageHangs(),
        .. from between in Enum.GetValues<Between>()
           from mode in Enum.GetValues<CutMode>()
           from direction in Enum.GetValues<CutDirection>()
           select new Partition(between, mode, direction),
        new StandbyLost(HostToo: false),
        new StandbyLost(HostToo: true),
        new OldPrimaryReturns(HostToo: false),
        new OldPrimaryReturns(HostToo: true),
        new DiskFull(),
        new GuardKilled(),
        new GuardKilledUnseen(),
        new ReplayHeld(),
        new LockedOut(),
        new HostPaused(),
        new SshLost(),
        new WatchdogGone(Killed: false),
        new WatchdogGone(Killed: true),
        new WatchdogGoneAtCrash(Killed: false),
        new WatchdogGoneAtCrash(Killed: true),
        new SecondWatchdog(FirstKilled: false),
        new SecondWatchdog(FirstKilled: true),
        new SshHeldBack(PrimaryKilled: false),
        new SshHeldBack(PrimaryKilled: true),
        new Synchronous(HostGone: false),
        new Synchronous(HostGone: true),
        new SwitchoverUnseen(),
        new RecordPutBack(AtOnce: true),
        new RecordPutBack(AtOnce: false),
        new Cascade(),
    ];

    /// <summary>F1 to F24.</summary>
    public abstract string Number { get; }

    /// <summary>The number and the variant: unique, and how logs and command lines call it.</summary>
    public abstract string Name { get; }

    /// <summary>What the watchdog must make of it.</summary>
    public abstract Must Must { get; }

    /// <summary>What asynchronous replication may lose by it.</summary>
    public virtual MayLose MayLose => MayLose.Nothing;

    /// <summary>Whether the guard or the watchdog may stop PostgreSQL on the primary. The watchdog's own trouble is no reason (failover.md, I8).</summary>
    public virtual bool MayStopPrimary => Must == Must.FailOver;

    /// <summary>For how long an old primary that had stood still may acknowledge beside the new one, once it goes on; else it may not at all.</summary>
    public virtual TimeSpan MayWakeFor => TimeSpan.Zero;

    /// <summary>Whether hosts need networks of their own (<see cref="LabOptions.Namespaces"/>).</summary>
    public virtual bool NeedsNetwork => false;

    /// <summary>Whether hosts need disks of their own (<see cref="LabOptions.DiskMegabytes"/>).</summary>
    public virtual bool NeedsDisk => false;

    /// <summary>Whether the fault stops and starts the watchdog (<see cref="Scene.First"/>).</summary>
    public virtual bool NeedsWatchdog => false;

    /// <summary>The fault of that name.</summary>
    public static Fault Named(string name) => All.FirstOrDefault(fault => fault.Name == name) ?? throw new LabException($"there is no fault '{name}'");

    /// <summary>Lets it happen; returns when it has.</summary>
    public abstract Task StartAsync(Scene scene, CancellationToken ct = default);

    /// <summary>Takes its cause away. What a failover has made of the hosts meanwhile is not undone: that is the watchdog's job.</summary>
    public abstract Task EndAsync(Scene scene, CancellationToken ct = default);

    public sealed override string ToString() => Name;
}

/// <summary>What the watchdog must make of a fault.</summary>
public enum Must
{
    /// <summary>Nobody is promoted.</summary>
    Hold,

    /// <summary>A standby is promoted when the fault lasts.</summary>
    FailOver,
}

/// <summary>Which acknowledged rows may be gone after a failover with asynchronous replication.</summary>
public enum MayLose
{
    /// <summary>None: nobody was promoted, or the dead primary's host could still be asked for its WAL.</summary>
    Nothing,

    /// <summary>Those acknowledged after the last WAL that the new primary had received.</summary>
    WhatWasNotReceived,
}
