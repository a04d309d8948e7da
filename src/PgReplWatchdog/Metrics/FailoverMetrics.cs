using System.Globalization;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;
using Prometheus;

namespace PgReplWatchdog.Metrics;

/// <summary>The failover under way, the last one, and what was done on hosts. The last one is on record: a watchdog that was started anew knows it.</summary>
internal sealed class FailoverMetrics
{
    private const string Succeeded = "succeeded";
    private const string Failed = "failed";
    private const string Withdrawn = "withdrawn";

    /// <summary>No failover is under way.</summary>
    private const string NoStep = "None";

    /// <summary>From the last sign of life to the decision; the other steps have the procedure's names.</summary>
    private const string Detect = "Detect";

    private static readonly ImmutableArray<string> Steps = [.. Enum.GetNames<ProcedureStep>().Where(step => step != nameof(ProcedureStep.Unknown))];

    /// <summary>The hook after runs when the new primary is writable: the failover has ended.</summary>
    private static readonly ImmutableArray<string> TimedSteps = [Detect, .. Steps.Where(step => step != nameof(ProcedureStep.HookAfter))];

    private readonly Gauge stepEntered, lastInfo, lastAcknowledged, lastStart, lastEnd, lastStepDuration, lastDowntime, lastExpectedLoss, lastEstimatedLoss, lastSalvaged;
    private readonly StateSet step;
    private readonly Histogram stepDuration, commandDuration;
    private readonly Counter failovers, commands;

    public FailoverMetrics(MetricList list)
    {
        step = list.StateSet("failover_step", "What is being done in the failover under way; None where there is none.", Steps.Prepend(NoStep), "cluster", "step");
        stepEntered = list.Gauge("failover_step_entered_timestamp_seconds", "When that step began; 0 where no failover is under way.", "cluster");
        failovers = list.Counter("failovers_total", "Automatic failovers that ended in this process; withdrawn is one that was taken back before the promotion.", "cluster", "result");
        lastStart = list.Gauge("failover_last_start_timestamp_seconds", "When the last failover was decided; 0 for never.", "cluster");
        lastEnd = list.Gauge("failover_last_end_timestamp_seconds", "When the last failover ended; 0 for never.", "cluster");
        lastInfo = list.Gauge("failover_last_info", "The last failover; always 1, absent for never.", "cluster", "epoch", "from_node", "to_node", "result", "verdict", "fenced_by");
        lastAcknowledged = list.Gauge("failover_last_acknowledged", "Whether a person has acknowledged the last failover (pgwatchdog acknowledge); absent for never.", "cluster");
        lastStepDuration = list.Gauge("failover_last_step_duration_seconds",
            "Time in each step of the last failover, Detect being from the last sign of life to the decision. Their sum is the downtime.", "cluster", "step");
        lastDowntime = list.Gauge("failover_last_downtime_seconds",
            "From the last sign of life of the old primary until the new one was seen as primary, or the last failover was given up.", "cluster");
        lastExpectedLoss = list.Gauge("failover_last_expected_loss_bytes", "WAL that the candidate had not received when the last failover was decided; absent where nobody knew.", "cluster");
        lastEstimatedLoss = list.Gauge("failover_last_estimated_loss_bytes",
            "WAL known to have been written that the new primary has not, after the salvage; a lower bound, absent where nobody knows.", "cluster");
        lastSalvaged = list.Gauge("failover_last_salvaged_bytes", "WAL shipped from the dead primary in the last failover; absent where that was not possible.", "cluster");
        stepDuration = list.Histogram("failover_step_duration_seconds", "Time in each step, of all failovers that ended in this process.", [0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300], "step");
        commands = list.Counter("commands_total", "Actions on hosts.", "cluster", "action", "result");
        commandDuration = list.Histogram("command_duration_seconds", "How long actions on hosts took.", [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60], "action");
        foreach (var timed in TimedSteps)
            stepDuration.WithLabels(timed);
        foreach (var action in WatchdogAction.Kinds)
            commandDuration.WithLabels(action);
    }

    public void Announce(ClusterSpec spec)
    {
        foreach (var result in new[] { Succeeded, Failed, Withdrawn })
            failovers.WithLabels(spec.Name, result).Inc(0);
        foreach (var (action, result) in WatchdogAction.Kinds.SelectMany(action => new[] { (action, Succeeded), (action, Failed) }))
            commands.WithLabels(spec.Name, action, result).Inc(0);
    }

    public void Did(ClusterSpec spec, WatchdogAction action, ActionOutcome outcome)
    {
        commands.WithLabels(spec.Name, action.Kind, outcome.Succeeded ? Succeeded : Failed).Inc();
        commandDuration.WithLabels(action.Kind).Observe(outcome.Took.TotalSeconds);
    }

    public void Count(Finding? before, Finding finding)
    {
        foreach (var ended in finding.Decision.Events.Where(ended => ended.Kind is EventKind.FailoverSucceeded or EventKind.FailoverFailed))
        {
            failovers.WithLabels(finding.Cluster, ended.Kind == EventKind.FailoverSucceeded ? Succeeded : Failed).Inc();
            foreach (var (timed, seconds) in finding.Memory.LastFailover is { } last ? Durations(last) : [])
                stepDuration.WithLabels(timed).Observe(seconds);
        }
        if (before?.Memory.Procedure is { Step: ProcedureStep.Withdraw } && finding.Memory.Procedure is null && before.Memory.LastFailover == finding.Memory.LastFailover)
            failovers.WithLabels(finding.Cluster, Withdrawn).Inc();
    }

    public void Write(Finding finding)
    {
        var (cluster, procedure, last) = (finding.Cluster, finding.Memory.Procedure, finding.Memory.LastFailover);
        step.Set([cluster], procedure?.Step.ToString() ?? NoStep);
        stepEntered.WithLabels(cluster).Set(procedure is { Phases: [.., { } phase] } ? phase.At.ToSeconds() : 0);
        lastStart.WithLabels(cluster).Set(last?.Procedure.DecidedAt.ToSeconds() ?? 0);
        lastEnd.WithLabels(cluster).Set(last?.FinishedAt.ToSeconds() ?? 0);
        lastDowntime.SetOrRemove((last?.FinishedAt - last?.Procedure.SilentSince)?.TotalSeconds, cluster);
        lastExpectedLoss.SetOrRemove(last?.Procedure.ExpectedLossBytes, cluster);
        lastEstimatedLoss.SetOrRemove(last?.EstimatedLossBytes, cluster);
        lastSalvaged.SetOrRemove(last?.Procedure.SalvagedBytes, cluster);
        if (last is null)
            return;
        lastAcknowledged.WithLabels(cluster).Set(finding.Observation.Wish.AcknowledgedEpoch >= last.Epoch ? 1 : 0);
        lastInfo.SetInfo(1, cluster, last.Epoch.ToString(CultureInfo.InvariantCulture), last.From, last.To, last.Succeeded ? Succeeded : Failed,
            last.Procedure.Verdict, last.Procedure.FencedBy.ToString());
        foreach (var (timed, seconds) in Durations(last))
            lastStepDuration.WithLabels(cluster, timed).Set(seconds);
    }

    /// <summary>A step lasts until the next one begins; one that was gone back to has both times, one that was passed over none.</summary>
    private static Dictionary<string, double> Durations(FinishedFailover last)
    {
        var (phases, durations) = (last.Procedure.Phases, TimedSteps.ToDictionary(timed => timed, _ => 0.0));
        durations[Detect] = (last.Procedure.DecidedAt - last.Procedure.SilentSince).TotalSeconds;
        foreach (var (index, phase) in phases.Index().Where(phase => durations.ContainsKey(phase.Item.Step.ToString())))
            durations[phase.Step.ToString()] += ((index + 1 < phases.Length ? phases[index + 1].At : last.FinishedAt) - phase.At).TotalSeconds;
        return durations;
    }
}
