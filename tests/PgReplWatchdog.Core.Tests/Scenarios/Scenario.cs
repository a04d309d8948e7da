using System.Globalization;

namespace PgReplWatchdog.Core.Tests.Scenarios;

/// <summary>Plays a scenario script (README.md beside it) and gives back its text with the results as they are.</summary>
internal sealed class Scenario
{
    private readonly List<string> written = [];
    private Policy policy = new();
    private string[] nodes = [Clusters.Alpha, Clusters.Beta];
    private ClusterMemory memory = ClusterMemory.Empty;
    private WorkingMemory working = WorkingMemory.Empty;
    private Decision? last;
    private string? guard = ""; // the id that the primary's guard shows; null where there is no guard
    private bool slowGuard;
    private string? told; // what a slow guard was told in the last look

    public static string Play(string script)
    {
        var scenario = new Scenario();
        foreach (var (number, line) in script.TrimEnd('\n').Split('\n').Index())
        {
            if (line.StartsWith("->", StringComparison.Ordinal) || line.StartsWith("   ", StringComparison.Ordinal))
                continue;
            scenario.written.Add(line);
            try
            {
                if (number > 0)
                    scenario.Run(line);
            }
            catch (Exception failure) when (failure is FormatException or IndexOutOfRangeException or ArgumentException)
            {
                throw new FormatException($"line {number + 1}, '{line}': {failure.Message}", failure);
            }
        }
        return string.Join('\n', scenario.written) + "\n";
    }

    private void Run(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        switch (words.FirstOrDefault())
        {
            case null or "#":
                break;
            case "nodes":
                nodes = words[1..];
                break;
            case "policy":
                policy = words[1..].Aggregate(policy, ScenarioText.WithSetting);
                break;
            case "no" when words is [_, "guard"]:
                guard = null;
                break;
            case "slow" when words is [_, "guard"]:
                slowGuard = true;
                break;
            case "restart":
                (working, last) = (WorkingMemory.Empty, null);
                break;
            case "at":
                Look(line.Split('|', StringSplitOptions.TrimEntries));
                break;
            default:
                throw new FormatException("a line begins with at, policy, nodes, no guard, slow guard, restart or #");
        }
    }

    private void Look(string[] parts)
    {
        var when = parts[0].Split(' ');
        var (from, to) = (ScenarioText.Number(when[1]), ScenarioText.Number(when[^1]));
        string? before = null;
        for (var at = from; at <= to; at += policy.CheckInterval.TotalSeconds)
        {
            var result = LookAt(at, parts[1..]);
            Write(result, at > from, at, before);
            before = result.Split('\n')[0];
            var tells = last!.Action switch { WatchdogAction.ArmGuard arm => arm.Order.Id, WatchdogAction.DisarmGuard => "", _ => null };
            if (slowGuard)
                (guard, told) = (told ?? guard, tells);
            else if (guard is not null && tells is not null)
            {
                // It does as told, and is believed at once: how long that takes is for a slow guard to show.
                (guard, working) = (tells, working with { GuardToldAt = Clusters.Seconds(at) - Clusters.GuardSettlesWithin });
                result = LookAt(at, parts[1..]);
                working = working with { GuardToldAt = Clusters.Seconds(at) };
                Write(result, at > from, at, before);
                before = result.Split('\n')[0];
            }
        }
    }

    private void Write(string result, bool later, double at, string? before)
    {
        if (result != before)
            written.AddRange($"->{(later ? string.Create(CultureInfo.InvariantCulture, $" from {at:0.0}:") : "")} {result}".Split('\n'));
    }

    private string LookAt(double at, string[] parts)
    {
        var observation = ScenarioText.Observation(parts, at, last, guard);
        var decision = Decider.Decide(ScenarioText.Spec(policy, nodes), memory, working, observation);
        List<string> lines =
        [
            ScenarioText.Result(decision),
            .. Changes.Between(last, decision).AddRange(decision.Events).Select(told => $"   {told.Kind}: {told.Sentence}"),
        ];
        if (ScenarioText.Memory(memory) != ScenarioText.Memory(decision.Memory))
            lines.Add("   on record: " + ScenarioText.Memory(decision.Memory));
        (memory, working, last) = (decision.Memory, decision.Working, decision);
        return string.Join('\n', lines);
    }
}
