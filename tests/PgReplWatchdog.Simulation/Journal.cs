using PgReplWatchdog.Journaling;

namespace PgReplWatchdog.Simulation;

/// <summary>What is on the watchdog's disk: it outlives the process.</summary>
internal sealed class Journal(World world, Station station, Crash crash) : IJournal
{
    public ClusterMemory Memory { get; private set; } = ClusterMemory.Empty;

    /// <summary>Told of each decision to fail over, when it is on record.</summary>
    public Action<Procedure>? Decided { get; set; }

    /// <summary>Told when another node becomes the primary on record without a failover or an operator's request.</summary>
    public Action<Node, Node>? Adopted { get; set; }

    public OperatorWish Asked { get; set; } = OperatorWish.None;
    public double UnwritableUntil { get; set; }
    public int Written { get; private set; }

    /// <summary>Kinds of events since the start, for the numbers at the end.</summary>
    public Dictionary<EventKind, int> Told { get; } = [];

    /// <summary>What was on record before each role change, and before each failover: what a backup may hold.</summary>
    public List<(double At, ClusterMemory Memory)> Older { get; } = [];

    /// <summary>Put in place of what is on record when the next process starts.</summary>
    public ClusterMemory? Restored { get; set; }

    /// <summary>The process that starts with that gets another server's answer from the primary first.</summary>
    public bool IsMetWithNonsense { get; set; }

    public ClusterMemory Load(string cluster)
    {
        if (Restored is { } restored)
        {
            (Memory, Restored) = (restored, null);
            world.TalksNonsense = IsMetWithNonsense ? Array.Find(world.Nodes, node => node.IsPrimary) : null;
            IsMetWithNonsense = false;
            if (station == world.Station)
                world.Truth.Restored(restored);
            world.Tell($"{station.Sign}the watchdog's record is {(restored.Epoch == 0 ? "a new one" : "from a backup")}: epoch {restored.Epoch}, primary {restored.IntendedPrimary}");
        }
        return Memory;
    }

    public void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events)
    {
        crash.Step();
        if (world.Now < UnwritableUntil)
            throw new JournalUnwritableException("the disk is full", new IOException());
        if (Memory.Procedure is { PromotedAt: not null } asked && memory.Procedure is null && memory.IntendedPrimary == asked.From && world.Find(asked.To).TriggerFile
            && memory.Abandoned?.Epoch != memory.Epoch) // an operator has named the primary: the trigger file is removed then
            world.Truth.Violated("Trigger", $"the failover to {asked.To} is taken back, and its trigger file is still there");
        if (memory.Epoch != Memory.Epoch || memory.Procedure?.DecidedAt != Memory.Procedure?.DecidedAt)
            Older.Add((world.Now, Memory));
        world.WasForgeryAdopted |= memory.IntendedPrimary != Memory.IntendedPrimary && world.Forgers.Any(node => node.IsStandby && node.Name == memory.IntendedPrimary);
        var before = Memory;
        Memory = memory;
        if (station == world.Station)
            world.Truth.OnRecord(memory);
        Written++;
        foreach (var entry in events)
        {
            Told[entry.Kind] = Told.GetValueOrDefault(entry.Kind) + 1;
            if (entry.Kind == EventKind.FailoverDecided)
                Decided?.Invoke(memory.Procedure!);
            if (entry.Kind == EventKind.PrimaryAdopted && memory.Abandoned?.Epoch != memory.Epoch
                && before.IntendedPrimary is { } old && memory.IntendedPrimary is { } adopted && old != adopted)
                Adopted?.Invoke(world.Find(old), world.Find(adopted));
            world.Trace?.WriteLine(FormattableString.Invariant($"{world.Now,8:0.000}    | {station.Sign}{entry.Kind}: {entry.Sentence}"));
        }
        crash.Step();
    }

    public OperatorWish Wish(string cluster) => Asked;

    public void Saw(string cluster, Look look, bool keep)
    {
    }

    public IReadOnlyList<JournalEntry> Recent(string? cluster, int limit, long after = 0, long before = long.MaxValue, params ReadOnlySpan<EventKind> kinds) => [];
}
