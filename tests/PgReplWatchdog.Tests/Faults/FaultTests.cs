using System.Diagnostics;
using Npgsql;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Lab.Faults;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>The means themselves, on PostgreSQL without any watchdog: a fault does what its name says, and ends.</summary>
public sealed class FaultTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Faults_have_names_of_their_own_and_no_number_is_left_out()
    {
        Assert.Equal(Fault.All.Count, Fault.All.Select(fault => fault.Name).Distinct().Count());
        Assert.Equal(Enumerable.Range(1, 24).Select(number => $"F{number}"), Fault.All.Select(fault => fault.Number).Distinct());
        Assert.All(Fault.All, fault => Assert.Equal(fault, Fault.Named(fault.Name)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Crashed_PostgreSQL_is_gone_until_it_is_started(bool postmasterAlone)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"] }, Cancellation);
        await ClientWriter.PrepareAsync(lab["alpha"], Cancellation);
        var scene = await Scene.FindAsync(lab, Cancellation);
        var fault = new Crash(postmasterAlone);
        await fault.StartAsync(scene, Cancellation);
        Assert.False(lab["alpha"].PostgresRunning);
        Assert.Null(await lab["alpha"].TryPsqlAsync("SELECT 1", Cancellation));
        await fault.EndAsync(scene, Cancellation);
        Assert.True(await lab["alpha"].IsPrimaryAsync(Cancellation));
    }

    [Fact]
    public async Task Stopped_postmaster_serves_old_sessions_only()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"] }, Cancellation);
        await ClientWriter.PrepareAsync(lab["alpha"], Cancellation);
        await using var source = NpgsqlDataSource.Create(ClientWriter.ConnectionString(lab.Hosts.Single()));
        await using var old = await source.OpenConnectionAsync(Cancellation);
        var scene = await Scene.FindAsync(lab, Cancellation);
        var fault = new Frozen(PostmasterAlone: true);
        await fault.StartAsync(scene, Cancellation);
        await using (var insert = new NpgsqlCommand("INSERT INTO deed (id) VALUES (1)", old))
            Assert.Equal(1, await insert.ExecuteNonQueryAsync(Cancellation));
        Assert.Null(await lab["alpha"].TryPsqlAsync("SELECT 1", Cancellation));
        await fault.EndAsync(scene, Cancellation);
        Assert.Equal("1", await lab["alpha"].PsqlAsync("SELECT count(*) FROM deed", Cancellation));
    }

    [Fact]
    public async Task All_of_PostgreSQL_stopped_serves_nobody_and_goes_on_when_thawed()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"] }, Cancellation);
        await ClientWriter.PrepareAsync(lab["alpha"], Cancellation);
        await using var pinned = new PinnedWriter(lab["alpha"]);
        pinned.Start();
        await UntilWritingAsync(pinned);
        var scene = await Scene.FindAsync(lab, Cancellation);
        var fault = new Frozen(PostmasterAlone: false);
        await fault.StartAsync(scene, Cancellation);
        var frozen = Stopwatch.GetTimestamp();
        Assert.Null(await lab["alpha"].TryPsqlAsync("SELECT 1", Cancellation));
        Assert.DoesNotContain(pinned.Acknowledged, row => row.Begun > frozen);
        await fault.EndAsync(scene, Cancellation);
        await UntilWritingAsync(pinned);
        await pinned.StopAsync();
        Assert.Empty(await WriteAccount.Of(pinned).LostOnAsync(lab["alpha"], Cancellation));
    }

    [Fact]
    public async Task Stopped_children_thaw_also_when_somebody_has_killed_their_postmaster()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"] }, Cancellation);
        var alpha = lab["alpha"];
        var fault = new Frozen(PostmasterAlone: false);
        var scene = await Scene.FindAsync(lab, Cancellation);
        await fault.StartAsync(scene, Cancellation);
        await alpha.KillPostmasterAsync(Cancellation);
        await fault.EndAsync(scene, Cancellation); // they notice that they are orphans and end, else PostgreSQL would not start
        Assert.True(await alpha.IsPrimaryAsync(Cancellation));
    }

    [Fact]
    public async Task Pinned_client_goes_on_inside_the_partition()
    {
        RunningCluster.RequireNamespaces();
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"], Namespaces = true }, Cancellation);
        await ClientWriter.PrepareAsync(lab["alpha"], Cancellation);
        await using var pinned = new PinnedWriter(lab["alpha"], Pace.Fast);
        pinned.Start();
        await UntilWritingAsync(pinned);
        var scene = await Scene.FindAsync(lab, Cancellation);
        foreach (var fault in Fault.All.OfType<Partition>()
            .Where(fault => fault is { Between: Between.PrimaryAndEverybody, Mode: CutMode.Drop, Direction: CutDirection.Both } or { Between: Between.PrimaryAndEverybody, Mode: CutMode.Refuse, Direction: CutDirection.Outbound }))
        {
            await fault.StartAsync(scene, Cancellation);
            await UntilWritingAsync(pinned);
            Assert.True(await lab["alpha"].IsPrimaryAsync(Cancellation));
            await fault.EndAsync(scene, Cancellation);
        }
        await pinned.StopAsync();
        Assert.Empty(await WriteAccount.Of(pinned).LostOnAsync(lab["alpha"], Cancellation));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Host_that_was_gone_comes_back_with_its_clients(bool atBoot)
    {
        RunningCluster.RequireNamespaces();
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"], Namespaces = true }, Cancellation);
        await ClientWriter.PrepareAsync(lab["alpha"], Cancellation);
        await using var pinned = new PinnedWriter(lab["alpha"]);
        pinned.Start();
        await UntilWritingAsync(pinned);
        var scene = await Scene.FindAsync(lab, Cancellation);
        var fault = new HostGone(atBoot);
        await fault.StartAsync(scene, Cancellation);
        Assert.False(lab["alpha"].PostgresRunning);
        await fault.EndAsync(scene, Cancellation);
        await UntilWritingAsync(pinned);
        await pinned.StopAsync();
        Assert.Empty(await WriteAccount.Of(pinned).LostOnAsync(lab["alpha"], Cancellation));
    }

    [Fact]
    public async Task Disk_full_keeps_PostgreSQL_from_writing_and_freeing_lets_it()
    {
        RunningCluster.RequireNamespaces();
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"], DiskMegabytes = 200 }, Cancellation);
        var alpha = lab["alpha"];
        await ClientWriter.PrepareAsync(alpha, Cancellation);
        var scene = await Scene.FindAsync(lab, Cancellation);
        var fault = new DiskFull();
        await fault.StartAsync(scene, Cancellation);
        const string ManyRows = "INSERT INTO deed (id) SELECT generate_series(1, 20000)";
        var failure = await Assert.ThrowsAsync<LabException>(() => alpha.PsqlAsync(ManyRows, Cancellation));
        Assert.Contains("No space left on device", failure.Message, StringComparison.Ordinal);
        await fault.EndAsync(scene, Cancellation);
        await alpha.PsqlAsync(ManyRows, Cancellation);
        Assert.Equal("20000", await alpha.PsqlAsync("SELECT count(*) FROM deed", Cancellation));
    }

    private static async Task UntilWritingAsync(PinnedWriter writer)
    {
        var now = Stopwatch.GetTimestamp();
        await SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged.Count(row => row.Begun > now) > 20), $"{writer.Client} writes");
    }
}
