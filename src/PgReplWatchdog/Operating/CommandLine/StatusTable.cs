using System.Globalization;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Observing;
using Spectre.Console;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>A cluster's status for a person at a terminal.</summary>
public static class StatusTable
{
    public static void Write(IAnsiConsole screen, ClusterStatus cluster)
    {
        Header(screen, cluster);
        if (cluster.Verdict != Verdict.Serving)
        {
            foreach (var sentence in cluster.Evidence)
                screen.MarkupLineInterpolated($"  [{Colour(cluster.Verdict)}]•[/] {sentence}");
        }
        screen.Write(Nodes(cluster));
        foreach (var gate in cluster.Gates.Where(gate => cluster.Verdict != Verdict.Serving || gate.Gate != Gate.ThresholdNotReached))
            screen.MarkupLineInterpolated($"  [yellow]{gate.Gate}[/]  {gate.Sentence}");
        if (cluster is { Verdict: Verdict.Serving, FailoverReady: true, ExpectedLossBytes: { } loss })
            screen.MarkupLineInterpolated($"  a failover now would lose {loss} bytes of WAL (estimate)");
        if (cluster.LastFailover is { } last)
            screen.MarkupLineInterpolated($"  last failover {last.FinishedAt:u}: {last.From} to {last.To}, {(last.Succeeded ? "succeeded" : "failed")}, {Loss(last.EstimatedLossBytes)}");
        foreach (var entry in cluster.Events)
            screen.MarkupLineInterpolated($"  [dim]{entry.Time:HH:mm:ss.fff}[/]  {entry.Kind}  {entry.Sentence}");
    }

    /// <summary>The cluster in a line.</summary>
    public static void Header(IAnsiConsole screen, ClusterStatus cluster) => screen.MarkupLineInterpolated(
        $"[bold]{cluster.Name}[/]  [{Colour(cluster.Verdict)}]{cluster.Verdict}[/]{Since(cluster)}  epoch {cluster.Epoch}  {Ready(cluster)}");

    private static Table Nodes(ClusterStatus cluster)
    {
        var table = new Table().Border(TableBorder.Rounded)
            .AddColumns("node", "address", "role", "timeline", "LSN", "replay lag", "streams", "candidate");
        foreach (var node in cluster.Nodes)
        {
            table.AddRow(
                node.Name == cluster.IntendedPrimary ? $"[bold]{Markup.Escape(node.Name)}[/]" : Markup.Escape(node.Name),
                Markup.Escape($"{node.Host}:{node.Port}"),
                node.Reach == Reach.Serving ? $"[{(node.Role == Role.Primary ? "green" : "blue")}]{node.Role}[/]" : $"[red]{node.Reach}[/]: {Markup.Escape(node.Detail)}",
                Known(node.Timeline), Known(node.CurrentLsn ?? node.ReplayedLsn), LagOf(node), YesNo(node.Streaming), YesNo(node.Candidate));
        }
        return table;
    }

    private static string LagOf(NodeStatus node) => node.Role != Role.Standby ? "" : node.ReplayLagBytes is { } bytes
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes} B, {(node.ReplayLagSeconds is { } seconds ? $"{seconds:0.0} s" : "age unknown")}")
        : "[yellow]unknown[/]";

    private static string Known(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    private static string YesNo(bool? value) => value switch { null => "", true => "yes", false => "[yellow]no[/]" };

    private static string Since(ClusterStatus cluster) => cluster.VerdictSince is { } since ? string.Create(CultureInfo.InvariantCulture, $" since {since:u}") : "";

    /// <summary>Readiness is a question for quiet times; when the primary does not serve, the gates say what is in the way.</summary>
    private static string Ready(ClusterStatus cluster) => !cluster.FailoverReady ? "failover NOT ready" : cluster.Verdict == Verdict.Serving ? "failover ready" : "";

    private static string Loss(long? bytes) => bytes is { } known ? $"{known.ToString(CultureInfo.InvariantCulture)} bytes of WAL lost (estimate)" : "loss unknown";

    private static string Colour(Verdict verdict) => verdict switch
    {
        Verdict.Serving => "green",
        Verdict.Busy or Verdict.ServingElsewhere or Verdict.WatchdogIsolated or Verdict.Unknown => "yellow",
        Verdict.Crashed or Verdict.Stopped or Verdict.Hung or Verdict.Down or Verdict.TwoPrimaries => "red",
    };
}
