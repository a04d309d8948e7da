using PgReplWatchdog.Probing;

namespace PgReplWatchdog.Simulation;

/// <summary>What the watchdog sees of the world: who answers, how long that takes, and what gets lost on the way.</summary>
internal sealed class Prober(World world, Station station, Clock clock, Crash crash) : IProber
{
    private const double CacheSeconds = 10;

    /// <summary>A watchdog that has asked nothing for longer may be gone.</summary>
    private const double StillThere = 10;

    private readonly bool[] session = new bool[Setting.MostNodes];
    private readonly int[] sessionRun = new int[Setting.MostNodes];
    private readonly ulong[] hasSeen = new ulong[Setting.MostNodes];
    private readonly HostObservation?[] cache = new HostObservation?[Setting.MostNodes];
    private readonly NodeObservation[] answers = new NodeObservation[world.Nodes.Length];
    private int looks, nextHost, ledElsewhere = -2;
    private double took;

    public string Boot => FormattableString.Invariant($"of h{station.Place + 1}");

    /// <summary>When the last look began: what the decision rests on is not older.</summary>
    public double BeganAt { get; private set; }

    /// <summary>When this process last saw a node serve as primary, or else first looked, by its own clock; and how many looks ago.</summary>
    private readonly (TimeSpan At, int Look)[] served = new (TimeSpan, int)[Setting.MostNodes];

    /// <summary>When this process last saw a node serve as primary, it saw another watchdog as well, or its lease.</summary>
    private readonly bool[] besideAnother = new bool[Setting.MostNodes];

    /// <summary>The node is the only one that says that it is primary, and since it does, its own host has shown that it is none.</summary>
    private readonly bool[] isShownUp = new bool[Setting.MostNodes];

    /// <summary>What the node answered in the last look was lost, or made rubbish.</summary>
    private readonly bool[] isSpoilt = new bool[Setting.MostNodes];

    /// <summary>Up to where each standby was seen to have replayed, and the last look that found it elsewhere than before.</summary>
    private readonly (Lsn? Position, TimeSpan? MovedAt)[] replayed = new (Lsn?, TimeSpan?)[Setting.MostNodes];

    public TimeSpan? ReplayMovedAt(Node node) => replayed[node.Index].MovedAt;

    /// <summary>Where each node was when it answered in the last look; for the truth.</summary>
    public ClusterObservation? Last { get; private set; }

    public Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
    {
        crash.Step();
        (BeganAt, took) = (world.Now, 0.005);
        var asked = clock.Elapsed;
        looks++;
        foreach (var node in world.Nodes)
            answers[node.Index] = Ask(world.LeadsTo[node.Index], inquiry.Renews == node.Name) with { Node = node.Name };
        var subject = inquiry.Subject is { } name ? world.Find(name) : null;
        var suspicious = subject is not null && (inquiry.Suspicious || !answers[subject.Index].IsServingPrimary);
        if (suspicious && !inquiry.Suspicious)
            Wait();
        AskHosts(inquiry, subject, suspicious);
        var testimonies = inquiry.Guard.Select(question => AskForGuard(question, subject)).OfType<GuardTestimony>().ToImmutableArray();
        var views = suspicious ? world.Nodes.Where(node => node != subject).Select(node => ViewOf(subject!, node)).ToImmutableArray() : [];
        var references = !suspicious || !world.Setting.HasReferences ? ReferenceAnswer.Unknown
            : world.Now < world.Network.ReferencesDownUntil ? ReferenceAnswer.Silent : ReferenceAnswer.Reachable;
        Wait();
        Last = new ClusterObservation(clock.Elapsed, clock.GetUtcNow(), [.. answers.Select(answer => answer with { AnsweredAgo = clock.Elapsed - asked })])
        {
            Boot = Boot,
            Took = clock.Elapsed - asked,
            Hosts = [.. cache.OfType<HostObservation>()],
            PortViews = views,
            References = references,
            Testimonies = suspicious ? testimonies : [],
        };
        foreach (var node in world.Nodes)
        {
            if (answers[node.Index].IsServingPrimary)
                besideAnother[node.Index] = Array.Exists(answers, answer => answer.Server?.Watchdogs.Any(other => other.AskedSecondsAgo <= StillThere) == true)
                    || (answers[node.Index].Server!.GuardOwner is { Length: > 0 } owner && owner != station.Spec.Owner);
            isShownUp[node.Index] = node.IsStandby && answers[node.Index].IsServingPrimary && answers.Count(answer => answer.IsServingPrimary) == 1
                && (isShownUp[node.Index] || (world.Lie is { IsForged: false } && Last.Host(node.Name) is { History: not null }));
            var (before, movedAt) = replayed[node.Index];
            if (world.LeadsTo[node.Index] == node && Last.Find(node.Name) is { IsServingStandby: true, Server.ReplayedLsn: { } position })
                replayed[node.Index] = (position, before is not null && before != position ? Last.At : movedAt);
            if (world.LeadsTo[node.Index] != node)
                ledElsewhere = looks;
            if (looks == 1 || (answers[node.Index].IsServingPrimary && world.LeadsTo[node.Index] == node))
                served[node.Index] = (asked, looks);
        }
        crash.Step();
        return Task.FromResult(Last);
    }

    /// <summary>A failover was decided: for the whole threshold, and in two looks at least, this process must not have seen the old primary serve.</summary>
    public void Judge(Procedure decided)
    {
        var policy = world.Setting.Spec.Policy;
        var threshold = decided.Verdict != nameof(Verdict.Crashed) ? policy.UnreachableThreshold
            : Last!.Host(decided.From) is { BlockedByGuard: true } ? TimeSpan.Zero : policy.CrashedThreshold;
        var (at, look) = served[world.Find(decided.From).Index];
        var waited = Last!.At - at;
        if (waited < threshold)
            world.Truth.Violated("Threshold", $"{decided.From} is replaced {waited.TotalSeconds:0.00} s after it was seen serving; the threshold is {threshold.TotalSeconds} s");
        if (besideAnother[world.Find(decided.From).Index])
            world.Truth.Violated("Owner", $"{decided.From} is replaced, and another watchdog was there when it was seen serving last");
        if (looks - look < 2 && looks > 2)
            world.Truth.Violated("Looks", $"{decided.From} is replaced after one look at which it did not serve");
    }

    /// <summary>
    /// A node is the primary by its own claim: nobody who can say so may see the old one serve, and that one has shown that it has given up, or been silent for
    /// the threshold. A host that tells the truth about its history shows a liar up.
    /// </summary>
    public void JudgeAdoption(Node old, Node adopted)
    {
        if (adopted.IsPrimary && adopted.Mark.Primary == adopted.Name)
            return; // and its host names it
        if (world.Truth.HasServedInSightSince(old, station, Math.BitDecrement(BeganAt)) && !isSpoilt[old.Index])
            world.Truth.Violated("Adoption", $"{adopted} is adopted while {old} serves, and has since before the look, in sight of somebody who can say so");
        else if (adopted.IsStandby && isShownUp[adopted.Index])
            world.Truth.Violated("Adoption", $"{adopted} is adopted, which is a standby, and its host has said so");
        var (at, look) = served[old.Index];
        var wasAnother = looks - ledElsewhere <= 2; // under its name another server was seen serving
        var hasGivenUp = Last!.Find(old.Name) is { IsServingStandby: true } || Last.Host(old.Name) is { IsDead: true } or { StandbySignal: true };
        if (looks - look < 2 && looks > 2 && !wasAnother)
            world.Truth.Violated("Adoption", $"{adopted} is adopted after one look at which {old} did not serve");
        else if (!hasGivenUp && Last.At - at is var waited && waited < world.Setting.Spec.Policy.UnreachableThreshold)
            world.Truth.Violated("Adoption", $"{adopted} is adopted {waited.TotalSeconds:0.00} s after {old} was seen serving");
    }

    private void Wait()
    {
        world.Advance(took);
        took = 0.001;
    }

    private double Timeout => world.Setting.Spec.Policy.ProbeTimeout.TotalSeconds;

    private void Costs(double seconds) => took = Math.Max(took, seconds);

    private NodeObservation Ask(Node node, bool renews)
    {
        var (network, now) = (world.Network, world.Now);
        var kept = session[node.Index] && sessionRun[node.Index] == node.Run && node.IsRunning;
        var arrives = node.HostUp && network.IsUp(station.Place, node.Index, now);
        var isAsked = arrives && node.IsRunning && (node.Hang == Hang.None || (kept && node.Hang == Hang.Postmaster));
        var isLockedOut = node.IsRunning && (station.IsLockedOut || (world.Now < world.LockedOutUntil && !node.IsStandby));
        if (isAsked && !isLockedOut)
            station.Asks(node, now);
        if (isAsked && kept && !isLockedOut)
            Heartbeat(node, renews);
        var roundTrip = network.RoundTrip(station.Place, node.Index, now);
        var comesBack = arrives && network.IsUp(node.Index, station.Place, now) && roundTrip < Timeout;
        isSpoilt[node.Index] = comesBack && world.Chance(world.Mischief);
        comesBack &= !isSpoilt[node.Index];
        if (!comesBack || (node.IsRunning && (!isAsked || node.Hang != Hang.None)))
        {
            Costs(Timeout);
            session[node.Index] = false;
            return new NodeObservation(node.Name, Reach.Unreachable, "nothing came back", null);
        }
        Costs(0.005 + roundTrip);
        if (node.Process == Process.Stopped)
            return new NodeObservation(node.Name, Reach.Refused, "", null);
        if (node.Process == Process.Starting)
            return new NodeObservation(node.Name, Reach.Alive, "the database system is starting up", null);
        if (isLockedOut)
            return new NodeObservation(node.Name, Reach.Alive, "password authentication failed", null);
        if (world.Chance(world.Mischief))
        {
            isSpoilt[node.Index] = true;
            return Garbage(node);
        }
        if (world.TalksNonsense == node)
        {
            (world.TalksNonsense, isSpoilt[node.Index]) = (null, true);
            return AnotherServer(node);
        }
        (session[node.Index], sessionRun[node.Index]) = (true, node.Run);
        if (!kept)
            hasSeen[node.Index] = 0;
        if (!node.IsStandby)
            hasSeen[node.Index] = node.Position;
        return new NodeObservation(node.Name, Reach.Serving, "", Facts(node));
    }

    /// <summary>The question itself: a little WAL, and what was seen in the last answer.</summary>
    private void Heartbeat(Node node, bool renews)
    {
        if (node.IsStandby)
            return;
        if (renews)
            node.Guard.Sees(station.Spec.Owner, hasSeen[node.Index]);
        node.Position += 64;
    }

    private ServerFacts Facts(Node node)
    {
        var receiver = node.IsStandby ? world.Receiver(node) : null;
        var lie = world.Lie is { } told && told.Node == node && node.IsStandby ? told : null;
        return new ServerFacts
        {
            Role = node.IsStandby && lie is null ? Role.Standby : Role.Primary,
            SystemIdentifier = World.SystemIdentifier,
            Timeline = lie?.Timeline ?? (node.IsStandby && receiver is null && world.Now < node.RestartpointAt ? node.Branch.Parent : node.Branch)!.Timeline,
            CheckpointTimeline = node.Branch.Timeline - (node.Branch == node.Checkpointed || node.Branch.Parent is null ? 0u : 1u),
            VersionNumber = 150018,
            CurrentLsn = node.IsStandby && lie is null ? null : new Lsn(node.Position),
            ReceivedLsn = node.IsStandby ? new Lsn(node.Position) : null,
            ReplayedLsn = node.IsStandby ? new Lsn(node.Replayed) : null,
            ReplayPaused = node is { IsStandby: true, ReplayPaused: true },
            PromoteTriggerFile = world.Setting.Spec.Nodes[node.Index].TriggerFile,
            MayPromote = world.Setting.MayPromote,
            WalReceiverTimeout = TimeSpan.FromSeconds(Stream.TimeoutSeconds),
            StartedAt = DateTimeOffset.UnixEpoch.AddSeconds(node.StartedAt).AddMicroseconds(node.Index), // no two servers start in the same microsecond
            LimitsSlots = true,
            SynchronousStandbyNames = node.SynchronousStandbyNames,
            BootChecks = string.Join(' ', node.BootChecks.Where(check => check.Until > world.Now).Select(check => FormattableString.Invariant($"{check.At}"))),
            GuardOrderId = node.Guard.Shown,
            GuardOwner = node.Guard.ShownOwner,
            Watchdogs = [.. world.Others(station).Select(other => other.SessionAt(node, world.Now)).OfType<WatchdogSession>()],
            Slots = [.. node.Slots.Select(name => new ReplicationSlot(world.Setting.Spec.Node(name).SlotName, false, "reserved", null))],
            ReadsStatistics = !node.HidesViews,
            WalReceiver = receiver is null || node.HidesViews ? null : new WalReceiver("streaming", TimeSpan.FromSeconds(node.Guard.Ago(receiver.HeardAt, world.Now)), receiver.Primary.Name)
            {
                UpstreamEnd = new Lsn(node.Position),
            },
            WalSenders = node.IsStandby || node.HidesViews ? [] :
            [
                .. world.Streams.Where(stream => stream.Primary == node && stream.AtPrimary)
                    .Select(stream => new WalSender(stream.Standby.Name, "streaming", "async", new Lsn(node.Position), new Lsn(stream.Flushed), new Lsn(stream.Flushed))),
            ],
        };
    }

    /// <summary>What the standby's host finds of the guard in the WAL that the standby has received.</summary>
    private GuardTestimony? AskForGuard(GuardQuestion question, Node? primary)
    {
        var standby = world.Find(question.Node);
        if (primary is null || !Shell(standby))
            return null;
        var found = standby.Branch == primary.Branch ? primary.Guard.Between(question.After.Value, standby.Position) : null;
        return found is null ? new GuardTestimony(question.Node, question.After)
            : new GuardTestimony(question.Node, question.After, found.Order.Id, found.Order.Owner, found.FlushedBy(question.Node));
    }

    /// <summary>What a node may say that nobody can make sense of.</summary>
    private NodeObservation Garbage(Node node) => world.Random.Next(6) switch
    {
        0 => new NodeObservation(node.Name, Reach.Failed, "a line of rubbish", null),
        1 => new NodeObservation(node.Name, Reach.Serving, "", Facts(node) with { Role = Role.Unknown }),
        2 => AnotherServer(node),
        3 when node.IsStandby => new NodeObservation(node.Name, Reach.Serving, "", Facts(node) with { Role = Role.Primary, Timeline = 2_000_000_000, CurrentLsn = new Lsn(ulong.MaxValue) }),
        4 => new NodeObservation(node.Name, Reach.Serving, "", Facts(node) with
        {
            ReceivedLsn = null,
            ReplayedLsn = null,
            CurrentLsn = null,
            ReadsStatistics = false,
            WalReceiver = null,
            WalSenders = [],
        }),
        _ => new NodeObservation(node.Name, Reach.Unknown, "", null),
    };

    private NodeObservation AnotherServer(Node node) =>
        new(node.Name, Reach.Serving, "", Facts(node) with { SystemIdentifier = 42 + (ulong)node.Index, Timeline = uint.MaxValue, CurrentLsn = new Lsn(ulong.MaxValue) });

    private void AskHosts(Inquiry inquiry, Node? subject, bool suspicious)
    {
        nextHost = (nextHost + 1) % world.Nodes.Length;
        foreach (var node in world.Nodes)
        {
            if (suspicious || inquiry.Hosts.Contains(node.Name) || node.Index == nextHost)
                cache[node.Index] = AskHost(node);
            else if (cache[node.Index] is { } old && clock.Elapsed - old.At > TimeSpan.FromSeconds(CacheSeconds))
                cache[node.Index] = null;
        }
    }

    private bool Shell(Node node) => node.HostUp && world.Now >= node.SshdAwayUntil && world.Network.BothUp(node.Index, station.Place, world.Now)
        && world.Network.RoundTrip(node.Index, station.Place, world.Now) < Timeout && !world.Chance(world.Mischief);

    private HostObservation AskHost(Node node)
    {
        if (world.LeadsTo[node.Index] is var other && other != node)
            return new HostObservation(node.Name, Shell(other) ? HostReach.Failed : HostReach.Unreachable, $"this is the host of {other}", clock.Elapsed);
        if (!Shell(node))
        {
            Costs(Timeout);
            return new HostObservation(node.Name, HostReach.Unreachable, "nothing came back", clock.Elapsed);
        }
        Costs(0.03);
        if (world.Chance(world.Mischief))
            return new HostObservation(node.Name, HostReach.Failed, "no shell", clock.Elapsed);
        return new HostObservation(node.Name, HostReach.Reachable, "", clock.Elapsed)
        {
            PostmasterRuns = node.Process != Process.Stopped,
            Processes = world.Chance(world.Mischief) ? null : node.Process == Process.Stopped ? 0 : 7,
            ControlState = node.Process == Process.Running ? "in production" : node.ControlState,
            LocalAnswer = Answer(node),
            History = world.Lie is { IsForged: true } lie && lie.Node == node
                ? Forged(node, lie.Timeline) : History(node.Branch),
            Mark = node.Mark,
            StartBlocked = node.StartBlocked,
            BlockedByGuard = node.BlockedByGuard,
            StandbySignal = node.IsStandby,
            HasTriggerFile = node.TriggerFile,
            TriggerDirectoryWritable = node is { DiskFull: false, TakesNoTriggerFile: false },
            DetachObstacle = node is { IsStandby: true, IsUndetachable: true } ? "ALTER SYSTEM has set primary_conninfo" : "",
            FreeBytes = node.DiskFull ? 0 : 1_000_000_000,
            Job = node.Job is { } job ? new HostJob(job.Epoch, job.ExitStatus is null, job.ExitStatus, "at work") : null,
        };
    }

    /// <summary>The newest history file: what is on disk is that of the node's own timeline.</summary>
    private static TimelineHistory History(Branch branch)
    {
        var branches = "";
        for (var at = branch; at.Parent is { } parent; at = parent)
            branches = $"{parent.Timeline} {new Lsn(at.SwitchPoint)} {branches}";
        return TimelineHistory.Parse(FormattableString.Invariant($"{branch.Timeline} {branches}"))!;
    }

    private static TimelineHistory Forged(Node node, uint timeline)
    {
        var (own, honest) = (node.Branch.Timeline, History(node.Branch));
        var forged = FormattableString.Invariant($"{timeline} {honest.Branches} {own} {new Lsn(node.Position)}");
        return timeline > own ? TimelineHistory.Parse(forged)! : honest;
    }

    private static PortAnswer Answer(Node node) => node switch
    {
        { IsServing: true } => PortAnswer.Accepting,
        { HostUp: true, Process: Process.Starting } => PortAnswer.Rejecting,
        _ => PortAnswer.Silent,
    };

    private PortView ViewOf(Node subject, Node from) => new(from.Name, subject.Name,
        !Shell(from) ? PortAnswer.Unknown
        : world.Network.BothUp(from.Index, subject.Index, world.Now) && world.Network.RoundTrip(from.Index, subject.Index, world.Now) < Timeout ? Answer(subject)
        : PortAnswer.Silent);
}
