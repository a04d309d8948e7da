using System.Net;
using System.Text.Json;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Page;

/// <summary>Whatever a database or a host says is text on the page: no element, no attribute, no turned reading direction, no markup in the report.</summary>
public sealed class HostileTextTests
{
    private const string Hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>--></svg></title>\u202egnal\u0000 [x](javascript:1) | `b` ${7*7}";

    private static readonly FinishedFailover Failover = new(2, "alpha", "beta", Succeeded: true, Looks.Start.AddSeconds(4), 0, Looks.Procedure with { Evidence = [Hostile], Verdict = Hostile });

    public static TheoryData<string> Pages => ["/", "/clusters/main", "/clusters/main/events", $"/clusters/main/failovers/{PgReplWatchdog.Operating.FailoverReport.IdOf(Failover)}"];

    [Theory, MemberData(nameof(Pages))]
    public async Task No_page_takes_it_for_markup(string path)
    {
        await using var host = await StartAsync();
        await host.ShowsAsync("/clusters/main", "gnal", "the text is on the page");
        var page = await host.ShowsAsync(path, "script", "the text is on this page");
        Assert.DoesNotContain("<script>", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("</svg></title>", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("\u202e", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        Assert.DoesNotContain('\0', WebUtility.HtmlDecode(page));
    }

    [Fact]
    public async Task The_report_has_no_markup_but_its_own()
    {
        await using var host = await StartAsync();
        var report = await host.GetAsync($"/clusters/main/failovers/{PgReplWatchdog.Operating.FailoverReport.IdOf(Failover)}.md");
        Assert.DoesNotContain("<script", report, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("[x](", report, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", report, StringComparison.Ordinal);
        var rows = report.Split('\n').Where(line => line.StartsWith("| 20", StringComparison.Ordinal));
        Assert.All(rows, row => Assert.Equal(4, row.Replace("\\|", "", StringComparison.Ordinal).Count(letter => letter == '|')));
    }

    [Fact]
    public async Task A_programs_answer_has_it_as_it_was()
    {
        await using var host = await StartAsync();
        await host.ShowsAsync("/clusters/main", "gnal", "the text is seen");
        using var status = JsonDocument.Parse(await host.GetAsync("/api/v1/clusters/main"));
        Assert.Equal(Hostile, status.RootElement.GetProperty("nodes")[0].GetProperty("slots")[0].GetProperty("name").GetString());
    }

    private static Task<PageHost> StartAsync() => PageHost.StartAsync(new PretendedWorld
    {
        See = () =>
        {
            var (primary, standby) = (Looks.Primary(), Looks.Standby());
            return
            [
                primary with { Server = primary.Server! with { WalSenders = [new(Hostile, Hostile, Hostile, null, null, null)], Slots = [new(Hostile, true, Hostile, null)] } },
                standby with { Reach = Reach.Alive, Detail = Hostile, Server = null },
            ];
        },
        Besides = seen => seen with
        {
            Hosts = [new HostObservation("alpha", HostReach.Failed, Hostile, seen.At), new HostObservation("beta", HostReach.Reachable, "", seen.At) { ControlState = Hostile }],
        },
    }, journal => journal.Append("main", Looks.Known with { LastFailover = Failover },
        [new JournalEntry(Looks.Start, EventKind.FailoverNotBegun, Hostile), new JournalEntry(Looks.Start.AddSeconds(1), EventKind.ActionFailed, Hostile)]));
}
