using System.Collections.Concurrent;
using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// An SSH server that does each misdeed there is: a command ends in time, with a failure that says so, and as soon as the
/// server is honest again the next ones work. PGWATCHDOG_FUZZ is how many misdeeds are drawn at random.
/// </summary>
public sealed class HostileSshTests(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const int Usual = 300;
    private const int MostDrawn = 5_000;
    private const int AtATime = 32;
    private const int Slack = 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(0.8);

    /// <summary>What a test waits for something that has its own limit.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static int Times => Math.Min(
        MostDrawn, int.TryParse(Environment.GetEnvironmentVariable("PGWATCHDOG_FUZZ"), CultureInfo.InvariantCulture, out var times) ? times : Usual);

    [Fact]
    public Task Each_misdeed_is_a_failure_and_is_over_when_the_server_is_honest() => BearsAsync(SshMisdeed.All);

    [Fact]
    public Task Messages_that_were_changed_at_random_are_failures() => BearsAsync([.. Enumerable.Range(1, Times).Select(SshMisdeed.Drawn)]);

    private async Task BearsAsync(IReadOnlyList<SshMisdeed> misdeeds)
    {
        await BearAsync(misdeeds[0]); // what the process needs for the first connection stays
        var (threads, descriptors) = (Threads(), Descriptors());
        var faults = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(misdeeds, new ParallelOptions { MaxDegreeOfParallelism = AtATime, CancellationToken = Cancellation }, async (misdeed, _) =>
        {
            if (await BearAsync(misdeed) is { } fault)
                faults.Enqueue($"{misdeed}: {fault}");
        });
        Assert.True(faults.IsEmpty, $"{faults.Count} of {misdeeds.Count}:\n{string.Join('\n', faults)}");
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(Threads() <= threads + Slack && Descriptors() <= descriptors + Slack),
            $"no more than {threads} threads and {descriptors} descriptors");
    }

    /// <summary>What is wrong; null: nothing.</summary>
    private async Task<string?> BearAsync(SshMisdeed misdeed)
    {
        await using var server = new HostileSsh();
        using var hosts = new SshHosts(Access(server));
        var host = hosts["beta"];
        // First in a new connection, then in one that is open.
        foreach (var _ in new[] { 1, 2 })
        {
            server.Deed = misdeed;
            if (await FaultAsync(host) is { } fault)
                return fault;
            server.Deed = null;
            if (await WordAsync(host) is { } first && await WordAsync(host) is { } second)
                return $"honest again, and still {first.Message}, {second.Message}";
        }
        return null;
    }

    /// <summary>Null where the command ended in time, with what it said or with the failure that callers know.</summary>
    private static async Task<string?> FaultAsync(SshHost host)
    {
        try
        {
            await host.RunAsync("echo word", Limit, Cancellation).WaitAsync(Grace, Cancellation);
            return null;
        }
        catch (SshFailureException failure)
        {
            return failure.Message.Length == 0 ? "no message" : null;
        }
        catch (Exception other) when (other is not OperationCanceledException || !Cancellation.IsCancellationRequested)
        {
            return other.ToString();
        }
    }

    private static async Task<SshFailureException?> WordAsync(SshHost host)
    {
        try
        {
            Assert.Equal("word\n", await host.RequireAsync("cat", Grace, Cancellation, input: "word\n"));
            return null;
        }
        catch (SshFailureException failure)
        {
            return failure;
        }
    }

    private ClusterAccess Access(HostileSsh server)
    {
        const string Beta = "Clusters:0:Nodes:1:";
        return InstallationLoader.Load(folder.Write(
            (Beta + "Host", "\"127.0.0.1\""), (Beta + "SshPort", server.Port.ToString(CultureInfo.InvariantCulture)), (Beta + "HostKeyFingerprints", $"[\"{server.Fingerprint}\"]"))).Clusters[0];
    }

    private static int Threads() => Directory.GetDirectories("/proc/self/task").Length;

    private static int Descriptors() => Directory.GetFileSystemEntries("/proc/self/fd").Length;
}
