namespace PgReplWatchdog.Simulation;

internal enum Process
{
    Stopped,
    Starting,
    Running,
}

/// <summary>What of PostgreSQL is stopped without being dead.</summary>
internal enum Hang
{
    None,

    /// <summary>Sessions that are open go on; no new one is served.</summary>
    Postmaster,
    All,
}

/// <summary>A whole host stands still, its guard and its clocks with it.</summary>
/// <param name="From">Since when.</param>
/// <param name="Until">Until when.</param>
/// <param name="IsHidden">Its monotonic clock does not show it; its wall clock does.</param>
internal sealed record Pause(double From, double Until, bool IsHidden)
{
    public double Seconds => Until - From;
}

/// <summary>Long work on a host: rewind or copy.</summary>
internal sealed record Job(long Epoch, Node Primary, bool FreshCopy, double EndsAt, bool WillSucceed)
{
    public int? ExitStatus { get; set; }
}

/// <summary>One host with its PostgreSQL, files and guard.</summary>
internal sealed class Node(int index, Guard guard)
{
    private Hang hang;

    public int Index => index;
    public string Name { get; } = "n" + (index + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
    public Guard Guard => guard;

    public bool HostUp { get; set; } = true;
    public Process Process { get; set; } = Process.Running;

    /// <summary>A host that is paused does nothing.</summary>
    public Hang Hang
    {
        get => Pause is null ? hang : Hang.All;
        set => hang = value;
    }

    /// <summary>Its host is paused; null while it goes on.</summary>
    public Pause? Pause { get; set; }

    /// <summary>Grows with each start of PostgreSQL.</summary>
    public int Run { get; set; }

    /// <summary>When its last start began.</summary>
    public double StartedAt { get; set; }

    /// <summary>When a starting one is up.</summary>
    public double ReadyAt { get; set; }

    /// <summary>When something starts it again: the boot, a supervisor.</summary>
    public double StartAt { get; set; } = double.PositiveInfinity;

    /// <summary>When its host has power again.</summary>
    public double PowerAt { get; set; } = double.PositiveInfinity;

    /// <summary>standby.signal is there: it starts, or runs, in recovery.</summary>
    public bool IsStandby { get; set; }

    public Branch Branch { get; set; } = null!;

    /// <summary>Written, on a primary; received and flushed, on a standby.</summary>
    public ulong Position { get; set; }

    public ulong Replayed { get; set; }

    /// <summary>As a standby: until then its control file has the timeline before the one that it follows.</summary>
    public double RestartpointAt { get; set; }

    /// <summary>The timeline of its last checkpoint.</summary>
    public Branch? Checkpointed { get; set; }

    /// <summary>For whom it keeps WAL.</summary>
    public SortedSet<string> Slots { get; } = new(StringComparer.Ordinal);

    public bool ReplayPaused { get; set; }

    /// <summary>Until then a query holds its replay, if nobody ends that.</summary>
    public double ReplayHeldUntil { get; set; }

    /// <summary>What its startup process replays in a step, bytes.</summary>
    public ulong ReplayedInStep { get; set; } = ulong.MaxValue;

    /// <summary>Its synchronous_standby_names: <see cref="AnyStandby"/>, <see cref="NoStandby"/>, or empty.</summary>
    public string SynchronousStandbyNames { get; set; } = "";

    public const string AnyStandby = "*";
    public const string NoStandby = "nobody";

    /// <summary>No standby can confirm a commit: as a primary it acknowledges nothing.</summary>
    private bool CommitsWait => SynchronousStandbyNames == NoStandby;

    /// <summary>Until then its startup process does nothing: it replays nothing, and a promotion does not come about.</summary>
    public double StuckUntil { get; set; }

    public bool StartBlocked { get; set; }
    public bool BlockedByGuard { get; set; }

    /// <summary>When the guard that has stopped it asks next whether it may start it again.</summary>
    public double ReviveAt { get; set; }
    public bool DiskFull { get; set; }

    /// <summary>As a standby: ALTER SYSTEM has set its primary_conninfo, and nobody can point it anywhere else.</summary>
    public bool IsUndetachable { get; set; }

    /// <summary>The watchdog's role may not read its replication views.</summary>
    public bool HidesViews { get; set; }

    /// <summary>No file can be made where its trigger file goes.</summary>
    public bool TakesNoTriggerFile { get; set; }

    /// <summary>Until then its host lets nobody in over SSH.</summary>
    public double SshdAwayUntil { get; set; }

    /// <summary>A command took its power away: whoever gives it back sees to it that PostgreSQL does not start by itself.</summary>
    public bool FencedByCommand { get; set; }
    public bool TriggerFile { get; set; }

    /// <summary>When a promotion that it was asked for is done.</summary>
    public double PromotedAt { get; set; } = double.PositiveInfinity;

    public string ControlState { get; set; } = "in production";

    /// <summary>Whom primary_conninfo names; null is nobody.</summary>
    public Node? Upstream { get; set; }

    /// <summary>When its startup process next tries to connect.</summary>
    public double ConnectAt { get; set; }

    /// <summary>The newest role change that a watchdog has put on record there.</summary>
    public EpochMark Mark { get; set; } = EpochMark.None;

    public Job? Job { get; set; }

    /// <summary>Other nodes' boot checks that it has answered, and until when each can be seen; gone with its process.</summary>
    public List<(double At, double Until)> BootChecks { get; } = [];

    public bool IsRunning => HostUp && Process == Process.Running;
    public bool IsServing => IsRunning && Hang == Hang.None;
    public bool IsPrimary => IsRunning && !IsStandby;

    /// <summary>Whatever runs there takes writes of a client beside it.</summary>
    public bool AcceptsWrites => IsPrimary && Hang != Hang.All && !DiskFull && !CommitsWait;

    public void Stop(string? controlState = null)
    {
        if (Process == Process.Stopped)
            return;
        BootChecks.Clear();
        ControlState = controlState ?? (IsStandby ? "in archive recovery" : "in production");
        (ReplayHeldUntil, StuckUntil) = (0, 0);
        (Process, Hang, PromotedAt, StartAt) = (Process.Stopped, Hang.None, double.PositiveInfinity, double.PositiveInfinity);
    }

    public override string ToString() => Name;
}
