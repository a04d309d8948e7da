using System.Globalization;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Versions;

/// <summary>WAL as servers of each version write it.</summary>
public sealed class RealWalTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Majors.Others), MemberType = typeof(Majors))]
    public async Task Real_WAL_is_accepted_up_to_its_end_and_refused_behind(string major)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha"], Major = major }, Cancellation);
        var (alpha, version) = (lab["alpha"], Majors.Version(major));
        await alpha.PsqlAsync($"SELECT {(version.HasNamesOfToday ? "pg_switch_wal" : "pg_switch_xlog")}(); CREATE TABLE t AS SELECT g FROM generate_series(1, 20000) g; CHECKPOINT", Cancellation);
        var end = Lsn.Parse(await alpha.PsqlAsync($"SELECT {(version.HasNamesOfToday ? "pg_current_wal_lsn" : "pg_current_xlog_location")}()", Cancellation));
        var control = await alpha.RunAsync($"{alpha.BinDirectory}/pg_controldata {alpha.DataDirectory}", Cancellation);
        var origin = new WalOrigin(1, ulong.Parse(Said(control, "Database system identifier:"), CultureInfo.InvariantCulture),
            long.Parse(Said(control, "Bytes per WAL segment:"), CultureInfo.InvariantCulture));
        var begin = end.Value / (ulong)origin.SegmentBytes * (ulong)origin.SegmentBytes;
        var pages = (long)((end.Value - begin + WalPages.PageBytes - 1) / WalPages.PageBytes);
        var segment = string.Create(CultureInfo.InvariantCulture, $"0000000100000000{begin / (ulong)origin.SegmentBytes:X8}");
        var text = await alpha.RunAsync(
            $"head -c {(pages + 1) * WalPages.PageBytes} {alpha.DataDirectory}/{(version.HasNamesOfToday ? "pg_wal" : "pg_xlog")}/{segment} | base64 -w 0", Cancellation);
        var bytes = Convert.FromBase64String(text);

        Assert.True(pages > 10, $"only {pages} pages");
        Assert.Null(WalPages.Check(bytes.AsSpan(0, (int)pages * WalPages.PageBytes), new Lsn(begin), pages, origin, default).Fault);
        Assert.NotNull(WalPages.Check(bytes, new Lsn(begin), pages + 1, origin, default).Fault);
    }

    private static string Said(string control, string name) => control.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Trim();
}
