using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Observing;

namespace PgReplWatchdog.Probing;

/// <summary>Asks all nodes of a cluster at once over SQL; where the one that is to be primary does not serve, every other vantage point as well.</summary>
public sealed class PostgresProber : IProber, IAsyncDisposable
{
    private readonly NodeSession[] sessions;
    private readonly HostProber hosts;
    private readonly TimeSpan timeout;
    private readonly TimeProvider clock;
    private readonly long start;
    private ImmutableArray<string> silent = [];
    private ImmutableArray<PortView> ports = [];

    public PostgresProber(ClusterAccess cluster, SshHosts hosts, TimeProvider clock)
    {
        sessions = [.. cluster.Spec.Nodes.Select(node => new NodeSession(cluster, node))];
        timeout = cluster.Spec.Policy.ProbeTimeout;
        this.clock = clock;
        start = clock.GetTimestamp();
        this.hosts = new HostProber(cluster, hosts, clock, start);
    }

    /// <summary>For those who were silent a moment ago, in a look that follows an action: as good as the time-out for one that is back, and short for one that is not.</summary>
    internal static TimeSpan AgainTimeout(TimeSpan timeout) => timeout / 4;

    public string Boot => ThisHost.Boot;

    public async Task<ClusterObservation> ObserveAsync(Inquiry inquiry, CancellationToken cancellation)
    {
        var began = clock.GetElapsedTime(start);
        foreach (var session in sessions)
            session.Renews = session.Node.Name == inquiry.Renews;
        var asking = Task.WhenAll(sessions.Select(session => AskAsync(session, inquiry.Again && silent.Contains(session.Node.Name) ? AgainTimeout(timeout) : timeout, cancellation)));
        // Suspicion of long standing does not wait for SQL to time out first.
        var early = inquiry is { Suspicious: true, Subject: { } suspect } ? WitnessesAsync(suspect, inquiry, cancellation) : null;
        var others = early is null ? hosts.AskAsync(inquiry.Hosts, again: false, cancellation) : null;
        var nodes = await asking;
        silent = [.. nodes.Where(seen => seen.Node.IsSilent).Select(seen => seen.Node.Node)];
        var known = others is null ? [] : await others;
        var failed = inquiry.Subject is { } subject && nodes.First(seen => seen.Node.Node == subject) is { Node.Reach: not Reach.Serving };
        var witnesses = early is not null ? await early
            : failed ? await WitnessesAsync(inquiry.Subject!, inquiry, cancellation)
            : new Witnesses(known, [], ReferenceAnswer.Unknown, []);
        var at = clock.GetElapsedTime(start);
        var observation = new ClusterObservation(at, clock.GetUtcNow(), [.. nodes.Select(seen => seen.Node with { AnsweredAgo = at - seen.At })])
        {
            Boot = Boot,
            Took = at - began,
            Hosts = witnesses.Hosts,
            PortViews = witnesses.PortViews,
            References = witnesses.References,
            Testimonies = witnesses.Testimonies,
        };
        return observation.WithWalReceivers();
    }

    private async Task<Witnesses> WitnessesAsync(string suspect, Inquiry inquiry, CancellationToken cancellation)
    {
        var asked = hosts.AskAsync([suspect, .. inquiry.Hosts.Remove(suspect)], inquiry.Again, cancellation);
        // What a look that follows an action needs to know anew is what the action has changed.
        var seen = inquiry.Again ? Task.FromResult(ports) : hosts.LookAtPortAsync(suspect, cancellation);
        var references = inquiry.Again ? Task.FromResult(ReferenceAnswer.Unknown) : hosts.AskReferencesAsync(cancellation);
        var testimonies = hosts.AskForGuardAsync(inquiry.Guard, cancellation);
        ports = await seen;
        return new Witnesses(await asked, await seen, await references, await testimonies);
    }

    /// <summary>An answer, and when it was in. Who gave none had served nobody since it was asked.</summary>
    private async Task<(NodeObservation Node, TimeSpan At)> AskAsync(NodeSession session, TimeSpan limit, CancellationToken cancellation)
    {
        var asked = clock.GetElapsedTime(start);
        try
        {
            var server = await session.AskAsync(limit, clock, cancellation);
            return (new NodeObservation(session.Node.Name, Reach.Serving, "", server), clock.GetElapsedTime(start));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw; // the watchdog stops; that says nothing about a node
        }
        // One of the two broad catches of the house: whatever a node does to its probe is an answer.
        catch (Exception failure)
        {
            var (reach, detail) = ProbeFailure.Classify(failure, session.Node.Host, session.Node.Port, limit);
            return (new NodeObservation(session.Node.Name, reach, Sentence.Of(detail), null), reach == Reach.Unreachable ? asked : clock.GetElapsedTime(start));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var session in sessions)
            await session.DisposeAsync();
    }

    private sealed record Witnesses(
        ImmutableArray<HostObservation> Hosts, ImmutableArray<PortView> PortViews, ReferenceAnswer References, ImmutableArray<GuardTestimony> Testimonies);
}
