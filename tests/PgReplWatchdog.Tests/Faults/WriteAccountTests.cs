using System.Diagnostics;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>The account of writes judges what it is there to judge: two servers that know nothing of each other are the perfect split brain.</summary>
public sealed class WriteAccountTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_servers_that_both_acknowledge_are_found_out()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Running = ["alpha", "beta"] }, Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        await ClientWriter.PrepareAsync(alpha, Cancellation);
        await ClientWriter.PrepareAsync(beta, Cancellation);
        await using var onAlpha = new PinnedWriter(alpha);
        await using var onBeta = new PinnedWriter(beta);
        var start = Stopwatch.GetTimestamp();
        onAlpha.Start();
        await UntilAsync(onAlpha, 50);
        onBeta.Start();
        await UntilAsync(onBeta, 50);
        await UntilAsync(onAlpha, onAlpha.Acknowledged.Count + 50);
        await onAlpha.StopAsync();
        await onBeta.StopAsync();
        var account = WriteAccount.Of(onAlpha, onBeta);
        var end = Stopwatch.GetTimestamp(); // a writer that is being ended may write down one more row
        Assert.All(account.Writes, row => Assert.InRange(row.Timestamp, row.Begun, end));
        Assert.All(account.Writes, row => Assert.InRange(row.Begun, start, row.Timestamp));
        Assert.Equal(Stopwatch.GetElapsedTime(account.By(beta)[0].Timestamp, account.By(alpha)[^1].Timestamp), account.OverlapOf(alpha, beta));
        Assert.True(account.OverlapOf(alpha, beta) > TimeSpan.Zero);
        Assert.Empty(await WriteAccount.Of(onAlpha).LostOnAsync(alpha, Cancellation));
        Assert.Equal(account.By(alpha).Count, (await account.LostOnAsync(beta, Cancellation)).Count(row => row.By == alpha));
    }

    [Fact]
    public async Task One_after_the_other_is_no_overlap_and_what_is_missing_is_told()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Running = ["alpha", "beta"] }, Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        await ClientWriter.PrepareAsync(alpha, Cancellation);
        await ClientWriter.PrepareAsync(beta, Cancellation);
        await using var both = new ClientWriter(lab.Hosts);
        both.Start();
        await UntilAsync(both, 50);
        var crash = Stopwatch.GetTimestamp();
        await alpha.KillPostgresAsync(Cancellation);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(both.Acknowledged.Count(row => row.By == beta) > 50), "rows are written on beta");
        await both.StopAsync();

        var account = WriteAccount.Of(both);
        Assert.Equal(TimeSpan.Zero, account.OverlapOf(alpha, beta));
        var gap = account.GapAt(account.By(alpha)[^1].Timestamp);
        Assert.Equal(alpha, gap.LastBefore?.By);
        Assert.Equal(beta, gap.FirstAfter?.By);
        Assert.NotNull(account.LongestGap());
        Assert.All(account.Since(gap.FirstAfter!.Timestamp).Writes, row => Assert.True(row.Timestamp > crash));

        // Beta never had alpha's rows: all are lost, and none of alpha's survives, so there is no hole.
        var lost = await account.LostOnAsync(beta, Cancellation);
        Assert.Equal(account.By(alpha), lost);
        Assert.Empty(account.HolesIn(lost));
        // Were the first row gone and the later ones there, that would be a hole.
        Assert.Equal([lost[0]], account.HolesIn([lost[0]]));
    }

    [Fact]
    public async Task Clients_that_are_asked_to_hurry_write_with_several_connections()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions(), Cancellation);
        var alpha = lab["alpha"];
        await ClientWriter.PrepareAsync(alpha, Cancellation);
        await using var outside = new ClientWriter(lab.Hosts, Pace.Fast);
        await using var inside = new PinnedWriter(alpha, Pace.Fast);
        outside.Start();
        await UntilAsync(outside, 2000);
        await outside.StopAsync();
        inside.Start();
        await UntilAsync(inside, 2000);
        await inside.StopAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"{Rate(outside):0} and {Rate(inside):0} rows a second");
        var account = WriteAccount.Of(outside, inside);
        Assert.Equal(account.Writes.Count, account.Writes.Select(row => (row.Client, row.Id)).Distinct().Count());
        Assert.Empty(await account.LostOnAsync(alpha, Cancellation));
        Assert.True(await alpha.PsqlAsync("SELECT count(DISTINCT client) FROM deed", Cancellation) == "2");
    }

    private static Task UntilAsync(IWriter writer, int rows) =>
        SetUpTests.EventuallyAsync(() => Task.FromResult(writer.Acknowledged.Count >= rows), $"{writer.Client} has written {rows} rows");

    private static double Rate(IWriter writer)
    {
        var rows = writer.Acknowledged;
        return (rows.Count - 1) / Stopwatch.GetElapsedTime(rows[0].Timestamp, rows[^1].Timestamp).TotalSeconds;
    }
}
