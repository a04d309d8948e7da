using System.Globalization;

namespace PgReplWatchdog.Core.Tests.Scenarios;

/// <summary>What the words of a scenario mean, and how a decision reads in one.</summary>
internal static class ScenarioText
{
    public static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>"alpha" or "alpha:0", with its priority.</summary>
    public static ClusterSpec Spec(Policy policy, string[] nodes) => nodes.Select(node => node.Split(':')).Aggregate(
        Clusters.Spec(policy, [.. nodes.Select(node => node.Split(':')[0])]) with { Owner = "0a1b2c3d" },
        (spec, node) => node.Length == 1 ? spec : spec.WithPriority(node[0], int.Parse(node[1], CultureInfo.InvariantCulture)));

    public static Policy WithSetting(Policy policy, string assignment)
    {
        var (name, text) = (assignment.Split('=')[0], assignment.Split('=')[1]);
        var property = typeof(Policy).GetProperty(name) ?? throw new FormatException($"there is no setting {name}");
        var changed = policy with { };
        property.SetValue(changed, property.PropertyType == typeof(TimeSpan)
            ? Duration(text)
            : property.PropertyType.IsEnum ? Enum.Parse(property.PropertyType, text)
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

    /// <summary>One look: what each part says, and what follows from it where no part does. The last action has succeeded unless a part says otherwise.</summary>
    public static ClusterObservation Observation(string[] parts, double at, Decision? last, string? guard)
    {
        var kinds = parts.ToLookup(part => part.Split(' ')[0] is "host" or "port" or "references" or "journal" or "action" or "salvaged" or "paused" or "freeze" or "acknowledged" or "adopt" or "guard"
            ? part.Split(' ')[0] : "node");
        var nodes = kinds["node"].Select(part => Node(part, at))
            .Select(node => node.IsServingPrimary ? node.With(server => server with { GuardOrderId = guard }) : node).ToArray();
        return Clusters.At(at, nodes).With([.. kinds["host"].Select(part => Host(part.Split(' ')[1..]))]) with
        {
            PortViews = [.. kinds["port"].Select(part => part.Split(' ')).Select(words => new PortView(words[4], words[2], Enum.Parse<PortAnswer>(words[5], ignoreCase: true)))],
            References = kinds["references"].Select(part => Enum.Parse<ReferenceAnswer>(part.Split(' ')[1], ignoreCase: true)).FirstOrDefault(),
            Testimonies = [.. kinds["guard"].SelectMany(part => Testimony(part.Split(' '), last))],
            JournalWritable = !kinds["journal"].Any(),
            InFreezeWindow = kinds["freeze"].Any(),
            Wish = new OperatorWish(kinds["paused"].Any(), kinds["acknowledged"].Select(part => long.Parse(part.Split(' ')[1], CultureInfo.InvariantCulture)).FirstOrDefault())
            {
                Adopt = kinds["adopt"].Select(part => part.Split(' ')).Select(words => Request(words[1], words[3], at)).FirstOrDefault(),
            },
            Report = last?.Action is null or WatchdogAction.None ? null : new ActionReport(last.Action.Kind, last.Action.Node, !kinds["action"].Any(),
                kinds["salvaged"].Select(part => (long?)long.Parse(part.Split(' ')[1], CultureInfo.InvariantCulture)).FirstOrDefault()),
        };
    }

    /// <summary>"adopt beta epoch 2 at 60.0".</summary>
    private static AdoptionRequest Request(string node, string epoch, double at) =>
        new(node, long.Parse(epoch, CultureInfo.InvariantCulture), "mary", Clusters.Start.AddSeconds(at));

    /// <summary>"guard heard by beta": only what was asked is answered. The message quotes what beta has flushed since the look that it was asked by.</summary>
    private static IEnumerable<GuardTestimony> Testimony(string[] words, Decision? last)
    {
        if (last?.Inquiry.Guard.FirstOrDefault(question => question.Node == words[3]) is not { } question || last.Memory.Guard is not { } guard)
            return [];
        var none = new GuardTestimony(question.Node, question.After);
        var message = none with { OrderId = guard.Order.Id, Owner = guard.Order.Owner, Flushed = new Lsn(question.After.Value + 1) };
        return words[1] switch
        {
            "heard" => [message],
            "unheard" => [none],
            "other" => [message with { OrderId = "01234567" }],
            _ => throw new FormatException($"'{words[1]}' says nothing of a guard: heard, unheard, other"),
        };
    }

    private static HostObservation Host(string[] words)
    {
        var host = words[1] switch
        {
            "up" => Clusters.HostUp(words[0]),
            "hung" => Clusters.HostHung(words[0]),
            "starting" => Clusters.HostUp(words[0]) with { LocalAnswer = PortAnswer.Rejecting },
            "dead" => Clusters.HostDead(words[0]),
            "shut" => Clusters.HostDead(words[0], "shut down"),
            "fenced" => Clusters.HostDead(words[0], blocked: true),
            "unclear" => Clusters.HostUp(words[0]) with { PostmasterRuns = false, Processes = null, LocalAnswer = PortAnswer.Silent },
            "gone" => Clusters.HostGone(words[0]),
            _ => throw new FormatException($"'{words[1]}' says nothing of a host: up, hung, starting, dead, shut, fenced, unclear, gone"),
        };
        return words.Length == 2 ? host : words[2] switch
        {
            "standby" => host with { StandbySignal = true },
            "history" => host with { History = TimelineHistory.Parse(string.Join(' ', words[3..])) },
            "epoch" => host with { Mark = EpochMark.Parse(string.Join(' ', words[3..])) },
            "unwritable" => host with { TriggerDirectoryWritable = false },
            "fixed" => host with { DetachObstacle = "there is no pgwatchdog.conf in its data directory" },
            "full" => host with { TriggerDirectoryWritable = false, FreeBytes = 4096, Filling = "pg_wal 180000 kB" },
            "hanging" => host with { TriggerDirectoryWritable = false, StorageHangs = true },
            "job" => host with { Job = new HostJob(long.Parse(words[3], CultureInfo.InvariantCulture), words[4] == "running", words[4] == "exit" ? int.Parse(words[5], CultureInfo.InvariantCulture) : null, "its last line") },
            _ => throw new FormatException($"'{words[2]}' says nothing more of a host: standby, history, epoch, unwritable, fixed, full, hanging, job EPOCH running, job EPOCH exit STATUS"),
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
                "synchronous" => Synchronous(words[++next]),
                "unreadable" => seen.With(server => server with { ReadsStatistics = false, WalReceiver = null }),
                "flushed" => Flushed(Lsn.Parse(words[++next])),
                "inserted" => Inserted(Lsn.Parse(words[++next])),
                "paused" => seen.With(server => server with { ReplayPaused = true }),
                "replayed" => Replayed(Lsn.Parse(words[++next])),
                "timeline" => Timeline(uint.Parse(words[++next], CultureInfo.InvariantCulture)),
                "system" => System(ulong.Parse(words[++next], CultureInfo.InvariantCulture)),
                "trigger" => Trigger(words[++next]),
                "version" => OfVersion(int.Parse(words[++next], CultureInfo.InvariantCulture)),
                "lacks" => Lacks(words[++next]),
                "may-promote" => seen.With(server => server with { MayPromote = true }),
                "watched-by" => WatchedBy(words[++next], words[++next]),
                "sees" => Sees(words[++next].Split(':')),
                "upstream" => Upstream(words[++next]),
                "started" => Started(Number(words[++next])),
                _ => throw new FormatException($"'{words[next]}' says nothing of a server: silent, heard, synchronous, unreadable, flushed, inserted, paused, replayed, "
                    + "timeline, system, trigger, version, lacks, may-promote, watched-by, sees, upstream, started"),
            };
        }
        return seen;

        NodeObservation WatchedBy(string owner, string address) => seen.With(server => server with { Watchdogs = [new(owner, address, 0.5, FromHere: false)] });
        NodeObservation Sees(string[] standby) => seen.With(server => server with { WalSenders = [new WalSender(standby[0], standby[1], "async", null, null, null)] });
        NodeObservation Heard(double when) => seen.With(server => server with { WalReceiver = new WalReceiver("streaming", Clusters.Seconds(at - when)) });
        NodeObservation Upstream(string node) => seen.With(server => server with { WalReceiver = server.WalReceiver! with { Upstream = node } });
        NodeObservation Started(double second) => seen.With(server => server with { StartedAt = Clusters.Start.AddSeconds(second) });
        NodeObservation Synchronous(string names) => seen.With(server => server with { SynchronousStandbyNames = names });
        NodeObservation Flushed(Lsn position) => seen.With(server => server with { FlushLsn = position });
        NodeObservation Inserted(Lsn position) => seen.With(server => server with { InsertLsn = position });
        NodeObservation Replayed(Lsn position) => seen.With(server => server with { ReplayedLsn = position });
        NodeObservation Timeline(uint number) => seen.With(server => server with { Timeline = number });
        NodeObservation System(ulong number) => seen.With(server => server with { SystemIdentifier = number });
        NodeObservation Lacks(string node) => seen.With(server => server with { Slots = server.Slots.RemoveAll(slot => slot.Name == "pgwatchdog_" + node) });
        NodeObservation OfVersion(int major) => seen.With(server => server with { VersionNumber = major * 10_000 });
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
        WatchdogAction.None => "none",
        WatchdogAction.Promote promote => $"promote {promote.Node} by {promote.Method}",
        WatchdogAction.WithdrawPromotion withdraw => $"withdraw the promotion of {withdraw.Node}",
        WatchdogAction.Fence fence => $"fence {fence.Node}",
        WatchdogAction.FenceByCommand fence => $"fence {fence.Node} by command",
        WatchdogAction.Freeze freeze => $"freeze {freeze.Node}",
        WatchdogAction.Salvage salvage => $"salvage {salvage.Node} after {salvage.After} for {salvage.To}",
        WatchdogAction.RunHook hook => $"run the hook {hook.Moment.ToString().ToLowerInvariant()}",
        WatchdogAction.Reserve reserve => $"reserve on {reserve.Node} for {reserve.For}",
        WatchdogAction.Repoint repoint => $"repoint {repoint.Node} to {repoint.Primary}",
        WatchdogAction.Checkpoint checkpoint => $"checkpoint on {checkpoint.Node}",
        WatchdogAction.Rejoin rejoin => $"rejoin {rejoin.Node} to {rejoin.Primary}",
        WatchdogAction.ArmGuard arm => $"arm guard of {arm.Node} with {string.Join(' ', arm.Order.Vouchers)}",
        WatchdogAction.DisarmGuard disarm => $"disarm guard of {disarm.Node}",
        WatchdogAction.RecordEpoch record => $"record epoch {record.Epoch} with {record.Primary} on {record.Node}",
        _ => throw new FormatException($"no words for {action.Kind}"),
    };

    /// <summary>What is on record, but for the position: that changes all the time.</summary>
    public static string Memory(ClusterMemory memory) =>
        $"intended {memory.IntendedPrimary}, epoch {memory.Epoch}, timeline {memory.NewestTimeline}"
        + (memory.Replaced.IsEmpty ? "" : $", replaced {string.Join(' ', memory.Replaced)}")
        + (memory.Following.IsEmpty ? "" : $", following {string.Join(' ', memory.Following)}")
        + string.Concat(memory.Returning.Select(node => $", returning {node.Node}: {node.Step}, attempt {node.Attempts}"))
        + (memory.Other is { } other ? $", beside {other.Described}" : "")
        + (memory.Later is { } later ? $", older than epoch {later.Epoch} with {later.Primary} on the host of {later.Node}" : "")
        + (memory.Guard is { } guard ? $", guard of {guard.Node}: {string.Join(' ', guard.Order.Vouchers)}" : "")
        + (memory.Procedure is { } procedure ? $", under way: {procedure.Step} {procedure.From} to {procedure.To}, attempt {procedure.Attempts}{Fenced(procedure)}" : "")
        + (memory.LastFailover is { } failover ? $", last failover {(failover.Succeeded ? "succeeded" : "failed")} at second {(failover.FinishedAt - Clusters.Start).TotalSeconds:0}" : "");

    private static string Fenced(Procedure procedure) => procedure.FencedBy == FencedBy.Unknown ? "" : $", fenced by {procedure.FencedBy}";
}
