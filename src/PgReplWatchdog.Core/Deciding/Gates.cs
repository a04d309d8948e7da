using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Deciding;

/// <summary>All gates that are shut, by rule. To add one: a name in <see cref="Gate"/>, a rule here, a heading in docs/runbook.md, a scenario.</summary>
public static class Gates
{
    public static ImmutableArray<ShutGate> Shut(Situation now)
    {
        ArgumentNullException.ThrowIfNull(now);
        return
        [
            .. ThresholdNotReached(now), .. AutomaticOff(now), .. Paused(now), .. FreezeWindow(now), .. RecentFailover(now), .. JournalUnwritable(now),
            .. AnotherWatchdog(now),
            .. RecordIsOld(now),
            .. PrimaryDiskFull(now), .. OldPrimaryNotFenced(now), .. PrimaryHostUnreachable(now), .. NoCandidate(now),
            .. CandidatesHaveDoubts(now),
        ];
    }

    /// <summary>Ready: were the primary to go down now, nothing but the threshold would stand between it and a failover.</summary>
    public static bool AreReady(ImmutableArray<ShutGate> shut) => shut.All(gate => gate.Gate == Gate.ThresholdNotReached);

    private static IEnumerable<ShutGate> ThresholdNotReached(Situation now)
    {
        var verdict = now.Diagnosis.Verdict;
        if (!verdict.IsFailure())
            yield return new(Gate.ThresholdNotReached, null, $"the primary has not failed (verdict {verdict})");
        else if (now.StillToWait is not { } wait)
            yield return new(Gate.ThresholdNotReached, null, "the primary was shut down in order, and FailoverWhenStopped is false: start it, or promote a standby by hand");
        else if (now.Suspicion.Looks < 2)
            yield return new(Gate.ThresholdNotReached, null, $"the primary was found {verdict} once; the next look has to find the same");
        else if (wait > TimeSpan.Zero)
            yield return new(Gate.ThresholdNotReached, null, FormattableString.Invariant($"verdict {verdict} has to stand {wait.TotalSeconds:0.0} s longer"));
    }

    private static IEnumerable<ShutGate> AutomaticOff(Situation now)
    {
        if (!now.Policy.Automatic)
            yield return new(Gate.AutomaticOff, null, "Automatic is false in the configuration: a person has to promote");
    }

    private static IEnumerable<ShutGate> Paused(Situation now)
    {
        if (now.Observation.Wish.Paused)
            yield return new(Gate.Paused, null, $"failover is paused: pgwatchdog resume {now.Spec.Name}");
    }

    private static IEnumerable<ShutGate> FreezeWindow(Situation now)
    {
        if (now.Observation.InFreezeWindow)
            yield return new(Gate.FreezeWindow, null, "one of the FreezeWindows is open: no failover begins until it ends");
    }

    private static IEnumerable<ShutGate> RecentFailover(Situation now)
    {
        if (IsTooSoon(now) && now.Memory.LastFailover is { } last)
        {
            // The two clocks are read one after the other: a whole second must not fall short by a microsecond.
            var next = now.Observation.Time + now.Policy.MinimumInterval - now.Since(last.FinishedAt) + TimeSpan.FromMilliseconds(1);
            yield return new(Gate.RecentFailover, null, FormattableString.Invariant($"the last failover ended at {last.FinishedAt:u}; MinimumInterval is {now.Policy.MinimumInterval}, ")
                + FormattableString.Invariant($"so the next may start at {next:u}, or once somebody has seen to it: pgwatchdog acknowledge {now.Spec.Name}"));
        }
    }

    /// <summary>MinimumInterval has not passed since the last failover, and nobody has acknowledged that one.</summary>
    internal static bool IsTooSoon(Situation now) => now.Memory.LastFailover is { } last
        && now.Since(last.FinishedAt) < now.Policy.MinimumInterval && now.Observation.Wish.AcknowledgedEpoch < last.Epoch;

    private static IEnumerable<ShutGate> JournalUnwritable(Situation now)
    {
        if (!now.Observation.JournalWritable)
            yield return new(Gate.JournalUnwritable, null, "the journal could not be written: see to space and rights in StateDirectory");
    }

    private static IEnumerable<ShutGate> AnotherWatchdog(Situation now)
    {
        if (now.Memory.Other is { } other)
        {
            yield return new(Gate.AnotherWatchdog, null, other.Owner == now.Spec.Owner
                ? $"a copy of this watchdog's state directory is in use at {other.Address} (its session is on {other.Node}): stop one of the two, and remove its StateDirectory"
                : $"{other.Described} watches {now.Spec.Name} as well: stop one of the two; if that one is lost for good: pgwatchdog takeover {now.Spec.Name}");
        }
    }

    private static IEnumerable<ShutGate> RecordIsOld(Situation now)
    {
        if (now.Memory.Later is { } later)
            yield return new(Gate.RecordIsOld, null, Histories.Outdated(now.Memory, later));
    }

    /// <summary>A host that does not answer says nothing of its disk.</summary>
    private static IEnumerable<ShutGate> PrimaryDiskFull(Situation now)
    {
        if (now.Observation.Host(now.OldPrimary) is { IsDiskFull: true } host)
        {
            yield return new(Gate.PrimaryDiskFull, null, FormattableString.Invariant($"the disk of {host.Node} is full, {host.FreeBytes} bytes are free")
                + $"{(host.Filling.Length > 0 ? $" ({host.Filling})" : "")}: make room there; nobody is promoted for that, unless by hand");
        }
    }

    /// <summary>A host that answers over SSH is fenced by the procedure itself; the gate is about one that does not.</summary>
    private static IEnumerable<ShutGate> OldPrimaryNotFenced(Situation now)
    {
        if (now.Policy.Fencing == Fencing.BestEffort || now.Policy.HasFenceCommand || now.FencedBy != FencedBy.Unknown || now.OldPrimary is not { } old)
            yield break;
        if (!now.Diagnosis.Verdict.IsFailure())
        {
            if (!now.IsGuarded)
                yield return new(Gate.OldPrimaryNotFenced, null, $"if the host of {old} vanished, nothing could stop it: {WhyNotGuarded(now, old)}");
        }
        else if (now.Observation.Host(old) is { IsReachable: true })
            yield break;
        else if (!now.IsGuarded)
            yield return new(Gate.OldPrimaryNotFenced, null,
                $"the host of {old} does not answer, its guard was not seen armed shortly before, and there is no FenceCommand: make sure that it is off, then promote by hand");
        else if (!now.SilentVouchers.IsEmpty)
            yield return new(Gate.OldPrimaryNotFenced, null,
                $"{string.Join(", ", now.SilentVouchers)} cannot be asked and may keep {old} alive: only when it answers is it known that the guard has stopped {old}");
        else if (now.GuardStillToWait is { } wait)
            yield return new(Gate.OldPrimaryNotFenced, null, FormattableString.Invariant($"the guard of {old} will surely have stopped it in {wait.TotalSeconds:0.0} s"));
    }

    /// <summary>Were it to hang, its host alone could tell. A failover that is due does not wait for it.</summary>
    private static IEnumerable<ShutGate> PrimaryHostUnreachable(Situation now)
    {
        if (now.Diagnosis.Verdict is Verdict.Serving or Verdict.ServingElsewhere or Verdict.Busy && now.OldPrimary is { } primary && !now.Hosts.IsProven(primary, now.Observation))
        {
            yield return new(Gate.PrimaryHostUnreachable, null,
                $"{now.Hosts.Silence(primary, now.Observation)}; if PostgreSQL hung there, nobody would be promoted, and after a crash no WAL could be copied from it");
        }
    }

    private static string WhyNotGuarded(Situation now, string primary) =>
        now.Policy.GuardTimeToLive <= TimeSpan.Zero ? "GuardTimeToLive is 0 and there is no FenceCommand"
        : now.Observation.Find(primary)?.Server is { Version: { HasGuard: false } version } ? $"PostgreSQL {version} is too old for the guard, and there is no FenceCommand"
        : now.Memory.Guard?.Node == primary ? FormattableString.Invariant(
            $"its guard was not seen armed within {now.Policy.LateAfter.TotalSeconds:0.0} s before the last sign of life of {primary}")
        : "its guard is not armed: it is while a standby streams and no other gate keeps it from being promoted (setup installs the guard)";

    private static IEnumerable<ShutGate> NoCandidate(Situation now) =>
        now.Candidates.Any(candidate => candidate.IsEligible)
            ? []
            : [new(Gate.NoCandidate, null, "no standby may be promoted"), .. now.Candidates.SelectMany(candidate => candidate.Reasons)];

    /// <summary>
    /// Whichever has the most WAL when the primary fails is elected: "ready" needs all of them without doubts. A failover that
    /// is due does not wait for it: no primary is worse than a slow promotion. A standby that cannot say whether it hears the primary keeps a failover from
    /// becoming due.
    /// </summary>
    private static IEnumerable<ShutGate> CandidatesHaveDoubts(Situation now) =>
        now.Diagnosis.Verdict.IsFailure() ? [] : now.Candidates.SelectMany(candidate => candidate.Doubts)
            .Concat(now.Candidates.Any(candidate => candidate.IsEligible) ? now.Candidates.SelectMany(candidate => candidate.Reasons).Where(reason => reason.Gate == Gate.CandidateUnreadable) : [])
            .OrderBy(doubt => doubt.Node, StringComparer.Ordinal);
}
