using System.Text.Json.Nodes;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// What a server and a host do to the question of a check: each is an answer that says so in a sentence, its connection is
/// ended, and as soon as they are honest again they are understood again.
/// </summary>
[Collection(OnALab.Collection)]
public sealed class HostileAnswerTests(HostileAnswerTests.Fixture fixture) : IClassFixture<HostileAnswerTests.Fixture>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(0.8);

    /// <summary>What a login shell does before, or instead of, the script.</summary>
    public static TheoryData<string> Shells { get; } =
    [
        "cat /dev/zero", "cat /dev/urandom", "cat /dev/zero >&2", "head -c 30000000 /dev/urandom >&2; exit 1", "yes postmaster=yes", "sleep 60", "exit 0", "exit 1",
        "kill -9 $$", "exec 1>&- 2>&-", "printf 'postmaster=yes\\nprocesses=0\\n'; exit 0", "while echo postmaster=yes; do sleep 0.1; done",
    ];

    public static TheoryData<string> Deeds { get; } = [.. HostilePostgres.Deeds];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Deeds))]
    public async Task Server_is_not_taken_for_one_that_serves_and_keeps_no_connection(string deed)
    {
        await using var server = new HostilePostgres(fixture.Alpha.Host, fixture.Alpha.Port);
        using var hosts = new SshHosts(fixture.Access);
        await using var prober = new PostgresProber(fixture.AccessTo(server.Port), hosts, TimeProvider.System);
        Assert.Equal(Reach.Serving, (await LookAsync(prober)).Reach);
        foreach (var turn in new[] { 1, 2 })
        {
            server.Deed = deed;
            // A session that is kept is as it was: the deed is met by a new one.
            await SetUp.SetUpTests.EventuallyAsync(async () => (await LookAsync(prober)).Reach != Reach.Serving, $"turn {turn}: it is found out");
            var hostile = await LookAsync(prober);
            Assert.NotEqual(Reach.Serving, hostile.Reach);
            Assert.InRange(hostile.Detail.Length, 1, Sentence.Limit);
            await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(server.Open == 0), "its connections are ended");
            server.Deed = null;
            Assert.Equal(Reach.Serving, (await LookAsync(prober)).Reach);
        }
        Assert.DoesNotContain(fixture.Password, server.Learned, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task Host_is_not_taken_for_one_that_answers(string shell)
    {
        var beta = fixture.Lab["beta"];
        var profile = Path.Combine(beta.HomeDirectory, ".bashrc");
        using var hosts = new SshHosts(fixture.Access);
        var prober = new HostProber(fixture.Access, hosts, TimeProvider.System, TimeProvider.System.GetTimestamp());
        Assert.Equal(HostReach.Reachable, (await AskAsync(prober)).Reach);
        try
        {
            await File.WriteAllTextAsync(profile, shell + "\n", Cancellation);
            foreach (var _ in new[] { 1, 2 })
            {
                var hostile = await AskAsync(prober);
                Assert.NotEqual(HostReach.Reachable, hostile.Reach);
                Assert.InRange(hostile.Detail.Length, 1, Sentence.Limit);
                var failure = await Assert.ThrowsAsync<SshFailureException>(() => hosts["beta"].RequireAsync("echo word", Limit, Cancellation));
                Assert.InRange(failure.Message.Length, 1, Sentence.LongLimit);
            }
        }
        finally
        {
            File.Delete(profile);
        }
        Assert.Equal(HostReach.Reachable, (await AskAsync(prober)).Reach);
    }

    /// <summary>A script's own output is bounded as well, and the connection is good for the next one.</summary>
    [Fact]
    public async Task Answer_that_is_too_long_is_none()
    {
        using var hosts = new SshHosts(fixture.Access);
        var beta = hosts["beta"];
        var limit = RunningCluster.Patience;
        Assert.Equal(SshHost.AnswerLimit, (await beta.RequireAsync($"head -c {SshHost.AnswerLimit} /dev/zero", limit, Cancellation)).Length);
        foreach (var bytes in new[] { SshHost.AnswerLimit + 1, 2 * SshHost.AnswerLimit, 30_000_000 })
        {
            var failure = await Assert.ThrowsAsync<SshFailureException>(() => beta.RequireAsync($"head -c {bytes} /dev/zero", limit, Cancellation));
            Assert.Contains("KiB", failure.Message, StringComparison.Ordinal);
        }
        Assert.Equal("word\n", await beta.RequireAsync("echo word", limit, Cancellation));
        Assert.Equal(3_000_000, (await beta.RequireAsync("head -c 3000000 /dev/zero", limit, Cancellation, limit: 3_000_000)).Length);
    }

    private static async Task<NodeObservation> LookAsync(PostgresProber prober) =>
        (await prober.ObserveAsync(new Inquiry("alpha", Suspicious: false, []), Cancellation)).Nodes.First(node => node.Node == "alpha");

    private static async Task<HostObservation> AskAsync(HostProber prober) =>
        (await prober.AskAsync(["beta"], again: false, Cancellation)).First(host => host.Node == "beta");

    public sealed class Fixture : IAsyncLifetime
    {
        private RunningCluster running = null!;

        public LabCluster Lab => running.Lab;

        public ClusterAccess Access { get; private set; } = null!;

        public Topology.NodeSpec Alpha => Access.Spec.Node("alpha");

        public string Password => Access.WatchdogPassword.Reveal();

        /// <summary>The same cluster with alpha's server at another port.</summary>
        public ClusterAccess AccessTo(int port) => Read(alpha => (alpha["Host"], alpha["Port"]) = ("127.0.0.1", port));

        public async ValueTask InitializeAsync()
        {
            running = await RunningCluster.StartAsync(service: false);
            Access = Read(_ => { });
        }

        public ValueTask DisposeAsync() => running.DisposeAsync();

        private ClusterAccess Read(Action<JsonObject> change) => InstallationLoader.Load(LabConfiguration.Write(Lab, Lab.WatchdogPort, cluster =>
        {
            cluster["GuardTimeToLive"] = "00:00:00";
            cluster["FreshConnectionEvery"] = 1;
            change(cluster.Alpha());
        }, $"{Guid.NewGuid():N}.json")).Clusters[0];
    }
}
