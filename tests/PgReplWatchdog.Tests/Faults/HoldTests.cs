using PgReplWatchdog.Lab;
using PgReplWatchdog.Lab.Faults;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>Faults that are no reason to promote anybody: in every variant, longer than the threshold, with clients that go on where they can.</summary>
public sealed class HoldTests
{
    private static readonly TimeSpan LongerThanTheThreshold = TimeSpan.FromSeconds(6);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("F4")]
    [InlineData("F5")]
    [InlineData("F7")]
    public async Task A_partition_that_leaves_the_primary_to_somebody_promotes_nobody(string number)
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        await HoldsAsync(cluster, [.. Fault.All.Where(fault => fault.Number == number)]);
    }

    [Fact]
    public async Task A_lost_standby_of_two_promotes_nobody()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true, gamma: true);
        await HoldsAsync(cluster, [.. Fault.All.Where(fault => fault.Number == "F8")]);
    }

    /// <summary>One after the other, each from a whole cluster to a whole cluster.</summary>
    private static async Task HoldsAsync(RunningCluster cluster, IReadOnlyList<Fault> faults)
    {
        Assert.NotEmpty(faults);
        await using var pinned = new PinnedWriter(cluster.Alpha);
        await using var outside = new ClientWriter(cluster.Lab.Hosts);
        pinned.Start();
        outside.Start();
        var scene = await Scene.FindAsync(cluster.Lab, Cancellation);
        foreach (var fault in faults)
        {
            Assert.Equal(Must.Hold, fault.Must);
            await fault.StartAsync(scene, Cancellation);
            await cluster.HoldsForAsync(LongerThanTheThreshold, status => Assert.Equal("alpha", status.IntendedPrimary));
            Assert.Null(await scene.NewPrimaryAsync(Cancellation));
            var before = pinned.Acknowledged.Count;
            await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(pinned.Acknowledged.Count > before), $"{fault}: the primary is undisturbed");
            await fault.EndAsync(scene, Cancellation);
            await cluster.UntilAsync(status => scene.Standbys.All(standby => status.Ready(standby.Name)), $"{fault}: all is as before");
        }
        await pinned.StopAsync();
        await outside.StopAsync();
        Assert.Equal(cluster.Alpha, (await Scene.FindAsync(cluster.Lab, Cancellation)).Primary);
        Assert.Empty(await WriteAccount.Of(pinned, outside).LostOnAsync(cluster.Alpha, Cancellation));
    }
}
