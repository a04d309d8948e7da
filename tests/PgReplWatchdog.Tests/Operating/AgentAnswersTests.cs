using System.Net;
using Microsoft.Extensions.Time.Testing;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>What proxies are told over a change of the primary, in whatever order they ask.</summary>
public sealed class AgentAnswersTests
{
    private static readonly IPAddress Client = IPAddress.Loopback;
    private static readonly ClusterMemory Changed =
        Looks.Known with { IntendedPrimary = "beta", Epoch = 2, NewestTimeline = 2, Replaced = ["alpha"] };

    private readonly FakeTimeProvider clock = new();
    private readonly AgentAnswers answers;
    private static readonly Checked Last = Looks.Check(Looks.Known, Looks.Gone(), Looks.Gone("beta"));
    private ClusterMemory record = Looks.Known;

    public AgentAnswersTests() => answers =
        new(cluster => cluster == "main" ? new NodeRoles(Looks.Spec, record, Last, TimeSpan.Zero) : null, clock);

    [Fact]
    public void New_primary_is_named_only_after_the_old_one_was_told_to_be_down()
    {
        Assert.Equal(["#", "down", "ready up"], Ask("alpha", "beta", "alpha"));
        record = Changed;
        Assert.Equal(["#", "#", "down", "ready up"], Ask("beta", "beta", "alpha", "beta"));
        record = Looks.Known; // a person goes back to alpha
        Assert.Equal(["#", "down", "ready up"], Ask("alpha", "beta", "alpha"));
    }

    [Fact]
    public void Each_proxy_has_to_hear_it_itself()
    {
        _ = Ask("beta", "alpha");
        Assert.StartsWith("#", answers.To("main alpha primary lb2", Client), StringComparison.Ordinal);
        Assert.StartsWith("#", answers.To("main alpha primary", IPAddress.IPv6Loopback), StringComparison.Ordinal);
        Assert.StartsWith("ready up", answers.To("main alpha primary", Client), StringComparison.Ordinal);
    }

    [Fact]
    public void Node_that_a_proxy_does_not_ask_about_is_waited_for_until_it_is_forgotten()
    {
        for (var second = 0; second <= AgentAnswers.Forgotten.TotalSeconds; second++)
        {
            Assert.Equal(["#"], Ask("alpha"));
            clock.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(["ready up"], Ask("alpha"));
    }

    /// <summary>This process stood still, or the proxy was cut off: it has the servers that it had.</summary>
    [Fact]
    public void Proxy_that_was_not_heard_for_long_still_has_its_servers()
    {
        Assert.Equal(["down"], Ask("beta")); // this process is new: it has not heard of alpha yet
        record = Changed;
        clock.Advance(3 * AgentAnswers.Forgotten);
        Assert.Equal(["#", "down", "ready up"], Ask("beta", "alpha", "beta"));
    }

    /// <summary>The names are the clients' own. Those that asked before go on, and room comes back.</summary>
    [Fact]
    public void Whoever_invents_names_fills_no_memory_and_keeps_no_known_proxy_from_its_answer()
    {
        _ = Ask("beta", "alpha");
        for (var name = 1; name < AgentAnswers.ProxyLimit; name++)
            _ = answers.To($"main beta primary {name}", Client);
        Assert.Contains("proxies ask", answers.To("main beta primary one-more", Client), StringComparison.Ordinal);
        Assert.Equal(["ready up"], Ask("alpha"));
        clock.Advance(AgentAnswers.Forgotten + TimeSpan.FromMilliseconds(1));
        Assert.StartsWith("down", answers.To("main beta primary one-more", Client), StringComparison.Ordinal);
    }

    [Fact]
    public void Nobody_is_named_without_a_record()
    {
        record = ClusterMemory.Empty;
        Assert.Equal(["#", "#"], Ask("alpha", "beta"));
    }

    /// <summary>The word before the reason, for each node in turn.</summary>
    private string[] Ask(params string[] nodes) =>
        [.. nodes.Select(node => answers.To($"main {node} primary", Client).Split('#')[0].Trim() is { Length: > 0 } word ? word : "#")];
}
