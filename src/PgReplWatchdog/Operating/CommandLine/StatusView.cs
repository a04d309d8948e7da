using System.Globalization;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>What the service sees, for a person at a terminal of 80 columns or more.</summary>
public static class StatusView
{
    /// <summary>One cluster: what is the matter, the nodes, what stands in the way of a failover, what happened last.</summary>
    public static IRenderable Cluster(ClusterStatus cluster, int events = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        return new Rows(
        [
            Header(cluster),
            .. cluster.Stale && cluster.AgeSeconds is { } age ? [Line($"  [red]checks do not end[/]  ", $"all this is {age:0.#} s old and says nothing of now")] : Array.Empty<IRenderable>(),
            .. cluster.JournalTrouble is { } trouble ? [Line($"  [red]journal[/]  ", $"it cannot be read: {trouble}")] : Array.Empty<IRenderable>(),
            .. cluster.Evidence.Skip(cluster.Verdict == Verdict.Serving ? 1 : 0).Select(sentence => Line($"  [{Colour(cluster.Verdict)}]•[/] ", $"{sentence}")),
            .. cluster.Nodes.IsEmpty ? Array.Empty<IRenderable>() : [Nodes(cluster)],
            .. cluster.Nodes.Where(node => node.Reach != Reach.Serving && node.Detail.Length > 0 && !InEvidence(cluster, node)).Select(node => Line($"  [bold]{node.Name}[/]  ", $"{node.Detail}")),
            .. cluster.Procedure is { } procedure ? [UnderWay(procedure)] : Array.Empty<IRenderable>(),
            .. cluster.Gates.Where(gate => cluster.Verdict != Verdict.Serving || gate.Gate != Gate.ThresholdNotReached).Select(gate => Line($"  [yellow]{gate.Gate}[/]  ", $"{gate.Sentence}")),
            .. Losses(cluster),
            .. cluster.Events.Take(events).Select(entry => Event(entry, cluster.LastCheck ?? entry.Time)),
        ]);
    }

    /// <summary>All of them, a line each.</summary>
    public static IRenderable Fleet(IEnumerable<ClusterStatus> clusters)
    {
        ArgumentNullException.ThrowIfNull(clusters);
        var table = Columns("cluster", "primary is", "primary", "standbys", "replay lag", "failover");
        foreach (var cluster in clusters)
        {
            var standbys = cluster.Nodes.Where(node => node.Name != cluster.IntendedPrimary).ToList();
            var streaming = standbys.Count(node => node.Streaming == true);
            table.AddRow(
                Text($"[bold]{cluster.Name}[/]"),
                cluster.Stale ? Text($"[red]not known: checks do not end[/]") : Text($"[{Colour(cluster.Verdict)}]{cluster.Verdict}[/]"), Text($"{cluster.IntendedPrimary ?? "unknown"}"),
                Text(streaming == standbys.Count ? $"{streaming} of {standbys.Count}" : (FormattableString)$"[yellow]{streaming} of {standbys.Count}[/]"),
                new Markup(standbys.Count == 0 ? "" : LagOf(standbys.MaxBy(node => node.ReplayLagBytes ?? long.MaxValue)!)),
                cluster.Procedure is { } procedure ? Text($"[yellow]under way: {procedure.Step}[/]")
                    : cluster.FailoverReady ? Text($"[green]ready[/]")
                    : Text($"[yellow]{string.Join(", ", NotReady(cluster))}[/]"));
        }
        return table;
    }

    /// <summary>The cluster in a line.</summary>
    public static Markup Header(ClusterStatus cluster) => Text(
        $"[bold]{cluster.Name}[/]  [{Colour(cluster.Verdict)}]{cluster.Verdict}[/]{Since(cluster)}  epoch {cluster.Epoch}  [{(cluster.FailoverReady ? "green" : "yellow")}]{Ready(cluster)}[/]");

    /// <summary>An event in one line, as far as the screen goes; `events` has all of it.</summary>
    public static IRenderable Event(JournalEntry entry, DateTimeOffset now) => new Hanging(
        Text($"  [dim]{(entry.Time.UtcDateTime.Date == now.UtcDateTime.Date ? "" : Invariant($"{entry.Time:MM-dd} "))}{entry.Time:HH:mm:ss.fff}[/]  "),
        Text($"[{Colour(entry.Kind)}]{entry.Kind}[/]  {Printable.Line(entry.Sentence)}"), oneLine: true);

    /// <summary>A word at the beginning, and a sentence whose further lines stand below its own beginning.</summary>
    public static IRenderable Line(FormattableString lead, FormattableString sentence) => new Hanging(Text(lead), Text(sentence));

    public static string Colour(EventKind kind) => kind switch
    {
        EventKind.FailoverFailed or EventKind.ActionFailed or EventKind.MemoryNotUnderstood or EventKind.NodeNotReturning => "red",
        EventKind.FailoverDecided or EventKind.FailoverWithdrawn or EventKind.FencingDecided or EventKind.PromotionTried or EventKind.FailoverNotBegun => "yellow",
        EventKind.FailoverSucceeded or EventKind.NodeReplacedReturned => "green",
        _ => "bold",
    };

    /// <summary>Few lines in it: on a terminal each column counts.</summary>
    public static Table Columns(params string[] names)
    {
        var table = new Table().Border(TableBorder.Simple).BorderStyle(Style.Parse("dim"));
        foreach (var name in names)
            table.AddColumn(new TableColumn(name) { NoWrap = name != names[^1], Padding = new Padding(0, 0, 1, 0) });
        return table;
    }

    private static Table Nodes(ClusterStatus cluster)
    {
        var table = Columns("node", "role", "LSN", "TL", "replay lag", "failover", "address");
        foreach (var node in cluster.Nodes)
        {
            table.AddRow(
                Text(node.Name == cluster.IntendedPrimary ? $"[bold]{node.Name}[/]" : (FormattableString)$"{node.Name}"),
                node.Reach == Reach.Serving ? Text($"[{(node.Role == Role.Primary ? "green" : "blue")}]{node.Role}[/]") : Text($"[red]{node.Reach}[/]"),
                Text($"{node.CurrentLsn ?? node.ReplayedLsn}"), Text($"{node.Timeline}"), new Markup(LagOf(node)),
                node.Candidate switch { null => Text($""), true => Text($"candidate"), false => Text($"[yellow]not[/]") },
                Text($"{node.Host}:{node.Port}"));
        }
        return table;
    }

    /// <summary>What is said above the table is not said again below it.</summary>
    private static bool InEvidence(ClusterStatus cluster, NodeStatus node) =>
        cluster.Verdict != Verdict.Serving && cluster.Evidence.Any(sentence => sentence.Contains(node.Detail, StringComparison.Ordinal));

    private static IRenderable UnderWay(Procedure procedure) => Line($"  [yellow]failover under way[/]  ",
        $"{StepOf(procedure)}{(procedure.Attempts > 1 ? Invariant($", attempt {procedure.Attempts}") : "")}; decided {procedure.DecidedAt:HH:mm:ss.fff} on {procedure.Verdict}");

    /// <summary>Where a failover has got to.</summary>
    public static string StepOf(Procedure procedure) => $"from {procedure.From} to {procedure.To}, at {procedure.Step}";

    private static IEnumerable<IRenderable> Losses(ClusterStatus cluster)
    {
        if (cluster is { Verdict: Verdict.Serving, FailoverReady: true, ExpectedLossBytes: { } loss })
            yield return Text($"  a failover now would lose {loss} bytes of WAL (estimate)");
        if (cluster.LastFailover is { } last)
            yield return Line($"  last failover  ", $"{last.FinishedAt:u}: {last.From} to {last.To}, {(last.Succeeded ? "succeeded" : "failed")}, {Loss(last.EstimatedLossBytes)}");
    }

    private static string LagOf(NodeStatus node) =>
        node.Role != Role.Standby ? ""
        : node.Streaming == false ? "[yellow]not streaming[/]"
        : node.ReplayLagBytes is { } bytes ? string.Create(CultureInfo.InvariantCulture, $"{Size(bytes)}, {(node.ReplayLagSeconds is { } seconds ? $"{seconds:0.0} s" : "? s")}")
        : "[yellow]unknown[/]";

    /// <summary>Exact while it is small, readable when it is not.</summary>
    private static string Size(long bytes) => bytes switch
    {
        < 10 << 10 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 10L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 10} KiB"),
        < 10L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 20} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes >> 30} GiB"),
    };

    private static IEnumerable<string> NotReady(ClusterStatus cluster) =>
        cluster.Gates.Select(gate => gate.Gate).Where(gate => gate != Gate.ThresholdNotReached).Distinct().Select(gate => gate.ToString()).DefaultIfEmpty("NOT ready");

    private static string Since(ClusterStatus cluster) => cluster.VerdictSince is { } since ? Invariant($" since {since:u}") : "";

    /// <summary>Readiness is a question for quiet times; when the primary does not serve, the gates say what is in the way.</summary>
    private static string Ready(ClusterStatus cluster) => !cluster.FailoverReady ? "failover NOT ready" : cluster.Verdict == Verdict.Serving ? "failover ready" : "";

    private static string Loss(long? bytes) => bytes is { } known ? Invariant($"{known} bytes of WAL lost (estimate)") : "loss unknown";

    private static string Colour(Verdict verdict) => verdict switch
    {
        Verdict.Serving => "green",
        Verdict.Busy or Verdict.ServingElsewhere or Verdict.WatchdogIsolated or Verdict.Unknown => "yellow",
        Verdict.Crashed or Verdict.Stopped or Verdict.Hung or Verdict.Down or Verdict.TwoPrimaries => "red",
    };

    private static Markup Text(FormattableString markup) => Markup.FromInterpolated(CultureInfo.InvariantCulture, markup);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
