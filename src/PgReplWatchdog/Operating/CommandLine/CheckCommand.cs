using System.CommandLine;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog check`: one look and what follows from it, with the service's memory where there is one.</summary>
public static class CheckCommand
{
    /// <summary>So many times ProbeTimeout a second look waits: with ProbeTimeout as it comes within the 10 s that monitoring waits.</summary>
    private const int Patience = 4;

    public static Command Create()
    {
        var cluster = Commands.Cluster(required: true);
        var command = new Command("check", Text.Check) { cluster };
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var installation = InstallationLoader.Load(file);
            var access = Commands.Choose(installation, parsed.GetValue(cluster), file);
            var (memory, owner, wish) = Record(installation.StateDirectory, access.Spec.Name);
            using var hosts = new SshHosts(access);
            // The hosts as well: a failover needs them.
            var inquiry = new Inquiry(access.Spec.Has(memory.IntendedPrimary), false, [.. access.Spec.Nodes.Select(node => node.Name)]);
            var observation = await LookAsync(access, hosts, inquiry, cancellation);
            // A process that has just started is slow, and on a busy host much slower: who was silent is given more time.
            if (!IsComplete(observation))
                observation = await LookAsync(Patient(access), hosts, inquiry with { Suspicious = true }, cancellation);
            observation = observation with { Wish = wish, InFreezeWindow = access.FreezeWindows.AreOpenAt(observation.Time) };
            var decision = Decider.Decide(access.Spec with { Owner = owner }, memory, WorkingMemory.Empty, observation);
            Commands.Screen().Write(StatusView.Cluster(ClusterStatus.Of(access.Spec, new Checked(observation, decision, observation.Time, 0), [])));
            return Code(decision);
        });
        return command;
    }

    private static async Task<ClusterObservation> LookAsync(ClusterAccess access, SshHosts hosts, Inquiry inquiry, CancellationToken cancellation)
    {
        await using var prober = new PostgresProber(access, hosts, TimeProvider.System);
        return await prober.ObserveAsync(inquiry, cancellation);
    }

    private static ClusterAccess Patient(ClusterAccess access) =>
        access with { Spec = access.Spec with { Policy = access.Spec.Policy with { ProbeTimeout = Patience * access.Spec.Policy.ProbeTimeout } } };

    private static bool IsComplete(ClusterObservation observation) =>
        observation.Nodes.All(node => node.Reach != Reach.Unreachable) && observation.Hosts.All(host => host.Reach != HostReach.Unreachable);

    /// <summary>What the service remembers, its name, and what operators have asked of it.</summary>
    private static (ClusterMemory Memory, string Owner, OperatorWish Wish) Record(string stateDirectory, string cluster)
    {
        if (!File.Exists(SqliteJournal.FileIn(stateDirectory)))
            return (ClusterMemory.Empty, "", OperatorWish.None);
        try
        {
            using var journal = new JournalReader(stateDirectory);
            return (journal.Memory(cluster), journal.Owner(), journal.Wish(cluster));
        }
        catch (JournalUnreadableException failure)
        {
            throw new JournalUnwritableException(failure.Message, failure); // told as a mistake of the installation: 1 is a warning to monitoring
        }
    }

    private static int Code(Decision decision) => decision.Diagnosis.Verdict switch
    {
        Verdict.Serving => decision.IsReady && decision.Diagnosis.Warnings.IsEmpty ? ExitCode.CheckOk : ExitCode.CheckWarning,
        Verdict.Busy or Verdict.Crashed or Verdict.Stopped or Verdict.Hung or Verdict.Down or Verdict.TwoPrimaries => ExitCode.CheckCritical,
        Verdict.Unknown or Verdict.ServingElsewhere or Verdict.WatchdogIsolated => ExitCode.CheckUnknown,
    };
}
