namespace PgReplWatchdog.Simulation;

/// <summary>
/// The guard on a node's host, as it is meant to work: it remembers when it wrote what, on its own clock, and stops PostgreSQL once the newest of those writes
/// that somebody outside has acknowledged is older than the time to live.
/// </summary>
internal sealed class Guard(double rate, Random random)
{
    private const double LongestKill = 0.2;

    public double Rate => rate;

    private readonly Queue<(double At, ulong Position)> written = new();
    private double polledAt, proof, killAt = double.PositiveInfinity;
    private bool leased;
    private int run = -1;

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

    /// <summary>The position that the watchdog's session says it has seen in an answer.</summary>
    public ulong WatchdogHasSeen { get; set; }

    /// <summary>When the boot check let this node start, which is what its lease begins with.</summary>
    public double CheckedAt { get; set; }

    /// <summary>All of its processes are gone, its keeper's too; the order stays. It is started again when it is armed.</summary>
    public void Die() => (IsInstalled, leased, killAt, Shown) = (false, false, double.PositiveInfinity, null);

    /// <summary>Arming starts it where it does not run: unarmed, so that it takes the server for one that it has seen serve.</summary>
    public void Starts(Node node)
    {
        if (!IsInstalled)
            (IsInstalled, run) = (true, node.Run);
    }

    /// <summary>It is killed and restarted by its keeper, which has kept what was proven.</summary>
    public void Restart(double seconds, double now) => (polledAt, killAt, Shown) = ((now + seconds) * rate, double.PositiveInfinity, null);

    public void HostStarts() => (leased, run, killAt, Shown) = (false, -1, double.PositiveInfinity, null);

    /// <summary>Returns true at the moment at which PostgreSQL is to be killed.</summary>
    public bool Step(Node node, List<Stream> streams, double now)
    {
        if (!node.IsRunning)
            Shown = null;
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
        var clock = now * rate;
        var timeToLive = Order?.TimeToLive.TotalSeconds ?? 6;
        if (clock < polledAt)
            return false;
        polledAt = clock + Math.Clamp(timeToLive / 12, 0.1, 0.5);
        if (node.IsRunning && node.Hang != Hang.All)
            Row(node, streams, clock, timeToLive);
        if (leased && clock - proof > timeToLive && double.IsPositiveInfinity(killAt))
            killAt = now + (random.NextDouble() * LongestKill);
        return false;
    }

    private void Row(Node node, List<Stream> streams, double clock, double timeToLive)
    {
        var isStart = run != node.Run;
        if (isStart)
            (run, leased, WatchdogHasSeen) = (node.Run, false, 0);
        Shown = Order?.Id ?? "";
        if (node.IsStandby || Order is null)
        {
            leased = false;
            return;
        }
        node.Position += 64;
        messages.Enqueue(new Message(node.Position, Order, [.. streams.Where(stream => stream.Primary == node && stream.AtPrimary)]));
        if (messages.Count > MostMessages)
            messages.Dequeue();
        var acknowledged = WatchdogHasSeen <= node.Position ? WatchdogHasSeen : 0;
        foreach (var stream in streams)
        {
            if (stream.Primary == node && stream.AtPrimary && Order.Vouchers.Contains(stream.Standby.Name))
                acknowledged = Math.Max(acknowledged, stream.Flushed);
        }
        if (!leased)
        {
            (leased, proof) = (true, isStart ? CheckedAt * rate : clock);
            written.Clear();
        }
        written.Enqueue((clock, node.Position));
        while (written.TryPeek(out var oldest) && (oldest.Position <= acknowledged || oldest.At < clock - timeToLive))
        {
            if (oldest.Position <= acknowledged)
                proof = oldest.At;
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
