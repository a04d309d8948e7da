using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Journaling;

/// <summary>Recorded looks decided anew, under another policy. What was done then is in the looks; what would have been done is not carried out.</summary>
public static class Replay
{
    /// <summary>A time during which the primary was found failed, and what became of it then and now.</summary>
    /// <param name="Began">The first look that found it failed.</param>
    /// <param name="Ended">The first look that found a primary serving again; null where that is not recorded.</param>
    /// <param name="Verdicts">What was found, in order.</param>
    /// <param name="Decided">The failover that was decided then.</param>
    /// <param name="WouldDecide">The failover that would be decided.</param>
    /// <param name="ShutToTheLast">Where none would be: the gates that were shut when it was found failed last.</param>
    public sealed record Incident(
        DateTimeOffset Began, DateTimeOffset? Ended, ImmutableArray<Verdict> Verdicts, DecidedFailover? Decided, DecidedFailover? WouldDecide, ImmutableArray<ShutGate> ShutToTheLast);

    /// <param name="Time">When.</param>
    /// <param name="After">Since the incident began.</param>
    /// <param name="Sentence">As the journal has it.</param>
    public sealed record DecidedFailover(DateTimeOffset Time, TimeSpan After, string Sentence);

    public static ImmutableArray<Incident> Run(ClusterSpec spec, IReadOnlyList<Look> looks)
    {
        ArgumentNullException.ThrowIfNull(looks);
        var incidents = ImmutableArray.CreateBuilder<Incident>();
        if (looks.Count == 0)
            return [];
        var (run, memory, working) = ("", looks[0].Memory with { Procedure = null }, WorkingMemory.Empty);
        foreach (var look in looks)
        {
            working = look.Run == run ? working : WorkingMemory.Empty; // a new process counts silence anew
            run = look.Run;
            var decision = Decider.Decide(spec, memory, working, look.Observation);
            var would = decision.Events.FirstOrDefault(told => told.Kind == EventKind.FailoverDecided);
            memory = would is null ? decision.Memory with { Procedure = null } : memory with { LastFailover = Finished(memory, decision.Memory.Procedure!) };
            working = decision.Working;
            Count(incidents, look, decision, would);
        }
        return incidents.ToImmutable();
    }

    private static void Count(ImmutableArray<Incident>.Builder incidents, Look look, Decision decision, WatchdogEvent? would)
    {
        var time = look.Observation.Time;
        var open = incidents.Count > 0 && incidents[^1].Ended is null;
        if (look.Verdict.IsFailure() && !open)
            incidents.Add(new Incident(time, null, [], null, null, []));
        else if (!open)
            return;
        var now = incidents[^1];
        incidents[^1] = now with
        {
            Ended = look.Verdict == Verdict.Serving ? time : null,
            Verdicts = look.Verdict.IsFailure() && !now.Verdicts.Contains(look.Verdict) ? now.Verdicts.Add(look.Verdict) : now.Verdicts,
            Decided = now.Decided ?? Of(look.Events.FirstOrDefault(told => told.Kind == EventKind.FailoverDecided)),
            WouldDecide = now.WouldDecide ?? Of(would),
            ShutToTheLast = look.Verdict.IsFailure() ? decision.Gates : now.ShutToTheLast,
        };

        DecidedFailover? Of(WatchdogEvent? told) => told is null ? null : new DecidedFailover(time, time - now.Began, told.Sentence);
    }

    /// <summary>As if it had succeeded at once: MinimumInterval counts from there.</summary>
    private static FinishedFailover Finished(ClusterMemory memory, Procedure procedure) =>
        new(memory.Epoch + 1, procedure.From, procedure.To, Succeeded: true, procedure.DecidedAt, procedure.ExpectedLossBytes, procedure);
}
