using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Page;

/// <summary>The three questions of somebody who has never seen the page: is it healthy, would a failover work now, what happened last and why.</summary>
public static class Answers
{
    public static Answer Health(ClusterView view)
    {
        ArgumentNullException.ThrowIfNull(view);
        var status = view.Status;
        if (Unknown(view) is { } unknown)
            return unknown;
        if (status.Procedure is { } procedure)
        {
            return new(Tone.Acting, $"Failing over from {procedure.From} to {procedure.To}",
                [$"{Words.Of(procedure.Step)} ({Words.Span(view.Now - procedure.SilentSince)} since the last sign of life)", .. status.Evidence]);
        }
        if (status.Verdict != Verdict.Serving)
            return new(ToneOf(status.Verdict), Words.Of(status.Verdict, status.IntendedPrimary), status.Evidence);
        var standbys = status.Nodes.Where(node => node.Name != status.IntendedPrimary).ToList();
        var away = standbys.Where(node => node.Streaming != true).ToList();
        var streams = standbys.Except(away).Select(node => $"{node.Name} streams, {Words.Lag(node)}");
        var unasked = standbys.Except(away).Where(node => node.Reach != Reach.Serving).ToList();
        ImmutableArray<string> because = [$"{status.IntendedPrimary} is the primary", .. away.Concat(unasked).Select(node => $"{node.Name}: {Standing(status, node)}"), .. streams];
        return away.Count > 0 ? new(Tone.Suspect, $"The primary serves, {Names(away)} {(away.Count == 1 ? "does" : "do")} not stream", because)
            : unasked.Count > 0 ? new(Tone.Suspect, $"The primary serves, {Names(unasked)} {(unasked.Count == 1 ? "streams and cannot be asked" : "stream and cannot be asked")}", because)
            : new(Tone.Good, "Yes, all nodes are well", because);

        static string Names(IEnumerable<NodeStatus> nodes) => string.Join(", ", nodes.Select(node => node.Name));
    }

    public static Answer Readiness(ClusterView view)
    {
        ArgumentNullException.ThrowIfNull(view);
        var status = view.Status;
        var shut = status.Gates.Where(gate => gate.Gate != Gate.ThresholdNotReached).ToList();
        if (Unknown(view) is { } unknown && (view.IsStale || shut.Count == 0)) // a shut gate is known also of a primary of which nothing is
            return unknown;
        if (status.Procedure is { } procedure)
            return new(Tone.Acting, "One is under way", [$"{procedure.From} is replaced by {procedure.To}: {Words.Of(procedure.Step)}"]);
        var best = status.Candidates.FirstOrDefault(candidate => candidate.Eligible)?.Node;
        if (shut.Count > 0)
            return new(Tone.Suspect, (status.Verdict.IsFailure() ? "No failover begins: " : "No, ") + Words.Of(shut[0].Gate), [.. shut.Select(gate => $"{gate.Gate}: {gate.Sentence}")]);
        if (status.Verdict.IsFailure())
            return new(Tone.Acting, $"{best} is about to be promoted", [.. Sentences.WhatWouldHappen(status)]);
        var lost = status.ExpectedLossBytes is { } bytes ? Words.Bytes(bytes) : "an unknown amount";
        return new(Tone.Good, $"Yes, {best} would take over", [TakesAbout(view), $"{lost} of WAL would be lost with a host that never returns"]);
    }

    /// <summary>The newest failover or decision not to begin one.</summary>
    public static Answer Last(ClusterView view)
    {
        ArgumentNullException.ThrowIfNull(view);
        var notDone = view.NotDone.FirstOrDefault();
        if (view.Failovers.FirstOrDefault() is { } last && (notDone is null || notDone.Time <= last.Failover.FinishedAt))
            return Of(last, view.Now);
        return view is { JournalTrouble: { } trouble } && notDone is null ? new(Tone.Unknown, "Not known", [$"the journal cannot be read: {trouble}"])
            : notDone is null ? new(Tone.Calm, "Nothing", ["No failover is on record, and no fault that could have led to one"])
            : Of(notDone, view.Now);
    }

    /// <summary>A decision not to act: what the journal says after each semicolon is a reason of its own.</summary>
    public static Answer Of(JournalEntry notDone, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(notDone);
        return new(Tone.Suspect, $"A fault without a failover, {Words.Ago(now - notDone.Time)}", [.. notDone.Sentence.Split("; ")]);
    }

    public static Answer Of(FailoverReport report, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(report);
        var failover = report.Failover;
        ImmutableArray<string> why = [Words.Why(failover.Procedure), .. failover.Procedure.Evidence.Take(2)];
        return failover.Succeeded
            ? new(Tone.Calm, $"Failover from {failover.From} to {failover.To}, {Words.Ago(now - failover.FinishedAt)}",
                [.. why, $"{Words.Span(report.WithoutPrimary)} without a primary; lost: {Words.Bytes(failover.EstimatedLossBytes)}"])
            : new(Tone.Broken, $"A failover from {failover.From} to {failover.To} failed, {Words.Ago(now - failover.FinishedAt)}", why);
    }

    /// <summary>What a person has to see to, the worst first.</summary>
    public static ImmutableArray<Answer> Problems(ClusterView view)
    {
        ArgumentNullException.ThrowIfNull(view);
        var status = view.Status;
        List<Answer> problems = [];
        if (Health(view) is { Tone: not Tone.Good } unwell)
            problems.Add(unwell);
        if (!view.IsStale && status.Procedure is null && Readiness(view) is { Tone: not Tone.Good } unready)
            problems.Add(unready with { Title = status.Verdict.IsFailure() ? unready.Title : unready.Title.Replace("No, ", "a failover would not work now: ", StringComparison.Ordinal) });
        foreach (var back in status.Returning)
        {
            problems.Add(back.Step == ReturnStep.GivenUp
                ? new(Tone.Broken, $"{back.Node} could not be made a standby", ["a person is needed: the events say what was tried"])
                : new(Tone.Acting, $"{back.Node} is on its way back", [FormattableString.Invariant($"{back.Step}, attempt {back.Attempts}")]));
        }
        if (view.JournalTrouble is { } trouble)
            problems.Add(new(Tone.Suspect, "The journal cannot be read", [trouble]));
        return [.. problems.OrderByDescending(problem => problem.Tone)];
    }

    public static Tone ToneOf(Verdict verdict) => verdict switch
    {
        Verdict.Unknown => Tone.Unknown,
        Verdict.Serving => Tone.Good,
        Verdict.Busy or Verdict.ServingElsewhere or Verdict.WatchdogIsolated => Tone.Suspect,
        Verdict.Crashed or Verdict.Stopped or Verdict.Hung or Verdict.Down or Verdict.TwoPrimaries => Tone.Broken,
    };

    private static Answer? Unknown(ClusterView view) => view switch
    {
        { Last: null } => new(Tone.Unknown, "Not known yet", ["no check has ended"]),
        { IsStale: true } => new(Tone.Unknown, "Not known", [$"the last check ended {Words.Span(view.Age ?? TimeSpan.Zero)} ago, which is more than three intervals: what is below is of then"]),
        { Status.Verdict: Verdict.Unknown } => new(Tone.Unknown, "Not known", view.Status.Evidence),
        _ => null,
    };

    private static string Standing(ClusterStatus status, NodeStatus node) =>
        status.Returning.FirstOrDefault(back => back.Node == node.Name) is { } back ? FormattableString.Invariant($"on its way back ({back.Step}, attempt {back.Attempts})")
        : status.Replaced.Contains(node.Name) ? $"was replaced{(node.Detail.Length > 0 ? ", " + node.Detail : "")}"
        : node.Detail.Length > 0 ? node.Detail
        : node.Role == Role.Standby ? "serves as standby, its walreceiver does not stream" : $"serves as {node.Role}";

    private static string TakesAbout(ClusterView view)
    {
        var policy = view.Spec.Policy;
        if (view.Failovers.FirstOrDefault(report => report.Failover.Succeeded)?.Failover is not { } last)
            return $"{Words.Span(policy.CrashedThreshold)} after a crash of PostgreSQL, {Words.Span(policy.UnreachableThreshold)} after its host vanished, and what the promotion takes";
        var took = last.FinishedAt - last.Procedure.DecidedAt;
        return $"about {Words.Span(policy.CrashedThreshold + took)} after a crash of PostgreSQL, {Words.Span(policy.UnreachableThreshold + took)} after its host vanished "
            + $"(the last one took {Words.Span(took)} once decided)";
    }
}
