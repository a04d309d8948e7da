using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Operating.CommandLine;
using PgReplWatchdog.Remembering;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>What is shown on a terminal of 80 columns, and of fewer, healthy and in need.</summary>
public sealed class StatusViewTests
{
    private static readonly JournalEntry[] Events =
    [
        new(Looks.Start, EventKind.GatesChanged, $"failover is not ready: {new string('x', 300)}\nsecond line"),
        new(Looks.Start.AddDays(-1), EventKind.FailoverSucceeded, "beta is primary"),
    ];

    [Theory]
    [InlineData(80)]
    [InlineData(40)]
    [InlineData(20)]
    public void Nothing_is_wider_than_the_screen(int width) => Assert.All(
        (IRenderable[])[StatusView.Cluster(Healthy()), StatusView.Cluster(InNeed()), StatusView.Fleet([Healthy(), InNeed()])],
        view => Assert.All(Lines(view, width), line => Assert.InRange(line.Length, 0, width)));

    [Fact]
    public void A_cluster_is_legible_on_80_columns()
    {
        var lines = Lines(StatusView.Cluster(Healthy()), 80);
        Assert.Contains(lines, line => line.Contains("main  Serving since 2026-01-01 00:00:00Z  epoch 1", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains(" alpha  Primary  0/3000000  1", StringComparison.Ordinal) && line.Contains("192.0.2.1:5432", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("16 B, ? s", StringComparison.Ordinal) && line.Contains("192.0.2.2:5432", StringComparison.Ordinal));
        Assert.Equal("  12-31 00:00:00.000  FailoverSucceeded  beta is primary", lines[^1]); // another day: with its date
        Assert.EndsWith("…", lines[^2], StringComparison.Ordinal); // an event is one line
    }

    [Fact]
    public void A_failover_under_way_has_its_step_its_evidence_and_the_gates()
    {
        var text = string.Join('\n', Lines(StatusView.Cluster(InNeed()), 200));
        Assert.Contains("failover under way  from alpha to beta, at Promote, attempt 2; decided 00:00:02.000 on Crashed", text, StringComparison.Ordinal);
        Assert.Contains("• ", text, StringComparison.Ordinal);
        Assert.Contains("not streaming", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fleet_has_a_line_a_cluster()
    {
        var lines = Lines(StatusView.Fleet([Healthy(), InNeed() with { Name = "spare" }]), 100);
        Assert.Contains(lines, line => line.Contains("main", StringComparison.Ordinal) && line.Contains("1 of 1", StringComparison.Ordinal) && line.Contains("16 B, ? s", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("spare", StringComparison.Ordinal) && line.Contains("0 of 1", StringComparison.Ordinal) && line.Contains("under way: Promote", StringComparison.Ordinal));
    }

    private static ClusterStatus Healthy() => Status(Looks.Known, Looks.Primary(), Looks.Standby(behind: 16));

    private static ClusterStatus InNeed() => Status(Looks.Known with { Procedure = Looks.Procedure }, Looks.Gone(), Looks.Standby(streams: false)) with { Procedure = Looks.Procedure };

    private static ClusterStatus Status(ClusterMemory memory, params NodeObservation[] nodes) => ClusterStatus.Of(Looks.Spec, Looks.Check(memory, nodes), Events);

    private static string[] Lines(IRenderable view, int width)
    {
        using var text = new StringWriter();
        var screen = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(text) });
        screen.Profile.Width = width;
        screen.Pipeline.Attach(new Printable.Hook());
        screen.Write(view);
        return [.. text.ToString().TrimEnd('\n').Split('\n').Select(line => line.TrimEnd())];
    }
}
