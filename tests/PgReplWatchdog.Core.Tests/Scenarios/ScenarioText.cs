using System.Globalization;

namespace PgReplWatchdog.Core.Tests.Scenarios;

/// <summary>What the words of a scenario mean, and how a decision reads in one.</summary>
internal static class ScenarioText
{
    public static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>"alpha" or "alpha:0", with its priority.</summary>
    public static ClusterSpec Spec(Policy policy, string[] nodes) => nodes.Select(node => node.Split(':')).Aggregate(
        Clusters.Spec(policy, [.. nodes.Select(node => node.Split(':')[0])]),
        (spec, node) => node.Length == 1 ? spec : spec.WithPriority(node[0], int.Parse(node[1], CultureInfo.InvariantCulture)));

    public static Policy WithSetting(Policy policy, string assignment)
    {
        var (name, text) = (assignment.Split('=')[0], assignment.Split('=')[1]);
        var property = typeof(Policy).GetProperty(name) ?? throw new FormatException($"there is no setting {name}");
        var changed = policy with { };
        property.SetValue(changed, property.PropertyType == typeof(TimeSpan)
            ? Duration(text)
            : Convert.ChangeType(text, property.PropertyType, CultureInfo.InvariantCulture));
        return changed;
    }

    private static TimeSpan Duration(string text)
    {
        var unit = text.TrimStart([.. "0123456789."]);
        var number = Number(text[..^unit.Length]);
        return unit switch
        {
            "ms" => TimeSpan.FromMilliseconds(number),
            "s" => TimeSpan.FromSeconds(number),
            "min" => TimeSpan.FromMinutes(number),
            "h" => TimeSpan.FromHours(number),
            _ => throw new FormatException($"'{text}' is no time such as 10s: units are ms, s, min, h"),
        };
    }

    public static NodeObservation Node(string answer, double at)
    {
        var words = answer.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words[1] switch
        {
            "primary" => Options(Clusters.Primary(words[0], Lsn.Parse(words[2])), words[3..], at),
            "standby" => Options(Clusters.Standby(words[0], Lsn.Parse(words[2])), words[3..], at),
            "refused" => Without(Reach.Refused),
            "unreachable" => Without(Reach.Unreachable),
            "alive" => Without(Reach.Alive),
            "failed" => Without(Reach.Failed),
            "unasked" => Without(Reach.Unknown),
            _ => throw new FormatException($"'{words[1]}' is no answer: primary, standby, refused, unreachable, alive, failed, unasked"),
        };

        NodeObservation Without(Reach reach) => new(words[0], reach, string.Join(' ', words[2..]), null);
    }

    private static NodeObservation Options(NodeObservation seen, string[] words, double at)
    {
        for (var next = 0; next < words.Length; next++)
        {
            seen = words[next] switch
            {
                "silent" => seen.With(server => server with { WalReceiver = null }),
                "heard" => Heard(Number(words[++next])),
                "unreadable" => seen.With(server => server with { ReadsStatistics = false, WalReceiver = null }),
                "paused" => seen.With(server => server with { ReplayPaused = true }),
                "replayed" => Replayed(Lsn.Parse(words[++next])),
                "timeline" => Timeline(uint.Parse(words[++next], CultureInfo.InvariantCulture)),
                "system" => System(ulong.Parse(words[++next], CultureInfo.InvariantCulture)),
                "trigger" => Trigger(words[++next]),
                _ => throw new FormatException($"'{words[next]}' says nothing of a server: silent, heard, paused, replayed, timeline, system, trigger"),
            };
        }
        return seen;

        NodeObservation Heard(double when) => seen.With(server => server with { WalReceiver = new WalReceiver("streaming", Clusters.Seconds(at - when)) });
        NodeObservation Replayed(Lsn position) => seen.With(server => server with { ReplayedLsn = position });
        NodeObservation Timeline(uint number) => seen.With(server => server with { Timeline = number });
        NodeObservation System(ulong number) => seen.With(server => server with { SystemIdentifier = number });
        NodeObservation Trigger(string path) => seen.With(server => server with { PromoteTriggerFile = path == "none" ? "" : path });
    }

    public static string Result(Decision decision)
    {
        var shut = decision.Gates.Select(gate => gate.Node is { } node ? $"{gate.Gate}({node})" : $"{gate.Gate}");
        return $"{decision.Diagnosis.Verdict}  primary {decision.Diagnosis.Primary ?? "unknown"}  shut: {(decision.Gates.IsEmpty ? "none" : string.Join(' ', shut))}"
            + $"  action: {Action(decision.Action)}";
    }

    private static string Action(WatchdogAction action) => action switch
    {
        WatchdogAction.Promote promote => $"promote {promote.Node}",
        WatchdogAction.WithdrawPromotion withdraw => $"withdraw the promotion of {withdraw.Node}",
        WatchdogAction.Fence fence => $"fence {fence.Node}",
        _ => "none",
    };

    /// <summary>What is on record, but for the position: that changes all the time.</summary>
    public static string Memory(ClusterMemory memory) =>
        $"intended {memory.IntendedPrimary}, epoch {memory.Epoch}, timeline {memory.NewestTimeline}"
        + (memory.Replaced.IsEmpty ? "" : $", replaced {string.Join(' ', memory.Replaced)}")
        + (memory.Procedure is { } procedure ? $", under way: {procedure.Step} {procedure.From} to {procedure.To}, attempt {procedure.Attempts}" : "")
        + (memory.LastFailover is { } failover ? $", last failover {(failover.Succeeded ? "succeeded" : "failed")} at second {(failover.FinishedAt - Clusters.Start).TotalSeconds:0}" : "");
}
