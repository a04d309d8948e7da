using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>A host's PostgreSQL: a bare installation, started and stopped, crashed and frozen.</summary>
internal sealed class HostPostgres(LabHost host, HostInit init)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(90);

    private IReadOnlyList<int> orphans = [];
    private IReadOnlyList<int> frozen = [];

    /// <summary>The running postmaster, whoever started it.</summary>
    public int? PostmasterPid
    {
        get
        {
            var pid = ReadPid(); // a crashed one leaves its file
            return pid is { } number && WorksHere(number) ? pid : null;
        }
    }

    /// <summary>Each host its own: bare servers do not share their system identifier. The user's own name makes peer work.</summary>
    public async Task InitialiseAsync(bool fsync, CancellationToken ct)
    {
        await RunAsync(
            $"{host.BinDirectory}/initdb -N --locale=C -E UTF8 --auth-local=peer --auth-host={host.PasswordMethod} " +
            $"-U {host.SuperUser} -D {host.DataDirectory} && cat >>{host.DataDirectory}/postgresql.conf"
            + (host.Namespace is null ? "" : $" && echo 'host postgres {ClientWriter.Role} 0.0.0.0/0 {host.PasswordMethod}' >>{host.DataDirectory}/pg_hba.conf"), // for clients outside
            ct,
            Settings(fsync));
    }

    public async Task StartAsync(CancellationToken ct)
    {
        await Wait.UntilAsync(() => !orphans.Any(WorksHere), $"the children of the killed postmaster are gone on {host.Name}", Deadline, ct);
        await RunAsync($"{host.BinDirectory}/pg_ctl start -w -t 60 -D {host.DataDirectory} -l {host.ServerLog}", ct);
    }

    public Task StopAsync(string mode, CancellationToken ct) =>
        RunAsync($"{host.BinDirectory}/pg_ctl stop -w -t 60 -m {mode} -D {host.DataDirectory}", ct);

    /// <summary>The children would end by themselves, but a frozen or busy one not soon.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        // Stopped first, so that no child is forked after we looked.
        var postmaster = await StopForkingAsync(ct);
        var children = ProcessTable.Descendants(postmaster);
        Libc.Kill(postmaster, Libc.SigKill);
        foreach (var child in children)
            Libc.Kill(child, Libc.SigKill);
        await Wait.UntilAsync(
            () => children.Append(postmaster).All(IsGone),
            $"PostgreSQL's killed processes are gone on {host.Name}", Deadline, ct);
    }

    public async Task KillPostmasterAsync(CancellationToken ct)
    {
        var postmaster = Postmaster();
        orphans = ProcessTable.Descendants(postmaster);
        Libc.Kill(postmaster, Libc.SigKill);
        await Wait.UntilAsync(() => IsGone(postmaster), $"the killed postmaster is gone on {host.Name}", Deadline, ct);
    }

    public async Task FreezePostmasterAsync(CancellationToken ct) => frozen = [await StopForkingAsync(ct)];

    public async Task FreezeAsync(CancellationToken ct)
    {
        var postmaster = await StopForkingAsync(ct);
        var children = ProcessTable.Descendants(postmaster);
        frozen = [postmaster, .. children];
        foreach (var child in children)
            Libc.Kill(child, Libc.SigStop);
        await Wait.UntilAsync(() => children.All(IsStopped), $"PostgreSQL's processes stop on {host.Name}", Deadline, ct);
    }

    /// <summary>Somebody may have killed the postmaster meanwhile; its frozen children then hang on the host's init, and thaw as well.</summary>
    public void Thaw()
    {
        foreach (var pid in frozen.Intersect(ProcessTable.Descendants(init.Pid)))
            Libc.Kill(pid, Libc.SigCont);
        frozen = [];
    }

    // A process that died meanwhile counts as stopped: nothing more will come of it.
    private static bool IsStopped(int pid) => ProcessTable.State(pid) is null or 'T' or 'Z' or 'X';

    /// <summary>Its number may be somebody else's by now.</summary>
    private bool WorksHere(int pid) => ProcessTable.WorkingDirectory(pid) == host.DataDirectory;

    private static bool IsGone(int pid) => ProcessTable.State(pid) is null;

    private int Postmaster() => PostmasterPid ?? throw new LabException($"PostgreSQL is not running on {host.Name}");

    private async Task<int> StopForkingAsync(CancellationToken ct)
    {
        var postmaster = Postmaster();
        Libc.Kill(postmaster, Libc.SigStop);
        await Wait.UntilAsync(() => IsStopped(postmaster), $"the postmaster stops on {host.Name}", Deadline, ct);
        return postmaster;
    }

    private int? ReadPid()
    {
        try
        {
            var line = File.ReadLines(Path.Combine(host.DataDirectory, "postmaster.pid")).FirstOrDefault();
            return int.TryParse(line, CultureInfo.InvariantCulture, out var pid) ? pid : null;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private async Task RunAsync(string script, CancellationToken ct, string? input = null)
    {
        // Not killed when the caller gives up: a killed initdb leaves shared memory behind, which the reaper looks after,
        // and pg_ctl ends by itself.
        var (exitCode, output, error) = await init.RunAsync(script, input, Deadline, ct, abandon: true);
        if (exitCode != 0)
            throw new LabException($"on {host.Name}: {script}\n{(error + output).Trim()}{LogTail.Of(host.ServerLog)}");
    }

    // Shared memory as files in the data directory: POSIX segments of a killed server would stay behind in /dev/shm.
    private string Settings(bool fsync) =>
        $"""

        # The lab's settings.
        port = {host.PostgresPort}
        unix_socket_directories = '{host.SocketDirectory}'
        fsync = {(fsync ? "on" : "off")}
        {(host.Major is "9.3" ? "" : "dynamic_shared_memory_type = mmap")}
        log_line_prefix = '%m [%p] '
        {(host.Major is "9.3" or "9.4" ? "" : "log_replication_commands = on")}
        log_connections = off

        """;
}
