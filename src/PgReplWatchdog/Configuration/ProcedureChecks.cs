using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Configuration;

/// <summary>Whether what is to happen in a failover can happen: guard and threshold, windows, addresses, programs.</summary>
public static class ProcedureChecks
{
    /// <summary>Three times wal_receiver_status_interval as set-up makes it (1 s): the standby's replies alone keep a primary alive when the watchdog is gone.</summary>
    private static readonly TimeSpan ShortestGuard = TimeSpan.FromSeconds(3);

    public static void Run(WatchdogOptions options, List<string> errors)
    {
        for (var index = 0; index < options.Clusters.Count; index++)
            Check($"{WatchdogOptions.SectionName}:Clusters:{index}", options.Clusters[index], errors);
    }

    private static void Check(string path, ClusterOptions cluster, List<string> errors)
    {
        Guard(path, cluster, errors);
        foreach (var (text, why) in cluster.FreezeWindows.Select(text => (text, FreezeWindows.WhyNot(text))).Where(window => window.Item2 is not null))
            errors.Add($"{path}:{nameof(cluster.FreezeWindows)} has '{text}', which {why}");
        foreach (var text in cluster.ReferenceAddresses.Where(text => CrossChecks.Address(text) is null))
            errors.Add($"{path}:{nameof(cluster.ReferenceAddresses)} has '{text}'; give a host and a port, such as 192.0.2.1:53");
        Program($"{path}:{nameof(cluster.FenceCommand)}", cluster.FenceCommand, errors);
        Program($"{path}:{nameof(cluster.HookBefore)}", cluster.HookBefore, errors);
        Program($"{path}:{nameof(cluster.HookAfter)}", cluster.HookAfter, errors);
    }

    private static void Guard(string path, ClusterOptions cluster, List<string> errors)
    {
        var (timeToLive, threshold) = (cluster.GuardTimeToLive, cluster.UnreachableThreshold);
        if (timeToLive <= TimeSpan.Zero)
            return;
        var stopped = new Policy { GuardTimeToLive = timeToLive }.GuardSurelyStopped;
        if (timeToLive < ShortestGuard)
            errors.Add($"{path}:{nameof(cluster.GuardTimeToLive)} is {timeToLive}; give at least {ShortestGuard}, or 00:00:00 for no guard");
        else if (stopped >= threshold)
        {
            errors.Add($"{path}:{nameof(cluster.GuardTimeToLive)} is {timeToLive}, {nameof(cluster.UnreachableThreshold)} is {threshold}; a guard has surely stopped its primary only after {stopped}, "
                + $"which must be less than the threshold: lower {nameof(cluster.GuardTimeToLive)}, raise {nameof(cluster.UnreachableThreshold)}, "
                + $"or give {nameof(cluster.GuardTimeToLive)} 00:00:00 for no guard");
        }
    }

    private static void Program(string key, string command, List<string> errors)
    {
        if (command.Length == 0)
            return;
        var program = Procedures.Words(command) is [{ } first, ..] ? first : "";
        if (!Path.IsPathFullyQualified(program))
            errors.Add($"{key} is '{command}'; give a program by its full path, and its arguments");
        else if (!File.Exists(program))
            errors.Add($"{key} is '{command}'; there is no file {program} on this host");
        else if ((File.GetUnixFileMode(program) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute)) == 0)
            errors.Add($"{key} is '{command}'; {program} is not executable: chmod +x");
        else if ((File.GetUnixFileMode(program) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            errors.Add($"{key} is '{command}'; others than its owner can change {program}: chmod go-w {Acting.Ssh.Shell.Quote(program)}");
    }
}
