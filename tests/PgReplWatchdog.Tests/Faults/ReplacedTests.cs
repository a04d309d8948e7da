using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Lab.Faults;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>
/// Faults after which another node must be primary, each with a client that reaches everybody and one inside the old primary's partition: who acknowledged
/// what and when, what is lost, whether the old one is a standby in the end, and whether the watchdog's own account agrees with the clients'.
/// </summary>
public sealed class ReplacedTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Run by `make test`: of each kind the variant that differs most from the others. What F12, F13 and F15 are about, Guarding and HeldReplayTests test as well. F18 is for `make chaos`.</summary>
    private static readonly string[] Usual =
        ["F1 all killed", "F2 host gone, PostgreSQL starts at boot", "F3 all stopped", "F3 storage hangs", "F6 primary and everybody cut, dropped", "F9 old host returns"];

    public static IEnumerable<TheoryDataRow<string>> Replacing => Fault.All.Where(fault => fault.Must == Must.FailOver && !fault.NeedsWatchdog)
        .Select(fault => new TheoryDataRow<string>(fault.Name).WidestIf(!Usual.Contains(fault.Name)));

    [Theory]
    [MemberData(nameof(Replacing))]
    public async Task The_primary_is_replaced_fenced_and_made_a_standby(string name)
    {
        var fault = Fault.Named(name);
        await using var cluster = await RunningCluster.StartAsync(namespaces: true, change: Guarded, diskMegabytes: fault.NeedsDisk ? 400 : 0);
        await using var pinned = new PinnedWriter(cluster.Alpha);
        await using var outside = new ClientWriter(cluster.Lab.Hosts);
        pinned.Start();
        outside.Start();
        await using var proxy = await ProxyProcess.StartAsync(cluster.Lab, Cancellation);
        await proxy.LeadsToAsync("alpha", Cancellation);
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(pinned.Acknowledged.Count > 50 && outside.Acknowledged.Count > 50), "rows are written");

        var scene = await Scene.FindAsync(cluster.Lab, Cancellation);
        var began = Stopwatch.GetTimestamp();
        await fault.StartAsync(scene, Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(outside.Acknowledged[^1].By == cluster.Beta), "the client writes to beta");
        await proxy.LeadsToAsync("beta", Cancellation);
        await fault.EndAsync(scene, Cancellation);
        await cluster.UntilAsync(status => status.Verdict == "Serving" && status.Streams("alpha"), "alpha streams from beta");
        await pinned.StopAsync();
        await outside.StopAsync();

        Assert.Equal("beta", await proxy.UpAsync("primary", Cancellation));
        Assert.Empty(proxy.TwoUp);
        var account = WriteAccount.Of(pinned, outside);
        var mayWake = fault.MayWakeFor > TimeSpan.Zero; // for how long is measured by `make chaos`
        if (!mayWake)
            Assert.Equal(TimeSpan.Zero, account.OverlapOf(cluster.Alpha, cluster.Beta));
        var lost = await account.LostOnAsync(cluster.Beta, Cancellation);
        if (fault.MayLose == MayLose.Nothing)
            Assert.Empty(lost);
        Assert.Empty(account.HolesIn(lost));
        Assert.DoesNotContain(lost, row => row.By == cluster.Beta);
        Assert.Equal("t|", await cluster.Alpha.PsqlAsync("SELECT pg_is_in_recovery(), ''", Cancellation));
        await AgreesAsync(cluster, account, began, lost, mayWake);
    }

    /// <summary>The guard with the shortest time to live, and fencing required, as by default.</summary>
    internal static void Guarded(System.Text.Json.Nodes.JsonObject section)
    {
        section["UnreachableThreshold"] = "00:00:05";
        section["GuardTimeToLive"] = "00:00:03";
        section["Fencing"] = "Required";
    }

    /// <summary>Its report: from whom to whom, decided after the fault and before the first row on the new primary, fenced, and no loss told where rows are lost.</summary>
    private static async Task AgreesAsync(RunningCluster cluster, WriteAccount account, long began, IReadOnlyList<Acknowledged> lost, bool mayWake)
    {
        var status = JsonDocument.Parse(await cluster.Service.Http.GetStringAsync("/api/v1/status", Cancellation)).RootElement.GetProperty("clusters")[0];
        var report = status.GetProperty("lastFailover");
        Assert.Equal("alpha", report.GetProperty("from").GetString());
        Assert.Equal("beta", report.GetProperty("to").GetString());
        Assert.True(report.GetProperty("succeeded").GetBoolean());
        var procedure = report.GetProperty("procedure");
        Assert.Contains(procedure.GetProperty("fencedBy").GetString(), new[] { "Ssh", "Guard" });
        var toWallClock = DateTimeOffset.UtcNow - Stopwatch.GetElapsedTime(0);
        var decided = procedure.GetProperty("decidedAt").GetDateTimeOffset();
        var first = account.By(cluster.Beta)[0];
        var last = account.By(cluster.Alpha)[^1];
        Assert.InRange(decided, toWallClock + Stopwatch.GetElapsedTime(0, began), toWallClock + Stopwatch.GetElapsedTime(0, first.Timestamp));
        // Fenced, by its word, before the freeze began: nothing that alpha acknowledged is later.
        var fenced = procedure.GetProperty("phases").EnumerateArray().First(phase => phase.GetProperty("step").GetString() == "Freeze").GetProperty("at").GetDateTimeOffset();
        Assert.True(mayWake || toWallClock + Stopwatch.GetElapsedTime(0, last.Timestamp) < fenced, $"alpha acknowledged a row after {fenced:O}, when it was said to be fenced");
        if (lost.Count > 0)
        {
            // Not said to be salvaged, and all acknowledged in the time that it says.
            Assert.Equal(JsonValueKind.Null, procedure.GetProperty("salvagedBytes").ValueKind);
            var window = TimeSpan.Parse(procedure.GetProperty("notReceivedFor").GetString()!, CultureInfo.InvariantCulture);
            var earliest = toWallClock + Stopwatch.GetElapsedTime(0, lost.Min(row => row.Timestamp));
            Assert.True(earliest > fenced - window, $"of {lost.Count} lost rows one was acknowledged at {earliest:O}, more than {window} before {fenced:O}");
        }
        Assert.NotEmpty(procedure.GetProperty("evidence").EnumerateArray());
    }
}
