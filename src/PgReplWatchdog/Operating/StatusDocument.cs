using Microsoft.Data.Sqlite;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Operating;

/// <summary>What GET /api/v1/status answers and `status --json` prints.</summary>
public sealed record StatusDocument(string Version, ImmutableArray<ClusterStatus> Clusters);

/// <summary>One cluster as the last check found it; null members are unknown, never zero.</summary>
public sealed record ClusterStatus(
    string Name, Verdict Verdict, DateTimeOffset? VerdictSince, ImmutableArray<string> Evidence,
    string? IntendedPrimary, long Epoch, bool FailoverReady, ImmutableArray<ShutGate> Gates, double? PrimarySilenceSeconds,
    DateTimeOffset? LastCheck, Procedure? Procedure, FinishedFailover? LastFailover,
    ImmutableArray<NodeStatus> Nodes, ImmutableArray<JournalEntry> Events)
{
    /// <summary>What a failover now would lose: WAL that the best candidate lacks, bytes.</summary>
    public long? ExpectedLossBytes { get; init; }

    /// <summary>How old what is said here is, seconds; null before the first check.</summary>
    public double? AgeSeconds { get; init; }

    /// <summary>It is too old to say anything of now: checks do not come to their ends.</summary>
    public bool Stale { get; init; }

    /// <summary>Why the journal cannot be read, from which the events are; null where it can.</summary>
    public string? JournalTrouble { get; init; }

    /// <summary>When the watchdog acts.</summary>
    public Policy? Policy { get; init; }

    /// <summary>The guard that is known to be armed.</summary>
    public ArmedGuard? Guard { get; init; }

    /// <summary>Nodes on their way back into the cluster.</summary>
    public ImmutableArray<ReturningNode> Returning { get; init; } = [];

    /// <summary>Nodes that were replaced and do not stream yet.</summary>
    public ImmutableArray<string> Replaced { get; init; } = [];

    /// <summary>Every node but the primary, best candidate first, with the reasons against it.</summary>
    public ImmutableArray<CandidateStatus> Candidates { get; init; } = [];

    /// <summary>What the hosts said over SSH.</summary>
    public ImmutableArray<HostObservation> Hosts { get; init; } = [];

    /// <summary>A suspect's port as other hosts see it.</summary>
    public ImmutableArray<PortView> PortViews { get; init; } = [];

    public ReferenceAnswer References { get; init; }

    public OperatorWish Wish { get; init; } = OperatorWish.None;

    /// <summary>As of now, with the events that the journal has to tell.</summary>
    public static ClusterStatus Of(Watchdog watchdog, Func<IReadOnlyList<JournalEntry>>? events = null)
    {
        ArgumentNullException.ThrowIfNull(watchdog);
        var (told, trouble) = ((IReadOnlyList<JournalEntry>)[], (string?)null);
        try
        {
            told = events?.Invoke() ?? [];
        }
        catch (SqliteException failure)
        {
            trouble = failure.Message; // just then the rest is needed
        }
        return Of(watchdog.Spec, watchdog.Last, told).At(watchdog.Age, watchdog.ChecksEnd) with { JournalTrouble = trouble };
    }

    /// <summary>The same for whoever reads it so much later.</summary>
    public ClusterStatus At(TimeSpan? age, bool says) => this with { AgeSeconds = age?.TotalSeconds, Stale = !says, FailoverReady = FailoverReady && says };

    public static ClusterStatus Of(ClusterSpec spec, Checked? last, IReadOnlyList<JournalEntry> events)
    {
        if (last is null)
            return new ClusterStatus(spec.Name, Verdict.Unknown, null, ["no check has ended yet"], null, 0, false, [], null, null, null, null, [], [.. events]);
        var (observation, decision, since, _) = last;
        return new ClusterStatus(
            spec.Name, decision.Diagnosis.Verdict, since, [.. decision.Diagnosis.Evidence, .. GuardBlocks(spec, observation), .. spec.Weaknesses],
            decision.Memory.IntendedPrimary, decision.Memory.Epoch, decision.IsReady, decision.Gates, decision.Silence.TotalSeconds,
            observation.Time, decision.Memory.Procedure, decision.Memory.LastFailover,
            [.. observation.Nodes.Select(node => NodeStatus.Of(spec.Node(node.Node), node, observation, decision))], [.. events])
        {
            ExpectedLossBytes = decision.ExpectedLossBytes,
            Policy = spec.Policy,
            Guard = decision.Memory.Guard,
            Returning = decision.Memory.Returning,
            Replaced = decision.Memory.Replaced,
            Candidates = [.. decision.Candidates.Select(candidate => new CandidateStatus(candidate.Node, candidate.IsEligible, candidate.Position, candidate.MissingBytes,
                [.. candidate.Reasons, .. candidate.Doubts]))],
            Hosts = observation.Hosts,
            PortViews = observation.PortViews,
            References = observation.References,
            Wish = observation.Wish,
        };
    }

    private static IEnumerable<string> GuardBlocks(ClusterSpec spec, ClusterObservation observation) =>
        observation.Hosts.Where(host => host is { IsDead: true, BlockedByGuard: true, GuardBlock: not null })
            .Select(host => host.GuardBlock!.Describe(spec.Name, spec.Node(host.Node)));

    /// <summary>Without the service: what is on record, and no verdict.</summary>
    public static ClusterStatus OnRecord(ClusterSpec spec, ClusterMemory memory, OperatorWish wish, IReadOnlyList<JournalEntry> events)
    {
        ArgumentNullException.ThrowIfNull(memory);
        return new ClusterStatus(
            spec.Name, Verdict.Unknown, null, ["the service does not answer: this is what its journal says, and nobody watches"],
            memory.IntendedPrimary, memory.Epoch, false, [], null, null, memory.Procedure, memory.LastFailover, [], [.. events])
        {
            Policy = spec.Policy,
            Guard = memory.Guard,
            Returning = memory.Returning,
            Replaced = memory.Replaced,
            Wish = wish,
        };
    }
}

/// <summary>A standby that could be promoted, or the reasons why not. An eligible one has the reasons why a failover to it would cause trouble.</summary>
public sealed record CandidateStatus(string Node, bool Eligible, Lsn? Position, long? MissingBytes, ImmutableArray<ShutGate> Reasons);

/// <summary>What GET /api/v1/events answers: newest first.</summary>
public sealed record EventsDocument(ImmutableArray<JournalEntry> Events);

/// <summary>One node as the last check found it.</summary>
public sealed record NodeStatus(
    string Name, string Host, int Port, Reach Reach, string Detail, Role Role, uint? Timeline,
    Lsn? CurrentLsn, Lsn? ReceivedLsn, Lsn? ReplayedLsn, long? ReceiveLagBytes, long? ReplayLagBytes, double? ReplayLagSeconds,
    bool? Streaming, double? LastMessageAgeSeconds, bool? Candidate, ImmutableArray<WalSender> WalSenders, ImmutableArray<ReplicationSlot> Slots)
{
    public static NodeStatus Of(NodeSpec spec, NodeObservation seen, ClusterObservation all, Decision decision)
    {
        var server = seen.Server;
        var primary = decision.Memory.IntendedPrimary is { } intended && intended != seen.Node && all.Find(intended) is { IsServingPrimary: true } serving ? serving.Server : null;
        var lag = decision.Lags.GetValueOrDefault(seen.Node) ?? Lag.Unknown;
        return new NodeStatus(
            spec.Name, spec.Host, spec.Port, seen.Reach, seen.Detail, server?.Role ?? Role.Unknown, server?.Timeline,
            server?.CurrentLsn, server?.ReceivedLsn, server?.ReplayedLsn, lag.ReceiveBytes, lag.ReplayBytes, lag.Replay?.TotalSeconds,
            server is { Role: Role.Standby } ? server.WalReceiver is { IsStreaming: true }
                // A copy that is being made streams as well.
                : server is null && primary is not null && !decision.Memory.Replaced.Contains(seen.Node) && decision.Memory.Returning.All(back => back.Node != seen.Node)
                    ? primary.WalSenders.Any(sender => sender.ApplicationName == seen.Node && sender.State == WalReceiver.Streaming)
                : null, // who cannot be asked may stream all the same
            server?.WalReceiver?.LastMessageAge?.TotalSeconds,
            decision.Candidates.FirstOrDefault(candidate => candidate.Node == seen.Node)?.IsEligible,
            server?.WalSenders ?? [], server?.Slots ?? []);
    }
}
