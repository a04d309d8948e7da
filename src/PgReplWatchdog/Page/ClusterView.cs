using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Page;

/// <summary>One cluster as the page shows it: immutable, made by <see cref="Views"/> once a check, read by everybody.</summary>
/// <param name="Spec">As configured.</param>
/// <param name="Last">The last check; null before the first.</param>
/// <param name="Events">The newest, newest first.</param>
/// <param name="Failovers">All on record, newest first.</param>
/// <param name="Lag">The last hour.</param>
public sealed record ClusterView(ClusterSpec Spec, Checked? Last, ImmutableArray<JournalEntry> Events, ImmutableArray<FailoverReport> Failovers, LagHistory Lag)
{
    private static readonly TimeSpan ShortestStale = TimeSpan.FromSeconds(2);

    /// <summary>The time at which it is looked at.</summary>
    public DateTimeOffset Now { get; init; }

    /// <summary>For how long nothing has come to its end (<see cref="Watchdog.Silence"/>); null before the first check.</summary>
    public TimeSpan? Silence { get; init; }

    /// <summary>How long ago the last check looked; null before the first.</summary>
    public TimeSpan? Age => Now - Last?.Observation.Time;

    /// <summary>Why the journal cannot be read; null where it can.</summary>
    public string? JournalTrouble { get; init; }

    public string Name => Spec.Name;

    public string Path => "/clusters/" + Name;

    private readonly ClusterStatus status = ClusterStatus.Of(Spec, Last, []);

    public ClusterStatus Status => IsStale ? status.At(Age, says: false) : status;

    /// <summary>What is older than three intervals says nothing of now.</summary>
    public bool IsStale => Silence is not { } silence || silence > StaleAfter;

    public TimeSpan StaleAfter => 3 * Spec.Policy.CheckInterval > ShortestStale ? 3 * Spec.Policy.CheckInterval : ShortestStale;

    /// <summary>Whether the watchdog may act by itself, in a word or two.</summary>
    public string Mode =>
        IsStale ? "not checking" : Status.Wish.Paused ? "paused" : !Spec.Policy.Automatic ? "automatic off"
        : Status.Gates.Any(gate => gate.Gate == Gate.FreezeWindow) ? "freeze window" : "automatic";

    /// <summary>Whether somebody sees a standby streaming or a primary serving; null where the node was not reached.</summary>
    public NodeStatus? Node(string? name) => Status.Nodes.FirstOrDefault(node => node.Name == name);

    /// <summary>Faults that ended and decisions that were taken back, the newest on record, newest first.</summary>
    public ImmutableArray<JournalEntry> NotDone { get; init; } = [];

    public bool IsServing => !IsStale && Status.Verdict == Verdict.Serving;
}

/// <summary>How much a person has to care; each has one colour and one sign everywhere on the page.</summary>
public enum Tone
{
    /// <summary>Nothing is known.</summary>
    Unknown,

    /// <summary>As it should be.</summary>
    Good,

    /// <summary>For information.</summary>
    Calm,

    /// <summary>Something is not as it should be.</summary>
    Suspect,

    /// <summary>The watchdog is acting.</summary>
    Acting,

    /// <summary>Broken.</summary>
    Broken,
}

/// <summary>An answer to one of a person's questions: the answer itself, and what it rests on.</summary>
public sealed record Answer(Tone Tone, string Title, ImmutableArray<string> Because);
