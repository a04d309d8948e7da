using System.Collections.Immutable;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Page;

/// <summary>Eyes and hands for which a test says what is seen. The tick, the decision, the journal, the page and HTTP are the real ones.</summary>
internal sealed class PretendedWorld : IProber, IActionRunner
{
    private readonly TimeSpan started = TimeProvider.System.GetElapsedTime(0);
    private int looks;
    private ulong written = 0x3000000;
    private volatile TaskCompletionSource? hanging, working;
    private volatile string? atWork;

    /// <summary>What is under way and comes to no end.</summary>
    public string? AtWork => atWork;

    /// <summary>Looks that have ended.</summary>
    public int Looks => Volatile.Read(ref looks);

    /// <summary>What each node answers; called once a look.</summary>
    public Func<ImmutableArray<NodeObservation>> See { get; set; } = () => [Operating.Looks.Primary(), Operating.Looks.Standby()];

    /// <summary>What else is known in a look.</summary>
    public Func<ClusterObservation, ClusterObservation> Besides { get; set; } = seen => seen;

    /// <summary>No look ends from now on.</summary>
    public void Hang() => hanging = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What is begun comes to no end.</summary>
    public void HangAtWork() => working = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>They do again.</summary>
    public void GoOn()
    {
        working?.TrySetResult();
        working = null;
        hanging?.TrySetResult();
        hanging = null;
    }

    /// <summary>A primary that writes, and standbys so many bytes behind it.</summary>
    public ImmutableArray<NodeObservation> Writing(params ReadOnlySpan<(string Node, long Behind)> standbys)
    {
        written += 0x140;
        var primary = Operating.Looks.Primary();
        var nodes = ImmutableArray.CreateBuilder<NodeObservation>();
        nodes.Add(primary with { Server = primary.Server! with { CurrentLsn = new Lsn(written) } });
        foreach (var (node, behind) in standbys)
        {
            var standby = Operating.Looks.Standby(node);
            nodes.Add(standby with { Server = standby.Server! with { ReceivedLsn = new Lsn(written - (ulong)behind), ReplayedLsn = new Lsn(written - (ulong)behind) } });
        }
        return nodes.ToImmutable();
    }

    public string Boot => "";

    public async Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
    {
        if (hanging is { } wait)
            await wait.Task.WaitAsync(cancellation);
        var seen = Besides(new ClusterObservation(TimeProvider.System.GetElapsedTime(0) - started + TimeSpan.FromSeconds(1), TimeProvider.System.GetUtcNow(), See()));
        Interlocked.Increment(ref looks);
        return seen;
    }

    public async Task<ActionOutcome> RunAsync(WatchdogAction action, long epoch, CancellationToken cancellation)
    {
        if (working is { } wait)
        {
            atWork = action.Kind;
            await wait.Task.WaitAsync(cancellation);
            atWork = null;
        }
        return new ActionOutcome(false, $"{action.Kind} cannot be done in a pretended world", TimeSpan.Zero);
    }
}
