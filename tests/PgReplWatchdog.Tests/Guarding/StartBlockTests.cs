using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Tests.BadInput;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>Who has put the start block there.</summary>
[Collection(OnALab.Collection)]
public sealed class StartBlockTests : BareLab
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)] // before set-up has made the directory in which the lock is
    public async Task Block_of_the_guard_is_told_apart_and_a_fence_puts_the_watchdogs_in_its_place(bool stateDirectory)
    {
        var access = InstallationLoader.Load(Configuration()).Clusters[0];
        using var hosts = new SshHosts(access);
        var block = Path.Combine(Alpha.DataDirectory, "recovery.conf");
        if (stateDirectory)
            await Alpha.RunAsync($"mkdir {Alpha.DataDirectory}.pgwatchdog", Cancellation);
        await Alpha.KillPostgresAsync(Cancellation);
        await Alpha.RunAsync($"echo '# Put here by the guard of PgReplWatchdog (x) at 2026-01-01T00:00:00Z.' > {block}", Cancellation);
        var seen = await SeeAsync();
        Assert.Equal((true, true, true, false), (seen.IsDead, seen.StartBlocked, seen.BlockedByGuard, seen.IsFenced));

        var fenced = await new ActionRunner(access, hosts, TimeProvider.System).RunAsync(new WatchdogAction.Fence("alpha"), epoch: 1, Cancellation);
        Assert.True(fenced.Succeeded, fenced.Words);
        seen = await SeeAsync();
        Assert.Equal((true, true, false, true), (seen.IsDead, seen.StartBlocked, seen.BlockedByGuard, seen.IsFenced));
        Assert.DoesNotContain("guard", await File.ReadAllTextAsync(block, Cancellation), StringComparison.Ordinal);

        async Task<HostObservation> SeeAsync()
        {
            HostObservation? seen = null;
            await SetUpTests.EventuallyAsync(async () =>
            {
                var prober = new HostProber(access, hosts, TimeProvider.System, TimeProvider.System.GetTimestamp());
                seen = (await prober.AskAsync(["alpha"], again: false, Cancellation)).Single(host => host.Node == "alpha");
                return seen.IsReachable;
            }, "the host of alpha answers");
            return seen!;
        }
    }

    /// <summary>After a loss of power either the block or the order is there: the order goes once the block is on the disk.</summary>
    [Theory]
    [InlineData("return 0", false)]
    [InlineData("return 1", true)]
    public async Task Order_of_a_fenced_primary_goes_once_its_block_is_on_the_disk(string sync, bool stays)
    {
        var state = $"{Alpha.DataDirectory}.pgwatchdog";
        await Alpha.RunAsync($"mkdir {state} && touch {state}/guard.armed", Cancellation);
        await Alpha.KillPostgresAsync(Cancellation);
        var host = InstallationLoader.Load(Configuration()).Clusters[0].Hosts["alpha"];
        await Alpha.RunAsync($"sync() {{ ls {state} > {state}/seen; {sync}; }}\n{HostCommands.Fence(host, "a test", 10)}", Cancellation);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(File.Exists($"{state}/seen") && File.Exists($"{state}/guard.armed") == stays), "it was synced");
        Assert.Contains("guard.armed", await File.ReadAllTextAsync($"{state}/seen", Cancellation), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Alpha.DataDirectory, "recovery.conf")));
    }
}
