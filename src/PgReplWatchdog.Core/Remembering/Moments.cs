using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Remembering;

/// <summary>
/// The times on record, on this process's monotonic clock: what protects by waiting must not depend on a wall clock that somebody sets. A time that this process has
/// put on record is exact. One that another process put there is taken by the wall clock once, in the first look that finds it. If it lies in the future, nobody knows
/// how long ago it was: it counts from that look.
/// </summary>
public sealed record Moments
{
    public static readonly Moments None = new();

    private ImmutableDictionary<DateTimeOffset, Moment> ByTime { get; init; } = ImmutableDictionary<DateTimeOffset, Moment>.Empty;

    /// <summary>How long ago it was.</summary>
    public TimeSpan Since(DateTimeOffset time, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(observation);
        return observation.At - Find(time, observation).At;
    }

    /// <summary>False where it was in the future when this process found it.</summary>
    public bool IsKnown(DateTimeOffset time, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(observation);
        return Find(time, observation).IsKnown;
    }

    /// <summary>With the times that are on record now, and without those that are not any more. The same instance where that changes nothing.</summary>
    public Moments Looked(ClusterMemory memory, ClusterObservation observation)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(observation);
        var times = OnRecord(memory).ToImmutableHashSet();
        return times.Count == ByTime.Count && times.All(ByTime.ContainsKey) ? this
            : new Moments { ByTime = times.ToImmutableDictionary(time => time, time => Find(time, observation)) };
    }

    private Moment Find(DateTimeOffset time, ClusterObservation observation)
    {
        if (ByTime.TryGetValue(time, out var moment))
            return moment;
        var age = observation.Time - time;
        return age < TimeSpan.Zero ? new Moment(observation.At, IsKnown: false) : new Moment(observation.At - age, IsKnown: true);
    }

    private static IEnumerable<DateTimeOffset> OnRecord(ClusterMemory memory) =>
    [
        .. memory.Procedure is { } procedure ? procedure.Phases.Select(phase => phase.At).Append(procedure.DecidedAt) : [],
        .. memory.Returning.Select(node => node.TriedAt),
        .. memory.LastFailover is { } last ? new[] { last.FinishedAt } : [],
    ];

    private readonly record struct Moment(TimeSpan At, bool IsKnown);
}
