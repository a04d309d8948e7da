using System.Globalization;
using System.Net;
using System.Net.Sockets;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>The vantage points besides SQL: the hosts over SSH, a suspect's port from the other hosts, the reference addresses.</summary>
public sealed class HostProber(ClusterAccess cluster, SshHosts hosts, TimeProvider clock, long start)
{
    /// <summary>How old the last word of a host that is not suspected may grow: it proves that login, host key and rights would do in a failover.</summary>
    private static readonly TimeSpan ProofInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>Nobody waits for a proof in quiet times: a busy host gets the time that it needs.</summary>
    private static readonly TimeSpan ProofTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Characters of what a script takes from files: guard.sh, and history files with 501 lines of two numbers.</summary>
    private const int LongestBlock = 2_000;
    private const int LongestHistory = 16_000;
    private const int LongestMark = 100;

    private readonly Dictionary<string, HostObservation> last = [];
    private readonly Dictionary<string, Task<HostObservation>> asking = [];
    private readonly TimeSpan timeout = cluster.Spec.Policy.ProbeTimeout;

    /// <summary>For pg_isready on a host, so that the host's answer is in time also where the server gives none.</summary>
    private string ShellTimeout => (0.4 * timeout.TotalSeconds).ToString("0.00", CultureInfo.InvariantCulture);

    /// <summary>What is known of all hosts. Those named are asked now and waited for; the others when their last word is old, without waiting.</summary>
    public async Task<ImmutableArray<HostObservation>> AskAsync(IReadOnlyCollection<string> now, bool again, CancellationToken cancellation)
    {
        foreach (var node in cluster.Spec.Nodes.Select(node => node.Name))
        {
            Collect(node);
            if (!now.Contains(node) && !asking.ContainsKey(node) && IsOld(node))
                asking[node] = AskAsync(node, ProofTimeout);
        }
        foreach (var answer in await Task.WhenAll(now.Select(node => AskAsync(node, Patience(node)))).WaitAsync(cancellation))
            Keep(answer);
        return [.. cluster.Spec.Nodes.Where(node => last.ContainsKey(node.Name)).Select(node => last[node.Name])];

        TimeSpan Patience(string node) => again && last.GetValueOrDefault(node) is { IsReachable: false } ? PostgresProber.AgainTimeout(timeout) : timeout;
    }

    /// <summary>The suspect's port as pg_isready finds it from each other node's host.</summary>
    public async Task<ImmutableArray<PortView>> LookAtPortAsync(string suspect, CancellationToken cancellation)
    {
        var to = cluster.Spec.Node(suspect);
        return [.. await Task.WhenAll(cluster.Spec.Nodes.Where(node => node.Name != suspect).Select(async from =>
        {
            try
            {
                var host = hosts[from.Name];
                var seen = await host.RunAsync(HostScripts.PortView(host.Host, to, ShellTimeout), timeout, cancellation);
                return new PortView(from.Name, suspect, Answer(seen.ExitStatus));
            }
            catch (SshFailureException)
            {
                return new PortView(from.Name, suspect, PortAnswer.Unknown);
            }
        }))];
    }

    /// <summary>What standbys' hosts say of the primary's guard. One that does not answer says nothing.</summary>
    public async Task<ImmutableArray<GuardTestimony>> AskForGuardAsync(ImmutableArray<GuardQuestion> questions, CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(questions.Select(async question =>
        {
            try
            {
                var host = hosts[question.Node];
                var script = GuardMessages.Script(host.Host, question, cluster.Spec.Roles.Watchdog, ShellTimeout);
                return GuardMessages.Read(question, await host.RequireAsync(script, timeout, cancellation));
            }
            catch (SshFailureException)
            {
                return null;
            }
        }));
        return [.. answers.OfType<GuardTestimony>()];
    }

    /// <summary>Whether any reference address answers; a refused connection is an answer.</summary>
    public async Task<ReferenceAnswer> AskReferencesAsync(CancellationToken cancellation)
    {
        if (cluster.ReferenceAddresses.IsEmpty)
            return ReferenceAnswer.Unknown;
        var answers = await Task.WhenAll(cluster.ReferenceAddresses.Select(address => AnswersAsync(address, cancellation)));
        return answers.Any(answer => answer) ? ReferenceAnswer.Reachable : ReferenceAnswer.Silent;
    }

    private async Task<bool> AnswersAsync(DnsEndPoint address, CancellationToken cancellation)
    {
        using var socket = new TcpClient();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        try
        {
            await socket.ConnectAsync(address.Host, address.Port, deadline.Token);
            return true;
        }
        catch (SocketException failure)
        {
            return failure.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    private bool IsOld(string node) =>
        !last.TryGetValue(node, out var host) || clock.GetElapsedTime(start) - host.At >= (host.IsReachable ? ProofInterval : RetryInterval);

    private void Collect(string node)
    {
        if (!asking.TryGetValue(node, out var task) || !task.IsCompleted)
            return;
        asking.Remove(node);
        Keep(task.Result);
    }

    private void Keep(HostObservation answer)
    {
        if (!last.TryGetValue(answer.Node, out var before) || before.At <= answer.At)
            last[answer.Node] = answer;
    }

    /// <summary>Never fails: what a host does to its question is an answer.</summary>
    private async Task<HostObservation> AskAsync(string node, TimeSpan limit)
    {
        var at = clock.GetElapsedTime(start);
        try
        {
            var host = hosts[node];
            var said = await host.RequireAsync(HostScripts.Evidence(host.Host, ShellTimeout), limit, CancellationToken.None);
            return Read(node, said, at);
        }
        catch (SshFailureException failure)
        {
            var reach = failure.Kind is SshFailureKind.Unreachable or SshFailureKind.TimedOut or SshFailureKind.CutOff ? HostReach.Unreachable : HostReach.Failed;
            return new HostObservation(node, reach, Sentence.Of(failure.Message), at);
        }
        // One of the two broad catches of the house: whatever a host does to its question is an answer.
        catch (Exception failure)
        {
            var words = Sentence.Of($"{node}: the host's answer cannot be understood ({failure.GetType().Name}: {failure.Message})");
            return new HostObservation(node, HostReach.Failed, words, at);
        }
    }

    /// <summary>Reads what <see cref="HostScripts.Evidence"/> printed. Never fails.</summary>
    internal static HostObservation Read(string node, string output, TimeSpan at)
    {
        var said = new HostAnswer(output);
        return new HostObservation(node, HostReach.Reachable, "", at)
        {
            PostmasterRuns = said.Has("postmaster"),
            Processes = said.SmallNumber("processes"),
            ControlState = said.Words("control_state", 100),
            LocalAnswer = said.SmallNumber("answer") is { } status ? Answer(status) : PortAnswer.Unknown,
            StartBlocked = said.Has("blocked"),
            BlockedByGuard = said.Text("blocked_by", 10) == "guard",
            GuardBlock = GuardBlock.Parse(said.Text("guard_block", LongestBlock)),
            StandbySignal = said.Has("standby_signal"),
            HasTriggerFile = said.Has("trigger"),
            History = TimelineHistory.Parse(said.Text("history", LongestHistory) ?? ""),
            Mark = EpochMark.Parse(said.Text("epoch", LongestMark)),
            TriggerFile = said.Words("trigger_file") ?? "",
            TriggerDirectoryWritable = said.Has("writable"),
            DetachObstacle = said.Text("detach", 20) switch
            {
                "missing" => "there is no pgwatchdog.conf in its data directory",
                "not_included" => "its postgresql.conf does not include pgwatchdog.conf",
                "overridden" => "ALTER SYSTEM has set primary_conninfo, which overrides pgwatchdog.conf",
                _ => "",
            },
            FreeBytes = said.Number("free_kilobytes") is { } free and <= long.MaxValue / 1024 ? free * 1024 : null,
            Filling = said.Words("filling") ?? "",
            StorageHangs = said.Has("storage"),
            Job = said.Number("job_epoch") is { } epoch
                ? new HostJob(epoch, said.Has("job_running"), said.SmallNumber("job_status"), said.Words("job_words") ?? "")
                : null,
        };
    }

    private static PortAnswer Answer(int? status) => status switch
    {
        0 => PortAnswer.Accepting,
        1 => PortAnswer.Rejecting,
        2 or 124 => PortAnswer.Silent,
        _ => PortAnswer.Unknown,
    };
}
