using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace PgReplWatchdog.Tests.Page;

/// <summary>Debian's Chromium without a window. At home a missing one skips with a word; in CI it is a failure.</summary>
public sealed class Browser : IAsyncLifetime
{
    private const string Chromium = "/usr/bin/chromium";

    /// <summary>Where pictures go; null: none are taken.</summary>
    public static readonly string? Pictures = Environment.GetEnvironmentVariable("PGWATCHDOG_SCREENSHOTS");

    private IPlaywright? playwright;
    private IBrowser? browser;

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(Chromium))
            return;
        playwright = await Playwright.CreateAsync();
        // Root may not have Chromium's own sandbox; it is shown nothing but pages of this process.
        browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
    }

    internal async Task<Tab> OpenAsync(Uri address, string path, bool dark = false, int width = 1280, int height = 900, bool script = true)
    {
        if (browser is null)
        {
            Assert.False(Environment.GetEnvironmentVariable("CI") == "true", $"in CI {Chromium} must be there: deploy/lab/install-tools");
            Assert.Skip($"there is no {Chromium}: deploy/lab/install-tools");
        }
        var context = await browser.NewContextAsync(new()
        {
            ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
            ViewportSize = new() { Width = width, Height = height },
            JavaScriptEnabled = script,
            ReducedMotion = ReducedMotion.Reduce,
        });
        var tab = new Tab(await context.NewPageAsync(), address);
        await tab.GoAsync(path);
        return tab;
    }

    public async ValueTask DisposeAsync()
    {
        if (browser is not null)
            await browser.DisposeAsync();
        playwright?.Dispose();
    }
}

/// <summary>One page in the browser, with whatever it complained of and whatever it asked for elsewhere.</summary>
internal sealed class Tab : IAsyncDisposable
{
    private readonly Uri address;
    private readonly List<string> complaints = [];

    public Tab(IPage page, Uri address)
    {
        (Page, this.address) = (page, address);
        page.Console += (_, message) => Complain(message.Type is "error" or "warning" ? $"{message.Type}: {message.Text}" : null);
        page.PageError += (_, error) => Complain($"thrown: {error}");
        page.Request += (_, request) => Complain(new Uri(request.Url) is { Scheme: not "data" } asked && asked.Authority != address.Authority ? $"asked elsewhere: {request.Url}" : null);
    }

    public IPage Page { get; }

    public Task<IResponse?> GoAsync(string path) => Page.GotoAsync(new Uri(address, path).ToString(), new() { WaitUntil = WaitUntilState.DOMContentLoaded });

    /// <summary>Waits until the text is to be seen.</summary>
    public Task ShowsAsync(string text) => Page.GetByText(text).First.WaitForAsync(new() { Timeout = (float)RunningCluster.Patience.TotalMilliseconds });

    /// <summary>Nothing was complained of, nothing asked for elsewhere, and axe finds nothing that keeps a person out.</summary>
    public async Task IsSoundAsync(bool complains = false)
    {
        var found = await Page.RunAxe();
        Assert.True(found.Violations.Length == 0, string.Join('\n', found.Violations.Select(Say)));
        lock (complaints)
            Assert.True(complains || complaints.Count == 0, string.Join('\n', complaints));
    }

    /// <summary>Takes a picture where pictures are wanted.</summary>
    public async Task PictureAsync(string name, bool whole = false)
    {
        if (PgReplWatchdog.Tests.Page.Browser.Pictures is { } directory)
            await Page.ScreenshotAsync(new() { Path = Path.Combine(directory, name + ".png"), FullPage = whole, Animations = ScreenshotAnimations.Disabled });
    }

    public async ValueTask DisposeAsync() => await Page.Context.DisposeAsync();

    private static string Say(AxeResultItem violation) =>
        $"{violation.Id}: {violation.Help}: {string.Join("; ", violation.Nodes.Take(3).Select(node => $"{node.Html} {string.Join(", ", node.Any.Select(check => check.Message))}"))}";

    private void Complain(string? complaint)
    {
        if (complaint is null)
            return;
        lock (complaints)
            complaints.Add(complaint);
    }
}
