namespace PgReplWatchdog.Simulation;

/// <summary>
/// The guard on a node's host, as it is meant to work: it remembers when it wrote what, on its own clock, and stops PostgreSQL once the newest of those writes
/// that somebody outside has acknowledged is older than the time to live.
/// </summary>
internal sealed class Guard(double rate, Random random)
{
    public const double LongestKill = 0.2;

    /// <summary>A hidden pause that is shorter it takes for a slow tick.</summary>
    public const double ShortestHiddenPause = 1;

    public double Rate => rate;

    private readonly Queue<(double At, ulong Position)> written = new();
    private double polledAt, proof, killAt = double.PositiveInfinity;
    private bool leased;
    private double hidden, hiddenLast, hiddenAt, lagsUntil, lag, sessionAwayUntil;
    private bool hasLostSession, hasSeenJump;
    private double? demand;
    private int run = -1, startedRun = -1;
    private double startedAt;

    private const int MostMessages = 200;
    private readonly Queue<Message> messages = new();

    /// <summary>Its newest message in the WAL between two positions; null where there is none.</summary>
    public Message? Between(ulong after, ulong upTo) => messages.LastOrDefault(message => message.Position > after && message.Position <= upTo);

    /// <summary>The order file; survives everything but a rejoin. Null: disarmed.</summary>
    public GuardOrder? Order { get; set; }

    /// <summary>Set-up or the first arming has put it there.</summary>
    public bool IsInstalled { get; set; }

    /// <summary>What its session at the server shows; null where it has none.</summary>
    public string? Shown { get; private set; }

    /// <summary>Whose order that is; empty where it shows none.</summary>
    public string ShownOwner { get; private set; } = "";

    /// <summary>The position that each watchdog's sessions say they have seen in an answer.</summary>
    private readonly Dictionary<string, ulong> seen = [];

    public void Sees(string watchdog, ulong position) => seen[watchdog] = Math.Max(seen.GetValueOrDefault(watchdog), position);

    /// <summary>When the boot check let this node start, which is what its lease begins with; by the host's clock.</summary>
    private double checkedAt;

    public void Checked(double now) => checkedAt = Clock(now);

    /// <summary>The host's monotonic clock.</summary>
    private double Clock(double now) => (now - hidden) * rate;

    /// <summary>How long ago that was, by the host's clock.</summary>
    public double Ago(double then, double now) => (now - then - (then < hiddenAt ? hiddenLast : 0)) * rate;

    /// <summary>What a guard that has seen a hidden pause waits for an acknowledgement that is newer.</summary>
    public static double PatienceOf(double timeToLive) => Math.Max(timeToLive / 2, 2.5);

    /// <summary>Its host was paused and goes on: its next tick is due.</summary>
    public void GoesOn(Pause pause)
    {
        polledAt = 0;
        if (!pause.IsHidden)
            return;
        hidden += pause.Seconds;
        (hiddenLast, hiddenAt) = (pause.Seconds, pause.Until);
        hasSeenJump |= pause.Seconds >= ShortestHiddenPause;
    }

    /// <summary>Until then each of its ticks comes so much after the one before.</summary>
    /// <summary>Seconds between two ticks, at most.</summary>
    public double LongestTick => Math.Max(0.5, lag);

    public void Lags(double seconds, double until) => (lag, lagsUntil) = (seconds, until);

    /// <summary>Its session at the server ends, and no other one can be opened until then, nor while the postmaster hangs.</summary>
    public void LosesSession(double until) => (hasLostSession, sessionAwayUntil, Shown, ShownOwner) = (true, until, null, "");

    /// <summary>All of its processes are gone, its keeper's too; the order stays. It is started again when it is armed.</summary>
    public void Die() => (IsInstalled, leased, killAt, Shown, ShownOwner) = (false, false, double.PositiveInfinity, null, "");

    /// <summary>Arming starts it where it does not run: unarmed, so that it takes the server for one that it has seen serve.</summary>
    public void Starts(Node node)
    {
        if (!IsInstalled)
            (IsInstalled, run) = (true, node.Run);
    }

    /// <summary>It is killed and restarted by its keeper, which has kept what was proven.</summary>
    public void Restart(double seconds, double now) => (AwayUntil, polledAt, killAt, Shown, ShownOwner) = (now + seconds, Clock(now + seconds), double.PositiveInfinity, null, "");

    /// <summary>When its keeper has restarted it.</summary>
    public double AwayUntil { get; private set; }

    public void HostStarts() => (leased, run, killAt, Shown, ShownOwner) = (false, -1, double.PositiveInfinity, null, "");

    /// <summary>Returns true at the moment at which PostgreSQL is to be killed.</summary>
    /// <param name="node">Its node.</param>
    /// <param name="streams">All connections.</param>
    /// <param name="now">The time.</param>
    /// <param name="hasLeave">Asks the other nodes whether one of the lease standbys still follows this one.</param>
    public bool Step(Node node, List<Stream> streams, double now, Func<Node, bool> hasLeave)
    {
        if (node.Pause is not null)
            return false;
        if (!node.IsRunning)
            (Shown, ShownOwner) = (null, "");
        if (!IsInstalled || node.Process == Process.Stopped)
        {
            (leased, killAt) = (false, double.PositiveInfinity);
            return false;
        }
        if (now >= killAt)
        {
            (leased, killAt) = (false, double.PositiveInfinity);
            return true;
        }
        var clock = Clock(now);
        var timeToLive = Order?.TimeToLive.TotalSeconds ?? 6;
        if (clock < polledAt)
            return false;
        polledAt = clock + Math.Max(Math.Clamp(timeToLive / 12, 0.1, 0.5), now < lagsUntil ? lag * rate : 0);
        LookAtClocks(clock);
        hasLostSession &= now < sessionAwayUntil || !node.IsServing;
        if (hasLostSession)
            AskStandbys(node, clock, timeToLive, hasLeave);
        else if (node.IsRunning && node.Hang != Hang.All)
            Row(node, streams, clock, timeToLive);
        if (startedRun != node.Run)
            (startedRun, startedAt) = (node.Run, clock);
        // It hangs since before it was seen as a primary.
        if (!leased && node is { IsStandby: false, IsRunning: true, Hang: not Hang.None } && Order is not null && clock - startedAt > timeToLive)
            killAt = Math.Min(killAt, now + (random.NextDouble() * LongestKill));
        var isOverdue = clock - proof > timeToLive || clock - demand > PatienceOf(timeToLive);
        if (leased && isOverdue && double.IsPositiveInfinity(killAt))
            killAt = now + (random.NextDouble() * LongestKill);
        return false;
    }

    /// <summary>A jump of the wall clock against the uptime may be a pause: then somebody outside has to acknowledge something newer.</summary>
    private void LookAtClocks(double clock)
    {
        if (hasSeenJump)
            demand = clock;
        hasSeenJump = false;
        if (!leased || proof > demand)
            demand = null;
    }

    /// <summary>The server lets others in but not the guard: a lease standby's word does for an acknowledgement.</summary>
    private void AskStandbys(Node node, double clock, double timeToLive, Func<Node, bool> hasLeave)
    {
        (Shown, ShownOwner) = (null, "");
        if (run != node.Run)
        {
            (run, leased, proof) = (node.Run, !node.IsStandby, checkedAt);
            seen.Clear();
            written.Clear();
        }
        leased &= Order is not null;
        if (leased && 2 * (clock - proof) > timeToLive && node.IsServing && hasLeave(node))
            proof = clock;
    }

    private void Row(Node node, List<Stream> streams, double clock, double timeToLive)
    {
        var isStart = run != node.Run;
        if (isStart)
        {
            (run, leased) = (node.Run, false);
            seen.Clear();
        }
        (Shown, ShownOwner) = (Order?.Id ?? "", Order?.Owner ?? "");
        if (node.IsStandby || Order is null)
        {
            leased = false;
            return;
        }
        node.Position += 64;
        messages.Enqueue(new Message(node.Position, Order, [.. streams.Where(stream => stream.Primary == node && stream.AtPrimary)]));
        if (messages.Count > MostMessages)
            messages.Dequeue();
        var acknowledged = seen.GetValueOrDefault(Order.Owner) is var position && position <= node.Position ? position : 0;
        foreach (var stream in streams)
        {
            if (stream.Primary == node && stream.AtPrimary && Order.Vouchers.Contains(stream.Standby.Name))
                acknowledged = Math.Max(acknowledged, stream.Flushed);
        }
        if (!leased)
        {
            (leased, proof) = (true, isStart ? checkedAt : clock);
            written.Clear();
        }
        written.Enqueue((clock, node.Position));
        while (written.TryPeek(out var oldest) && (oldest.Position <= acknowledged || oldest.At < clock - timeToLive))
        {
            if (oldest.Position <= acknowledged)
                proof = Math.Max(proof, oldest.At);
            written.Dequeue();
        }
    }
}

/// <summary>A guard's message: under which order it was written, and what each standby had flushed by then.</summary>
internal sealed class Message(ulong position, GuardOrder order, ImmutableArray<Stream> streams)
{
    private readonly ImmutableArray<(string Name, ulong Position)> flushed = [.. streams.Select(stream => (stream.Standby.Name, stream.Flushed))];

    public ulong Position => position;
    public GuardOrder Order => order;

    public Lsn? FlushedBy(string standby) =>
        flushed.Where(one => one.Name == standby).Select(one => (Lsn?)new Lsn(one.Position)).Min();
}
