using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Tests;

/// <summary>For a watchdog that only looks.</summary>
internal sealed class NoHands : IActionRunner
{
    public Task<ActionOutcome> RunAsync(WatchdogAction action, long epoch, CancellationToken cancellation) => throw new InvalidOperationException("nothing is to be done here");
}

/// <summary>Remembers the same of every cluster, and keeps nothing.</summary>
internal sealed class NoJournal(ClusterMemory memory) : IJournal
{
    public ClusterMemory Load(string cluster) => memory;

    public void Append(string cluster, ClusterMemory memory, IReadOnlyList<JournalEntry> events)
    {
    }

    public void Saw(string cluster, Look look, bool keep)
    {
    }

    public OperatorWish Wish(string cluster) => OperatorWish.None;

    public IReadOnlyList<JournalEntry> Recent(string? cluster, int limit, long after = 0, long before = long.MaxValue, params ReadOnlySpan<EventKind> kinds) => [];
}
