using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Page;

namespace PgReplWatchdog.Tests.Page;

/// <summary>A failover on real servers, looked at in a real browser from beginning to end. `make screenshots` takes the pictures of docs/images here.</summary>
public sealed class RealFailoverTests(Browser browser) : IClassFixture<Browser>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_person_sees_it_coming_happening_and_over_and_reads_the_journals_own_times()
    {
        await using var cluster = await RunningCluster.StartAsync(gamma: true, change: section => section["CrashedThreshold"] = "00:00:05");
        var address = cluster.Service.Http.BaseAddress!;
        await using var desk = await browser.OpenAsync(address, "/clusters/main");
        await desk.ShowsAsync("Yes, all nodes are well");
        await desk.Page.Locator(".tree .primary", new() { HasText = "alpha" }).WaitForAsync();
        Assert.Equal(2, await desk.Page.Locator(".tree .standby").CountAsync());
        await desk.IsSoundAsync();
        await desk.GoAsync("/clusters/main");
        var painted = await desk.Page.EvaluateAsync<double>("new Promise(tell => new PerformanceObserver(list => tell(list.getEntries()[0].startTime)).observe({ type: 'paint', buffered: true }))");
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"first paint after {painted:0} ms")); // to be read, not asserted
        await PicturesAsync(address, "healthy");

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        await desk.ShowsAsync("PostgreSQL has crashed on alpha");
        await desk.Page.Locator(".tree .gone", new() { HasText = "alpha" }).WaitForAsync();
        await PicturesAsync(address, "during", phones: false);

        await cluster.UntilAsync(status => status is { Verdict: "Serving" } && status.IntendedPrimary != "alpha", "a standby is primary");
        var after = await cluster.UntilAsync(status => status.Streams("alpha"), "alpha streams again");
        await desk.Page.Locator(".tree .primary", new() { HasText = after.IntendedPrimary }).WaitForAsync();
        await desk.Page.Locator(".tree .standby", new() { HasText = "alpha" }).WaitForAsync();
        await desk.ShowsAsync($"Failover from alpha to {after.IntendedPrimary}");
        await desk.IsSoundAsync();
        await PicturesAsync(address, "after");

        var id = await SameTimesAsync(cluster, desk);
        await desk.PictureAsync("failover-light");
        await desk.IsSoundAsync();
        await using var phone = await browser.OpenAsync(address, $"/clusters/main/failovers/{id}", dark: true, width: 390, height: 844);
        await phone.PictureAsync("failover-phone-dark");
        await phone.IsSoundAsync();
    }

    /// <summary>Page, report and API against the journal's file, to the millisecond.</summary>
    private static async Task<string> SameTimesAsync(RunningCluster cluster, Tab desk)
    {
        var listed = await cluster.Service.Http.GetFromJsonAsync<JsonNode>("/api/v1/failovers", Cancellation);
        var id = (string)listed!["failovers"]!.AsArray().Single()!["id"]!;
        using var journal = new JournalReader(Path.Combine(Path.GetDirectoryName(cluster.Configuration)!, "watchdog"));
        var failover = journal.Failovers("main").Single();
        Assert.Equal(FailoverReport.IdOf(failover), id);
        await desk.Page.Locator("section.question a").ClickAsync();
        await desk.ShowsAsync("Where the time went");
        Assert.EndsWith($"/failovers/{id}", desk.Page.Url, StringComparison.Ordinal);
        var shown = await desk.Page.Locator("table.phases time").EvaluateAllAsync<string[]>("all => all.map(time => time.dateTime)");
        var written = failover.Procedure.Phases.Select(phase => Words.Iso(phase.At)).Prepend(Words.Iso(failover.Procedure.SilentSince)).ToList();
        Assert.Subset(shown.ToHashSet(), written.ToHashSet());
        var report = await cluster.Service.Http.GetStringAsync($"/clusters/main/failovers/{id}.md", Cancellation);
        foreach (var phase in failover.Procedure.Phases)
            Assert.Contains(phase.At.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture), report, StringComparison.Ordinal);
        var events = await desk.Page.Locator("table.events time").EvaluateAllAsync<string[]>("all => all.map(time => time.dateTime)");
        var decided = journal.Events("main", 1000).Where(entry => entry.Time >= failover.Procedure.SilentSince && entry.Time <= failover.FinishedAt).Select(entry => Words.Iso(entry.Time)).ToList();
        Assert.NotEmpty(decided);
        Assert.Subset(events.ToHashSet(), decided.ToHashSet());
        return id;
    }

    private async Task PicturesAsync(Uri address, string when, bool phones = true)
    {
        if (Browser.Pictures is null)
            return;
        foreach (var (path, name) in ((string, string)[])[("/clusters/main", "cluster"), ("/", "fleet")])
        {
            await PictureAsync(path, $"{name}-{when}-light", dark: false, 1280, 900);
            if (phones)
            {
                await PictureAsync(path, $"{name}-{when}-dark", dark: true, 1280, 900);
                await PictureAsync(path, $"{name}-{when}-phone", dark: false, 390, 844);
            }
        }

        async Task PictureAsync(string path, string name, bool dark, int width, int height)
        {
            await using var tab = await browser.OpenAsync(address, path, dark, width, height);
            await tab.Page.Locator(path == "/" ? "#clusters" : "#lag-chart canvas").WaitForAsync();
            await tab.Page.EvaluateAsync("document.fonts.ready.then(() => true)");
            await tab.PictureAsync(name);
        }
    }
}
