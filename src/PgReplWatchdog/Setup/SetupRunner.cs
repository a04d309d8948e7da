using System.Diagnostics;
using Npgsql;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Probing;

namespace PgReplWatchdog.Setup;

/// <summary>Carries out a plan, step by step. A step that fails ends the run; the next run plans from what is true then.</summary>
public sealed class SetupRunner(ClusterAccess cluster, SetupHosts hosts, TimeProvider clock)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StreamingLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);
    private const int StartSeconds = 60;
    private const int RestartSeconds = 600;

    /// <summary>Bytes copied and bytes in all, while a copy is made.</summary>
    public Action<long, long?> CopyProgress { get; init; } = (_, _) => { };

    /// <exception cref="SshFailureException">The step did not come to its end, with what the host said.</exception>
    public Task RunAsync(SetupStep step, CancellationToken cancellation) => step switch
    {
        SetupStep.PrepareDirectory directory => On(step).RequireAsync(SetupScripts.MakeDirectory(directory.Path), Limit, cancellation),
        SetupStep.WritePassFile file => WriteAsync(file, cancellation),
        SetupStep.InstallGuard guard => InstallAsync(guard, cancellation),
        SetupStep.RemoveGuard => On(step).RequireAsync(SetupScripts.RemoveGuard(On(step).Host.Node), Limit, cancellation),
        SetupStep.InstallArchive => new ArchiveFiles(cluster, hosts).InstallAsync(step.Node, cancellation),
        SetupStep.AuthorizeArchive => new ArchiveFiles(cluster, hosts).AuthorizeAsync(step.Node, cancellation),
        SetupStep.ProveArchive prove => new ArchiveFiles(cluster, hosts).ProveAsync(step.Node, prove.Peers, cancellation),
        SetupStep.EnsureRole role => hosts.PsqlAsync(role.Node, RoleSql(role), cancellation),
        SetupStep.WriteFile file => WriteAsync(file, cancellation),
        SetupStep.Reload => ReloadAsync(step.Node, cancellation),
        SetupStep.Restart => RestartAsync(step.Node, cancellation),
        SetupStep.CreateSlot slot => On(step).RequireAsync(HostCommands.CreateSlot(On(step).Host, slot.Slot, slot.Version), Limit, cancellation),
        SetupStep.StopServer => On(step).RequireAsync(SetupScripts.Stop(On(step).Host, StartSeconds), WaitFor(StartSeconds), cancellation),
        SetupStep.PrepareTablespace tablespace => On(step).RequireAsync(
            CopyScripts.PrepareTablespace(On(step).Host.Node, tablespace.Path, tablespace.MoveAsideTo), Limit, cancellation),
        SetupStep.CopyFromPrimary copy => new PrimaryCopy(cluster, hosts, clock, CopyProgress).RunAsync(copy, cancellation),
        SetupStep.InstallCopy install => On(step).RequireAsync(
            SetupScripts.InstallCopy(install.Copy, install.DataDirectory, install.MoveAsideTo, install.Managed), Limit, cancellation),
        SetupStep.RemoveTriggerFile file => On(step).RequireAsync(SetupScripts.RemoveFile(file.Path), Limit, cancellation),
        SetupStep.StartServer => On(step).RequireAsync(SetupScripts.Start(On(step).Host, StartSeconds), WaitFor(StartSeconds), cancellation),
        SetupStep.ProveStreaming prove => ProveAsync(prove, cancellation),
        SetupStep.DropRole role => hosts.PsqlAsync(role.Node, RemovalScripts.DropRoleSql(cluster.Spec.Roles.Database, role.Role), cancellation),
        SetupStep.RevokeRights rights => hosts.PsqlAsync(rights.Node, RoleGrants.Revoke(cluster.Spec.Roles, rights.Version, rights.Role), cancellation),
        SetupStep.DropSlots slots => hosts.PsqlAsync(slots.Node, RemovalScripts.DropSlotsSql(slots.Slots), cancellation),
        SetupStep.RemoveFile file => On(step).RequireAsync(SetupScripts.RemoveFile(file.Path), Limit, cancellation),
        SetupStep.RemoveState state => On(step).RequireAsync(RemovalScripts.RemoveState(On(step).Host, state.Keep), Limit, cancellation),
        _ => throw new UnreachableException(),
    };

    private SshHost On(SetupStep step) => hosts[step.Node];

    private static TimeSpan WaitFor(int seconds) => TimeSpan.FromSeconds(seconds) + Limit;

    /// <summary>A verifier, not the password; names were checked with the configuration and need no quotes.</summary>
    private string RoleSql(SetupStep.EnsureRole step) => RoleGrants.Statements(cluster.Spec.Roles, step.Version, step.Role, step.Was == RoleState.Missing ? "CREATE" : "ALTER",
        PasswordVerifier.For(step.Version, step.Role, step.Kind == RoleKind.Replication ? cluster.ReplicationPassword : cluster.WatchdogPassword), step.ConnectionLimit);

    private async Task WriteAsync(SetupStep.WritePassFile file, CancellationToken cancellation)
    {
        if (file.InHome)
            await On(file).RequireAsync(SetupScripts.WriteHomePassFile(On(file).Host, with: false), Limit, cancellation);
        await hosts.WriteFileAsync(file.Node, file.Path, PassFile.Text(file.Entries, file.Role, cluster.ReplicationPassword), cancellation);
        if (file.InHome)
            await On(file).RequireAsync(SetupScripts.WriteHomePassFile(On(file).Host, with: true), Limit, cancellation);
    }

    private async Task InstallAsync(SetupStep.InstallGuard step, CancellationToken cancellation)
    {
        var host = On(step);
        await host.RequireAsync(SetupScripts.StopGuard(host.Host.Node), Limit, cancellation);
        await hosts.WriteFileAsync(step.Node, host.Host.Node.GuardConfiguration, GuardFiles.Configuration(cluster.Spec, host.Host), cancellation);
        await hosts.WriteFileAsync(step.Node, step.Path, GuardFiles.Script, cancellation);
        await host.RequireAsync(SetupScripts.StartGuard(host.Host.Node), Limit, cancellation);
    }

    private async Task WriteAsync(SetupStep.WriteFile file, CancellationToken cancellation)
    {
        if (file is { Before: not null, InCopy: false } && await hosts.ReadFileAsync(file.Node, file.Path, cancellation) != file.Before)
            throw new SshFailureException(SshFailureKind.CommandFailed, $"{file.Node}: somebody changed {file.Path} since the plan was made; nothing was written there, run setup again");
        if (file.KeepAs is { } kept)
            await On(file).RequireAsync(SetupScripts.KeepFile(file.Path, kept), Limit, cancellation);
        await hosts.WriteFileAsync(file.Node, file.Path, file.After, cancellation);
    }

    /// <summary>The reload has happened when a new session has a newer load time: the postmaster forks sessions only after it has read the files.</summary>
    private async Task ReloadAsync(string node, CancellationToken cancellation)
    {
        await RequireValidFilesAsync(node, cancellation);
        const string LoadTime = "SELECT pg_conf_load_time();";
        var before = await hosts.PsqlAsync(node, LoadTime, cancellation, readOnly: true);
        await hosts.PsqlAsync(node, "SELECT pg_reload_conf();", cancellation);
        await UntilAsync(async () => await hosts.PsqlAsync(node, LoadTime, cancellation, readOnly: true) != before,
            Limit, () => $"{node}: PostgreSQL has not reloaded its configuration within {Limit.TotalSeconds:0} s", cancellation);
    }

    private async Task RestartAsync(string node, CancellationToken cancellation)
    {
        await RequireValidFilesAsync(node, cancellation);
        await hosts[node].RunAsync(SetupScripts.Psql(hosts[node].Host, readOnly: false), WaitFor(RestartSeconds), cancellation, "CHECKPOINT;"); // the less is left for the stop
        // Not to be interrupted: between stop and start there is no good place to leave a primary.
        await hosts[node].RequireAsync(SetupScripts.Restart(hosts[node].Host, RestartSeconds), WaitFor(RestartSeconds), CancellationToken.None);
    }

    /// <summary>PostgreSQL's own reading of the files as they are on disk; a wrong one would keep it from starting again.</summary>
    private async Task RequireValidFilesAsync(string node, CancellationToken cancellation)
    {
        var errors = await hosts.PsqlAsync(node, SqlText.Of("Setup.Sql.file_errors.sql"), cancellation, readOnly: true);
        if (errors.Trim().Length > 0)
        {
            throw new SshFailureException(SshFailureKind.CommandFailed,
                $"{node}: PostgreSQL finds errors in its configuration files and was left running as it is; mend them and run setup again:\n{errors.Trim()}");
        }
    }

    /// <summary>A standby that was started may be anything; one that the primary streams to is one.</summary>
    private async Task ProveAsync(SetupStep.ProveStreaming prove, CancellationToken cancellation)
    {
        var source = new PostgresSource(cluster, cluster.Spec.Node(prove.Primary));
        var last = "no walsender for it";
        try
        {
            await UntilAsync(async () =>
            {
                await using var connection = await source.OpenConnectionAsync(cancellation);
                await using var question = new NpgsqlCommand("SELECT state FROM pg_stat_replication WHERE application_name = $1", connection) { Parameters = { new() { Value = prove.Node } } };
                last = await question.ExecuteScalarAsync(cancellation) as string ?? "no walsender for it";
                return last == "streaming";
            }, StreamingLimit, () => $"{prove.Node} does not stream: {prove.Primary} sees {last} after {StreamingLimit.TotalSeconds:0} s", cancellation);
        }
        catch (NpgsqlException failure)
        {
            throw new SshFailureException(SshFailureKind.CommandFailed, $"{prove.Primary} cannot be asked over SQL from here: {failure.Message}", failure);
        }
        catch (SshFailureException failure)
        {
            var log = await hosts[prove.Node].RunAsync(SetupScripts.LogTail(hosts[prove.Node].Host), Limit, cancellation);
            throw new SshFailureException(failure.Kind, $"{failure.Message}; the last lines of its log:\n{log.Output.Trim()}", failure);
        }
    }

    private async Task UntilAsync(Func<Task<bool>> condition, TimeSpan limit, Func<string> otherwise, CancellationToken cancellation)
    {
        var started = clock.GetTimestamp();
        while (!await condition())
        {
            if (clock.GetElapsedTime(started) > limit)
                throw new SshFailureException(SshFailureKind.TimedOut, otherwise());
            await Task.Delay(PollInterval, clock, cancellation);
        }
    }
}
