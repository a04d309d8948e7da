using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Observing;

/// <summary>
/// How far a standby is behind its primary. Null is unknown, which is not zero: it cannot be known while the
/// primary does not answer or the standby does not.
/// </summary>
/// <param name="ReceiveBytes">WAL the primary has written and the standby has not received.</param>
/// <param name="ReplayBytes">WAL the primary has written and the standby has not replayed.</param>
/// <param name="Replay">For how long the first WAL not yet replayed has existed; zero where nothing is missing.</param>
public sealed record Lag(long? ReceiveBytes, long? ReplayBytes, TimeSpan? Replay)
{
    public static readonly Lag Unknown = new(null, null, null);

    /// <summary>Both positions come from the same look; the standby's own received minus replayed would be 0 on a cut link.</summary>
    public static Lag Between(ServerFacts? primary, ServerFacts? standby, PrimaryTrail trail, TimeSpan now)
    {
        if (primary?.CurrentLsn is not { } current || standby is not { Role: Role.Standby })
            return Unknown;
        return new Lag(
            standby.ReceivedLsn is { } received ? current.BytesSince(received) : null,
            standby.ReplayedLsn is { } replayed ? current.BytesSince(replayed) : null,
            standby.ReplayedLsn is { } position ? (current <= position ? TimeSpan.Zero : trail.TimeSincePassed(position, now)) : null);
    }
}

/// <summary>
/// Where the primary's WAL position was in the last checks: answers how long ago it passed a position, from the
/// watchdog's clock alone. (now() - pg_last_xact_replay_timestamp() grows for ever on an idle primary and needs equal clocks.)
/// </summary>
public sealed record PrimaryTrail
{
    /// <summary>Ten minutes of checks at the default interval; older lag is reported as at least this old.</summary>
    public const int Capacity = 600;

    public static readonly PrimaryTrail Empty = new();

    private ImmutableQueue<Sample> Samples { get; init; } = [];
    private int Count { get; init; }

    /// <summary>The newest sample; null where the primary has not been seen.</summary>
    public Lsn? Newest { get; private init; }

    /// <summary>When it was taken.</summary>
    public TimeSpan NewestAt { get; private init; }

    /// <summary>Adds a position. One behind the last (another primary) starts a new trail.</summary>
    public PrimaryTrail Add(TimeSpan at, Lsn position)
    {
        var samples = Newest is { } newest && position < newest ? [] : Samples;
        var count = samples.IsEmpty ? 0 : Count;
        samples = samples.Enqueue(new Sample(at, position));
        return count < Capacity
            ? this with { Samples = samples, Count = count + 1, Newest = position, NewestAt = at }
            : this with { Samples = samples.Dequeue(), Newest = position, NewestAt = at };
    }

    /// <summary>
    /// How long ago the primary's position passed <paramref name="position"/>, interpolated between checks.
    /// A lower bound where the trail does not reach back that far; null where there is no trail, or none but of this moment.
    /// </summary>
    public TimeSpan? TimeSincePassed(Lsn position, TimeSpan now)
    {
        Sample? before = null;
        foreach (var sample in Samples)
        {
            if (sample.Position > position)
                return before is { } earlier ? now - Crossing(earlier, sample, position) : now > sample.At ? now - sample.At : null;
            before = sample;
        }
        return Samples.IsEmpty ? null : TimeSpan.Zero;
    }

    private static TimeSpan Crossing(Sample before, Sample after, Lsn position)
    {
        var share = (double)position.BytesSince(before.Position) / after.Position.BytesSince(before.Position);
        return before.At + (share * (after.At - before.At));
    }

    private readonly record struct Sample(TimeSpan At, Lsn Position);
}
