using Microsoft.Playwright;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Operating;

namespace PgReplWatchdog.Tests.Page;

/// <summary>The page in a real browser, in each state: no error, nothing from elsewhere, no violation of accessibility, in light and dark, on a desk and on a phone.</summary>
public sealed class BrowserTests(Browser browser) : IClassFixture<Browser>
{
    private static readonly FinishedFailover Failover = new(2, "beta", "alpha", Succeeded: true, Looks.Start.AddSeconds(4), 0, Looks.Procedure with { From = "beta", To = "alpha" });

    public enum State
    {
        Healthy,
        NoStandby,
        Down,
        TwoPrimaries,
        Hanging,
        Paused,
    }

    public static TheoryData<State, bool, int> Everything =>
    [
        .. from state in Enum.GetValues<State>()
           from dark in (bool[])[false, true]
           select (state, dark, dark ? 390 : 1280),
    ];

    [Theory, MemberData(nameof(Everything))]
    public async Task Each_state_is_sound(State state, bool dark, int width)
    {
        await using var host = await StartAsync(state);
        await IsSoundAsync(host, "/clusters/main", Says(state), dark, width, $"cluster-{state}");
        await IsSoundAsync(host, "/", "All clusters", dark, width, $"fleet-{state}");
    }

    [Theory]
    [InlineData(false, 390)]
    [InlineData(true, 1280)]
    public async Task So_are_the_pages_below(bool dark, int width)
    {
        await using var host = await StartAsync(State.Healthy);
        await IsSoundAsync(host, "/clusters/main/events", "The newest", dark, width, "below-events");
        await IsSoundAsync(host, $"/clusters/main/failovers/{FailoverReport.IdOf(Failover)}", "Where the time went", dark, width, "below-failover");
        await IsSoundAsync(host, "/runbook", "what is the matter with the primary", dark, width, "below-runbook");
        await IsSoundAsync(host, "/clusters/mian", "There is no cluster mian", dark, width, "below-missing", complains: true); // the browser complains of any 404
    }

    private async Task IsSoundAsync(PageHost host, string path, string text, bool dark, int width, string picture, bool complains = false)
    {
        await using var tab = await browser.OpenAsync(host.Address, path, dark, width);
        await tab.ShowsAsync(text);
        await tab.PictureAsync($"{picture}-{(dark ? "dark" : "light")}", whole: true);
        await tab.IsSoundAsync(complains);
        Assert.True(await tab.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), $"{path} is wider than the screen");
    }

    [Fact]
    public async Task The_page_changes_while_it_is_looked_at_and_keeps_what_is_typed()
    {
        await using var host = await StartAsync(State.Healthy);
        await using var tab = await browser.OpenAsync(host.Address, "/clusters/main");
        await tab.Page.Locator("#lag-chart canvas").WaitForAsync();
        await tab.Page.GetByLabel("Your name, for the record").FillAsync("Ada");
        host.World.See = () => [Looks.Alone(), Looks.Gone("beta")];
        await tab.ShowsAsync("The primary serves, beta does not stream");
        await tab.Page.Locator(".tree .gone").WaitForAsync();
        Assert.Equal("Ada", await tab.Page.GetByLabel("Your name, for the record").InputValueAsync());
        Assert.Equal("main: The primary serves, beta does not stream. Would failover work now? No, no standby may be promoted", (await tab.Page.Locator("#live [role=status]").TextContentAsync())!.Trim());
        await tab.Page.Locator("#lag-chart canvas").WaitForAsync();
        await tab.IsSoundAsync();
    }

    [Fact]
    public async Task Without_a_script_the_page_says_the_same_and_asks_for_itself_again()
    {
        await using var host = await StartAsync(State.Healthy);
        await using var tab = await browser.OpenAsync(host.Address, "/clusters/main", script: false);
        await tab.ShowsAsync("Yes, all nodes are well");
        Assert.Contains("""<noscript><meta http-equiv="refresh" content="10" """.Trim(), await host.GetAsync("/clusters/main"), StringComparison.Ordinal);
        await tab.Page.GetByLabel("Token").FillAsync(PageHost.Token);
        await tab.Page.GetByRole(AriaRole.Button, new() { Name = "Pause" }).ClickAsync();
        await tab.ShowsAsync("main is paused");
    }

    [Fact]
    public async Task A_keyboard_is_enough()
    {
        await using var host = await StartAsync(State.Healthy);
        await using var tab = await browser.OpenAsync(host.Address, "/clusters/main");
        await tab.Page.Keyboard.PressAsync("Tab");
        Assert.Equal("Skip to the content", await FocusedAsync(tab));
        await tab.Page.Keyboard.PressAsync("Tab");
        Assert.Equal("PgReplWatchdog", await FocusedAsync(tab));
        Assert.NotEqual("none", await tab.Page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
    }

    [Fact]
    public async Task A_service_that_is_gone_is_said_to_be()
    {
        var host = await StartAsync(State.Healthy);
        await using var tab = await browser.OpenAsync(host.Address, "/clusters/main");
        await tab.ShowsAsync("Yes, all nodes are well");
        await host.DisposeAsync();
        await tab.ShowsAsync("The watchdog's service does not answer");
        await tab.Page.Locator("body.lost").WaitForAsync();
    }

    private static Task<string> FocusedAsync(Tab tab) => tab.Page.EvaluateAsync<string>("document.activeElement.textContent.trim()");

    private static string Says(State state) => state switch
    {
        State.Healthy => "Yes, all nodes are well",
        State.NoStandby => "The primary serves, beta does not stream",
        State.Down => "alpha is down, server and host",
        State.TwoPrimaries => "Two nodes say that they are primary",
        State.Hanging => "Not known",
        State.Paused => "Paused: failover is paused",
    };

    private static async Task<PageHost> StartAsync(State state)
    {
        var world = new PretendedWorld();
        var host = await PageHost.StartAsync(world, journal =>
        {
            journal.Append("main", Looks.Known with { LastFailover = Failover },
            [
                new(Looks.Start, EventKind.VerdictChanged, "Crashed (was Serving): beta is refusing connections"),
                new(Looks.Start.AddSeconds(2), EventKind.FailoverDecided, "failover from beta"),
                new(Looks.Start.AddSeconds(4), EventKind.FailoverSucceeded, "alpha is primary"),
                new(Looks.Start.AddHours(1), EventKind.FailoverNotBegun,
                    "no failover was begun: verdict Hung stood for 3.0 s and ended with Serving; shut to the last: ThresholdNotReached"),
            ]);
        }, policy: PageHost.Policy with { Automatic = state is not State.Down });
        switch (state)
        {
            case State.NoStandby:
                world.See = () => [Looks.Alone(), Looks.Gone("beta")];
                break;
            case State.Down:
                world.See = () => [Looks.Gone(), Looks.Standby(streams: false)];
                world.Besides = seen => seen with
                {
                    Hosts = [new("alpha", HostReach.Unreachable, "no answer", seen.At), new("beta", HostReach.Reachable, "", seen.At) { PostmasterRuns = true }],
                    PortViews = [new("beta", "alpha", PortAnswer.Silent)],
                };
                break;
            case State.TwoPrimaries:
                world.See = () => [Looks.Primary(), Looks.Primary("beta")];
                break;
            case State.Hanging:
                world.Hang();
                break;
            case State.Paused:
                _ = new OperatorWishes(host.StateDirectory, TimeProvider.System, "a test").Pause("main", paused: true);
                break;
        }
        await host.ShowsAsync("/clusters/main", Says(state), "the state is shown");
        return host;
    }
}
