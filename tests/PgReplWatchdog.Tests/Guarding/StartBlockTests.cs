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

        var fenced = await new ActionRunner(access, hosts, TimeProvider.System).RunAsync(new WatchdogAction.Fence("alpha"), Cancellation);
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
}
