using System.Globalization;

namespace PgReplWatchdog.Simulation;

/// <summary>Hosts, servers, guards, connections and clients, moved on in small steps. Knows the truth; the watchdog only sees what <see cref="Prober"/> lets it.</summary>
internal sealed class World
{
    public const ulong SystemIdentifier = 7_000_000_000_000_000_001;
    private static readonly DateTimeOffset Beginning = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    public const double StepSeconds = 0.1;
    private const double ConnectInterval = 1;

    private readonly PriorityQueue<Action, double> faults = new();
    private readonly double[] writtenAt;
    private int steps;
    private int promotions;

    public World(Setting setting, Random random, StringWriter? trace)
    {
        (Setting, Random, Trace) = (setting, random, trace);
        Nodes = [.. setting.Spec.Nodes.Select((_, index) => new Node(index, new Guard(Setting.DrawRate(random), random)))];
        LeadsTo = [.. Nodes];
        Network = new Network(Nodes.Length + 2);
        Station = new Station(Nodes.Length, setting.Spec);
        writtenAt = new double[Nodes.Length];
        Truth = new Truth(this);
        var first = new Branch(0, 1, null, 0);
        foreach (var node in Nodes)
        {
            (node.Branch, node.Position, node.Replayed) = (first, 1_000_000, 1_000_000);
            node.Guard.IsInstalled = random.Next(3) != 0;
            if (node.Index == 0)
                continue;
            (node.IsStandby, node.Upstream) = (true, Nodes[0]);
        }
    }

    public Setting Setting { get; }
    public Random Random { get; }
    public StringWriter? Trace { get; }
    public Node[] Nodes { get; }
    public Network Network { get; }

    /// <summary>The node to which each node's address leads the watchdog.</summary>
    public Node[] LeadsTo { get; }
    public Truth Truth { get; }

    /// <summary>An operator switched over while the watchdog saw nothing.</summary>
    public bool SwitchedOverUnseen { get; set; }

    /// <summary>A standby that says that it is primary; null where nobody lies.</summary>
    public Lie? Lie { get; set; }

    /// <summary>A node that showed a forged history went on record as the primary: it cannot be told from a real one (docs/decisions/0012).</summary>
    public bool WasForgeryAdopted { get; set; }

    /// <summary>Nodes whose lie had a forged history.</summary>
    public HashSet<Node> Forgers { get; } = [];

    /// <summary>Its next answer is that of another server; null where none is.</summary>
    public Node? TalksNonsense { get; set; }

    /// <summary>A node has lied.</summary>
    public bool WasLiedTo { get; set; }

    public List<Stream> Streams { get; } = [];

    /// <summary>The watchdog's place in the network.</summary>
    public int Watchdog => Station.Place;

    /// <summary>The watchdog, as its servers know it.</summary>
    public Station Station { get; }

    /// <summary>The second watchdog; null before it comes.</summary>
    public SecondWatchdog? Second { get; set; }

    /// <summary>The parties in the network that may be cut off: a second watchdog's host as well, if there is one.</summary>
    public int Parties => Watchdog + (Second is null ? 1 : 2);

    public double Now { get; private set; }

    /// <summary>How often answers get lost, steps fail and nodes talk nonsense; from when the cluster is known until all is healed.</summary>
    public double Mischief => Now is > 5 and < Faults.HealedAt ? Setting.Mischief : 0;

    /// <summary>Until then servers refuse the watchdog's role: its password was changed.</summary>
    public double LockedOutUntil { get; set; }

    /// <summary>What the watchdog has on record.</summary>
    public Journal Journal { get; set; } = null!;

    /// <summary>Asks the first watchdog where writes go.</summary>
    public LoadBalancer? Balancer { get; set; }

    /// <summary>The watchdog's process does not run, or stands still.</summary>
    public bool IsWatchdogAway { get; set; }

    /// <summary>Until then some requests arrive after the watchdog has given them up.</summary>
    public double LateUntil { get; set; }

    /// <summary>By how much the wall clock of the watchdog's host has been set.</summary>
    public TimeSpan WallClockStep { get; set; }

    /// <summary>The wall clock of the watchdog's host.</summary>
    public DateTimeOffset WallClock => Beginning + TimeSpan.FromSeconds(Now * Setting.WatchdogRate) + WallClockStep;

    /// <summary>A session of the watchdog's was closed by a dying postmaster: a check runs at once.</summary>
    public bool Alarm { get; set; }

    /// <summary>The watchdogs beside this one.</summary>
    public IEnumerable<Station> Others(Station station) => Second is null ? [] : [station == Station ? Second.Station : Station];

    public Node Find(string name) => Array.Find(Nodes, node => node.Name == name)!;

    public bool Chance(double probability) => Random.NextDouble() < probability;

    public double Between(double least, double most) => least + (Random.NextDouble() * (most - least));

    public void Tell(FormattableString what) => Trace?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Now,8:0.000}  {FormattableString.Invariant(what)}"));

    public void At(double time, Action fault) => faults.Enqueue(fault, time);

    public void Advance(double seconds)
    {
        if (Second is { HasTurn: true } second)
        {
            second.Wait(seconds);
            return;
        }
        var until = Now + seconds;
        while ((steps + 1) * StepSeconds <= until)
        {
            steps++;
            Now = steps * StepSeconds;
            Step();
        }
        Now = until;
    }

    private void Step()
    {
        while (faults.TryPeek(out _, out var at) && at <= Now)
            faults.Dequeue()();
        foreach (var node in Nodes)
            Move(node);
        for (var index = Streams.Count - 1; index >= 0; index--)
        {
            Streams[index].Step(Network, Now);
            if (Streams[index] is { AtPrimary: false, AtStandby: false })
                Streams.RemoveAt(index);
        }
        foreach (var node in Nodes)
        {
            Connect(node);
            if (node.Guard.Step(node, Streams, Now, HasLeave))
            {
                if (Trace is not null)
                    Tell($"the guard of {node} stops it{(node.DiskFull ? ", and cannot block its start" : "")}");
                Truth.StoppedByGuard(node);
                node.BlockedByGuard |= !node.DiskFull && !node.StartBlocked;
                node.StartBlocked |= !node.DiskFull;
                node.ReviveAt = Now + (2 * node.Guard.Order?.TimeToLive.TotalSeconds ?? 0) / node.Guard.Rate;
                Kill(node);
            }
            if (!node.IsStandby || !node.IsRunning)
                Write(node);
            else if (!node.ReplayPaused && node.Hang != Hang.All && Now >= node.ReplayHeldUntil && Now >= node.StuckUntil)
                node.Replayed += Math.Min(node.Position - node.Replayed, node.ReplayedInStep);
        }
        Truth.Look();
        Balancer?.Step(steps);
    }

    private void Write(Node node)
    {
        if (!node.AcceptsWrites || Now - writtenAt[node.Index] < Setting.WriteInterval)
            return;
        writtenAt[node.Index] = Now;
        node.Position += 100;
        node.Branch.Acknowledged = node.Position;
        Truth.Acknowledged(node);
    }

    /// <summary>Its host was paused and goes on.</summary>
    public void GoesOn(Node node, Pause pause)
    {
        if (node.Pause != pause)
            return;
        Tell($"the host of {node} goes on");
        node.Pause = null;
        node.Guard.GoesOn(pause);
        Truth.WentOn(node, pause);
    }

    private void Move(Node node)
    {
        if (node.Pause is not null)
            return;
        if (!node.HostUp)
        {
            if (Now >= node.PowerAt)
                PowerOn(node);
            return;
        }
        if (Now >= node.StartAt)
        {
            node.StartAt = double.PositiveInfinity;
            Start(node);
        }
        if (node is { BlockedByGuard: true, Process: Process.Stopped, IsStandby: false, Guard: { IsInstalled: true, Order: not null } } && Now >= node.ReviveAt)
            Revive(node);
        if (node.Process == Process.Starting && Now >= node.ReadyAt)
        {
            node.Process = Process.Running;
            if (Trace is not null)
                Tell($"{node} is up as {(node.IsStandby ? "standby" : "primary")} on timeline {node.Branch.Timeline}");
        }
        if (node is { IsRunning: true, IsStandby: true, Hang: not Hang.All })
        {
            if (node.TriggerFile && double.IsPositiveInfinity(node.PromotedAt))
                node.PromotedAt = Now + Between(0, 5); // it looks by itself now and then
            if (Now >= node.PromotedAt && Now >= node.ReplayHeldUntil && Now >= node.StuckUntil
                && (node.Replayed == node.Position || node.ReplayedInStep == ulong.MaxValue))
                Promote(node);
        }
        if (node.Job is { ExitStatus: null } job && Now >= job.EndsAt)
            EndJob(node, job);
    }

    private void Promote(Node node)
    {
        promotions++;
        var from = node.Branch;
        node.Branch = new Branch(promotions, from.Timeline + 1, from, node.Position);
        (node.IsStandby, node.TriggerFile, node.PromotedAt, node.Replayed) = (false, false, double.PositiveInfinity, node.Position);
        foreach (var stream in Streams.Where(stream => stream.Standby == node))
            stream.AtStandby = false;
        if (Trace is not null)
            Tell($"{node} is primary on timeline {node.Branch.Timeline}, branched off at {node.Position}");
        Truth.Promoted(node);
    }

    private void Connect(Node node)
    {
        if (node is not { IsRunning: true, IsStandby: true, Hang: not Hang.All, Upstream: { } upstream } || Now < node.ConnectAt || Receiver(node) is not null)
            return;
        node.ConnectAt = Now + ConnectInterval;
        if (upstream is { IsServing: true } && (!upstream.IsStandby || upstream.Position >= node.Position) && Network.BothUp(node.Index, upstream.Index, Now)
            && upstream.Branch.Contains(node.Branch, node.Position, upstream.Position))
            Streams.Add(new Stream(upstream, node, Now));
    }

    /// <summary>The walreceiver of a standby; null where it has none.</summary>
    public Stream? Receiver(Node node)
    {
        foreach (var stream in Streams)
        {
            if (stream.Standby == node && stream.AtStandby)
                return stream;
        }
        return null;
    }

    /// <summary>A watchdog's process is gone; where a connection can tell, its session is.</summary>
    public void Ends(Station station)
    {
        foreach (var node in Nodes.Where(node => Network.BothUp(station.Place, node.Index, Now)))
            station.Closes(node);
    }

    /// <summary>All of its processes are gone; where a connection could tell, the watchdog's session does.</summary>
    public void Kill(Node node, string? controlState = null)
    {
        if (node.Process == Process.Stopped)
            return;
        node.Stop(controlState);
        Alarm |= Network.IsUp(node.Index, Watchdog, Now);
    }

    public void PowerOff(Node node)
    {
        node.Stop();
        if (node.Job is { ExitStatus: null })
            node.Job = null;
        node.Pause = null;
        (node.HostUp, node.StartAt) = (false, double.PositiveInfinity);
    }

    public void PowerOn(Node node)
    {
        if (node.HostUp)
            return;
        (node.HostUp, node.PowerAt) = (true, double.PositiveInfinity);
        node.Guard.HostStarts();
        if (Setting.StartsAtBoot)
            node.StartAt = Now + Between(0.1, 2);
        Tell($"the host of {node} has power again");
    }

    /// <summary>PostgreSQL is started, by whomever: the start block and the guard's boot check are asked first.</summary>
    public void Start(Node node)
    {
        if (!node.HostUp || node.Pause is not null || node.Process != Process.Stopped || node.StartBlocked || node.FencedByCommand || (!node.IsStandby && !MayBoot(node)))
            return;
        node.Run++;
        (node.Process, node.StartedAt, node.ReadyAt, node.Hang) = (Process.Starting, Now, Now + Between(0.2, 1.5), Hang.None);
        (node.Replayed, node.RestartpointAt) = (node.Position, 0);
        Tell($"{node} starts as {(node.IsStandby ? "standby" : "primary")}");
    }

    private bool MayBoot(Node node)
    {
        var may = HasLeave(node);
        if (!may)
            Tell($"the boot check keeps {node} from starting");
        return may;
    }

    /// <summary>The guard starts the server that it has stopped where a voucher still follows it and no other node says that it is primary.</summary>
    private void Revive(Node node)
    {
        node.ReviveAt = Now + 2;
        if (Array.Exists(Nodes, other => other != node && other.IsServing && (!other.IsStandby || Lie?.Node == other) && Network.BothUp(node.Index, other.Index, Now))
            || !MayBoot(node))
            return;
        Tell($"the guard of {node} starts it again");
        (node.StartBlocked, node.BlockedByGuard) = (false, false);
        Start(node);
    }

    /// <summary>
    /// The guard's boot check. Nobody that answers may be on a newer timeline. One that was armed when it went down needs a voucher of its order that is still
    /// its own standby: before one is promoted all are pointed nowhere. Whoever is asked shows it for a while, so that the watchdog counts from there.
    /// </summary>
    private bool HasLeave(Node node)
    {
        var told = Array.FindAll(Nodes, other => other != node && other.IsServing && Network.BothUp(node.Index, other.Index, Now));
        var may = Array.TrueForAll(told, other => other.Branch.Timeline < node.Branch.Timeline + (other.IsStandby ? 1 : 0)) && !IsKeptDownByALie(node, told)
            && (node.Guard.Order is not { } order || Array.Exists(told, other => order.Vouchers.Contains(other.Name) && other.IsStandby && other.Upstream == node));
        foreach (var asked in told.Where(other => other.IsStandby))
            asked.BootChecks.Add((Now, Now + (2 * (node.Guard.Order?.TimeToLive.TotalSeconds ?? 6)) + 2));
        node.Guard.Checked(Now);
        return may;
    }

    /// <summary>A forged history counts; a word alone counts where no other node still follows.</summary>
    private bool IsKeptDownByALie(Node node, Node[] told) => Lie is { } lie && told.Contains(lie.Node)
        && (lie.IsForged || !Array.Exists(told, other => other != lie.Node && other.IsStandby && other.Upstream == node));

    private void EndJob(Node node, Job job)
    {
        var source = job.Primary;
        var succeeds = job.WillSucceed && source is { IsServing: true, IsStandby: false } && Network.BothUp(node.Index, source.Index, Now) && !node.DiskFull;
        job.ExitStatus = succeeds ? 0 : 1;
        Tell($"the rejoin of {node} ends with {job.ExitStatus}");
        if (!succeeds)
            return;
        // pg_rewind compares numbers: of another timeline with the same one it leaves what the source never had.
        if (!job.FreshCopy && node.Branch.Timeline == source.Branch.Timeline && !source.Branch.Contains(node.Branch, node.Position, source.Position))
            Truth.Violated("Rewound", $"{node} is rewound from {source}, which is on another timeline {source.Branch.Timeline}");
        (node.Branch, node.Position, node.Replayed) = (source.Branch, source.Position, source.Position);
        Truth.Asked.Remove(node);
        (node.IsStandby, node.StartBlocked, node.TriggerFile, node.ReplayPaused, node.FencedByCommand, node.Upstream, node.Guard.Order) = (true, false, false, false, false, source, null);
        node.BlockedByGuard = false;
        node.Slots.Clear();
        Start(node);
    }
}
