namespace PgReplWatchdog.Notifying;

/// <summary>One thing to tell people: immutable, so that whoever sends it can take his time.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Topic">What it is about.</param>
/// <param name="State">Whether it began to hold, ceased to, or happened.</param>
/// <param name="Time">When, wall clock.</param>
/// <param name="Sentence">What happened, in words; harmless for a terminal.</param>
/// <param name="Epoch">Of the intended primary.</param>
/// <param name="Evidence">What it rests on, one sentence a witness; harmless for a terminal.</param>
public sealed record Notice(string Cluster, Topic Topic, NoticeState State, DateTimeOffset Time, string Sentence, long Epoch, ImmutableArray<string> Evidence)
{
    /// <summary>The same in every attempt to send it, so that a receiver can tell a second copy.</summary>
    public Guid Id { get; init; } = Guid.NewGuid();
}

/// <summary>What a notice says of its topic.</summary>
public enum NoticeState
{
    Unknown,

    /// <summary>It holds from now on.</summary>
    Began,

    /// <summary>It does not hold any more.</summary>
    Ended,

    /// <summary>It is an event: there is no end to wait for.</summary>
    Happened,
}
