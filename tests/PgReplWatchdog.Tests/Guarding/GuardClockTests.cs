using System.Diagnostics;
using System.Globalization;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>Somebody steps the wall clock of the primary's host: the guard counts by the uptime.</summary>
public sealed class GuardClockTests
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(3);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, Traits = [Widest.Trait, Widest.Run])]
    [InlineData(-1)]
    public async Task Bound_holds_when_the_wall_clock_steps(int hours)
    {
        await using var cluster = await GuardedCluster.StartAsync();
        var alpha = cluster.Alpha;
        await using var clock = await SteppedClock.StartAsync(alpha);
        await cluster.ArmAsync(alpha, "beta");
        await GuardedCluster.GoesOnAsync(alpha);
        var cut = Stopwatch.StartNew();
        await alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        await clock.StepAsync(hours * Hour);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(!alpha.PostgresRunning), "the postmaster has ended");
        var ended = cut.Elapsed;
        TestContext.Current.TestOutputHelper?.WriteLine($"{ended.TotalMilliseconds:0} ms until its end");
        Assert.True(ended <= Policy.SurelyStoppedAfter(GuardedCluster.TimeToLive), $"ended after {ended}");
        await GuardedCluster.StoppedAsync(alpha);
        await AssertShownAsync(alpha, clock, "stopped PostgreSQL");
    }

    /// <summary>
    /// A pause that the uptime does not show moves the wall clock against it (docs/decisions/0012). Several that are too short to be told from a slow tick come to the same.
    /// </summary>
    [Theory]
    [InlineData(1, 60, Traits = [Widest.Trait, Widest.Run])]
    [InlineData(3, 0.4)]
    public async Task Host_that_was_paused_unseen_by_its_uptime_has_half_the_time_to_be_heard(int pauses, double seconds)
    {
        await using var cluster = await GuardedCluster.StartAsync();
        var alpha = cluster.Alpha;
        await using var clock = await SteppedClock.StartAsync(alpha);
        await cluster.ArmAsync(alpha, new GuardOrder(TimeSpan.FromSeconds(12), ["beta"]));
        await clock.StepAsync(TimeSpan.FromSeconds(pauses * seconds));
        await GuardedCluster.GoesOnAsync(alpha); // it is heard
        await alpha.CutAsync(CutFrom.Everybody, ct: Cancellation);
        for (var pause = 0; pause < pauses; pause++)
        {
            await clock.StepAsync(TimeSpan.FromSeconds(seconds));
            await alpha.RunAsync("sleep 0.7", Cancellation); // the guard has ticked in between
        }
        await GuardedCluster.StoppedAsync(alpha);
        Assert.Contains("its host was paused, and within 6000 ms nobody outside has acknowledged", await GuardedCluster.LogAsync(alpha), StringComparison.Ordinal);
    }

    /// <summary>The watchdog asks on. The standby's stream breaks: PostgreSQL itself counts its wal_sender_timeout by the wall clock.</summary>
    [Fact]
    [Trait(Widest.Trait, Widest.Run)]
    public async Task Healthy_primary_goes_on_when_its_wall_clock_steps()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, change: section =>
        {
            section["UnreachableThreshold"] = "00:00:05";
            section["GuardTimeToLive"] = TimeToLive.ToString();
            section["Fencing"] = "Required";
        });
        var alpha = cluster.Alpha;
        await using var clock = await SteppedClock.StartAsync(alpha);
        await cluster.StartServiceAsync();
        var postmaster = alpha.PostmasterPid;
        await using var writer = new ClientWriter(cluster.Lab.Hosts);
        writer.Start();
        foreach (var step in new[] { Hour, -Hour, -Hour })
        {
            await cluster.UntilAsync(status => status.Ready("beta") && status.IsGuarded, "the guard of alpha is armed");
            await clock.StepAsync(step);
            await RunningCluster.HoldsForAsync(3 * TimeToLive, () =>
            {
                Assert.True(postmaster == alpha.PostmasterPid, $"alpha was stopped after a step of {step}");
                return Task.CompletedTask;
            });
            var held = Stopwatch.GetTimestamp();
            await SetUpTests.EventuallyAsync(
                () => Task.FromResult(writer.Acknowledged is [.., { } last] && last.Begun > held),
                $"alpha is written to after a step of {step}");
            Assert.False(File.Exists(GuardedCluster.StartBlock(alpha)), $"a start block after a step of {step}");
        }
        await cluster.Service.DisposeAsync(); // takes the lease back
        await SetUpTests.EventuallyAsync(
            async () => (await GuardedCluster.LogAsync(alpha)).EndsWith("disarmed", StringComparison.Ordinal), "it is disarmed");
        await AssertShownAsync(alpha, clock, "disarmed");
    }

    /// <summary>The last such line of the guard's log has the time of the stepped clock.</summary>
    private static async Task AssertShownAsync(LabHost host, SteppedClock clock, string words)
    {
        var line = (await GuardedCluster.LogAsync(host)).Split('\n').Last(line => line.Contains(words, StringComparison.Ordinal));
        var at = DateTimeOffset.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.True((clock.Now - at).Duration() < TimeSpan.FromMinutes(10), $"the step has not reached the guard: {line}");
    }
}
