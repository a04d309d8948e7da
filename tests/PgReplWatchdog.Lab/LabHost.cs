namespace PgReplWatchdog.Lab;

/// <summary>A host: a directory with a bare PostgreSQL and an SSH server, perhaps in a network of its own.</summary>
public sealed class LabHost
{
    private static readonly TimeSpan CommandDeadline = TimeSpan.FromMinutes(2);

    private readonly LabUser user;
    private readonly HostNetwork? network;
    private readonly HostDisk? disk;
    private readonly Func<CutFrom, string?> addressOf;
    private HostInit? init;
    private HostSshd? sshd;
    private HostPostgres? postgres;

    internal LabHost(LabSlot slot, string name, int index, LabUser user, LabOptions options, Func<CutFrom, string?> addressOf)
    {
        var namespaces = options.Namespaces;
        this.user = user;
        this.addressOf = addressOf;
        LabId = slot.Id;
        Name = name;
        BinDirectory = Programs.PostgresBin(options.Major);
        Major = options.Major;
        Directory = Path.Combine(slot.Directory, name);
        Address = namespaces ? slot.Address(index) : "127.0.0.1";
        PostgresPort = namespaces ? 5432 : slot.PostgresPort(index);
        SshPort = namespaces ? 2222 : slot.SshPort(index);
        Namespace = namespaces ? slot.Namespace(name) : null;
        disk = options.DiskMegabytes > 0 ? new HostDisk(this, user, options.DiskMegabytes) : null;
        network = namespaces ? new HostNetwork(slot, slot.Namespace(name), slot.Link(index), Address) : null;
    }

    public string Name { get; }

    /// <summary>Where everything of this host is.</summary>
    public string Directory { get; }

    /// <summary>The host's IPv4 address; 127.0.0.1 when it has no network of its own.</summary>
    public string Address { get; }

    public int PostgresPort { get; }

    public int SshPort { get; }

    /// <summary>The network namespace's name as in <c>ip netns</c>, or null.</summary>
    public string? Namespace { get; }

    /// <summary>The user everything on this host runs as, and the only one who can log in.</summary>
    public string SshUser => user.Name;

    /// <summary>The SSH host key's fingerprint as <c>ssh-keygen -lf</c> prints it: <c>SHA256:...</c>.</summary>
    public string HostKeyFingerprint => Sshd.Fingerprint;

    /// <summary>Where the small disk is mounted, if there is one.</summary>
    public string DiskDirectory => Path.Combine(Directory, "disk");

    public string DataDirectory => Path.Combine(disk is null ? Directory : DiskDirectory, "data");

    /// <summary>PostgreSQL's major version: 15, 9.6.</summary>
    public string Major { get; }

    /// <summary>The best method of pg_hba.conf that it has.</summary>
    public string PasswordMethod => Major.StartsWith("9.", StringComparison.Ordinal) ? "md5" : "scram-sha-256";

    /// <summary>The programs of the host's PostgreSQL.</summary>
    public string BinDirectory { get; }

    public string SocketDirectory => Path.Combine(Directory, "run");

    /// <summary>Where PostgreSQL writes when the lab has started it.</summary>
    public string ServerLog => Path.Combine(Directory, "server.log");

    /// <summary>What sshd has to say.</summary>
    public string SshdLog => Path.Combine(Directory, "ssh", "sshd.log");

    /// <summary>The host user's home directory, also in SSH sessions; each host has its own.</summary>
    public string HomeDirectory => Path.Combine(Directory, "home");

    /// <summary>The keys that the host's user lets in by itself, beside the lab's own.</summary>
    public string AuthorizedKeys => Path.Combine(HomeDirectory, ".ssh", "authorized_keys");

    /// <summary>PostgreSQL's superuser, called as the operating system user, who gets in by peer authentication.</summary>
    public string SuperUser => user.Name;

    /// <summary>The running postmaster's process number, whoever started it; null when PostgreSQL is down.</summary>
    public int? PostmasterPid => postgres?.PostmasterPid;

    public bool PostgresRunning => PostmasterPid is not null;

    internal string LabId { get; }

    private HostInit Init => init ?? throw NotStarted();

    private HostSshd Sshd => sshd ?? throw NotStarted();

    private HostPostgres Postgres => postgres ?? throw NotStarted();

    /// <summary>Starts PostgreSQL and waits until it accepts connections.</summary>
    public Task StartPostgresAsync(CancellationToken ct = default) => Postgres.StartAsync(ct);

    /// <summary>Stops PostgreSQL; the modes are pg_ctl's.</summary>
    public Task StopPostgresAsync(string mode = "fast", CancellationToken ct = default) => Postgres.StopAsync(mode, ct);

    /// <summary>Crashes PostgreSQL with SIGKILL; returns when the postmaster and its children are gone.</summary>
    public Task KillPostgresAsync(CancellationToken ct = default) => Postgres.KillAsync(ct);

    /// <summary>SIGKILL for the postmaster alone; its children notice it and end by themselves, not all of them at once.</summary>
    public Task KillPostmasterAsync(CancellationToken ct = default) => Postgres.KillPostmasterAsync(ct);

    /// <summary>Stops all of PostgreSQL's processes where they are: connections stay open, nothing answers.</summary>
    public Task FreezePostgresAsync(CancellationToken ct = default) => Postgres.FreezeAsync(ct);

    /// <summary>Stops the postmaster alone: sessions that are open are served, new ones are not, and nothing refuses them.</summary>
    public Task FreezePostmasterAsync(CancellationToken ct = default) => Postgres.FreezePostmasterAsync(ct);

    /// <summary>Lets a frozen PostgreSQL go on, or what somebody has left of it.</summary>
    public Task ThawPostgresAsync()
    {
        Postgres.Thaw();
        return Task.CompletedTask;
    }

    /// <summary>Fills the host's disk to the last block; needs <see cref="LabOptions.DiskMegabytes"/>.</summary>
    public Task FillDiskAsync(CancellationToken ct = default) => Disk.FillAsync(ct);

    /// <summary>Whoever writes to the host's disk waits from now on, and cannot be killed; needs <see cref="LabOptions.DiskMegabytes"/>.</summary>
    public Task HangDiskAsync(CancellationToken ct = default) => Disk.HangAsync(ct);

    /// <summary>The disk answers again.</summary>
    public Task UnhangDiskAsync(CancellationToken ct = default) => Disk.AnswerAsync(ct);

    /// <summary>Takes away what filled the disk.</summary>
    public void FreeDisk() => Disk.Free();

    /// <summary>Starts the SSH server; returns when it listens.</summary>
    public Task StartSshdAsync(CancellationToken ct = default) => Sshd.StartAsync(ct);

    /// <summary>Stops the SSH server. Open connections live on, as with Debian's service, unless told otherwise.</summary>
    public Task StopSshdAsync(bool sessionsToo = false, CancellationToken ct = default) => Sshd.StopAsync(sessionsToo, ct);

    /// <summary>The SSH server and its open connections fall silent: whoever asks waits.</summary>
    public void FreezeSshd() => Sshd.Freeze();

    public void ThawSshd() => Sshd.Thaw();

    /// <summary>Gives the host another SSH host key and restarts the SSH server, ending its connections.</summary>
    public async Task ReplaceHostKeyAsync(CancellationToken ct = default)
    {
        await Sshd.StopAsync(sessionsToo: true, ct);
        await Sshd.NewHostKeyAsync(ct);
        await Sshd.StartAsync(ct);
    }

    /// <summary>Cuts the host off from a peer. A second cut from the same peer replaces the first; others add up.</summary>
    /// <remarks>
    /// For the peer nothing changes in its own namespace: all filtering happens at this host. Needs namespaces.
    /// </remarks>
    public Task CutAsync(
        CutFrom from, CutMode mode = CutMode.Drop, CutDirection direction = CutDirection.Both, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(from);
        return Network.CutAsync(from, new Cut(addressOf(from), mode, direction), ct);
    }

    /// <summary>
    /// Holds back what the watchdog sends to the SSH server until the cut is healed: TCP sends it again, so that it arrives late. Replaces another cut from the watchdog.
    /// </summary>
    public Task HoldBackSshAsync(CancellationToken ct = default) =>
        Network.CutAsync(CutFrom.Watchdog, new Cut(addressOf(CutFrom.Watchdog), CutMode.Drop, CutDirection.Inbound, SshPort), ct);

    /// <summary>Takes back the cut from one peer, or all cuts.</summary>
    public Task HealAsync(CutFrom? from = null, CancellationToken ct = default) => Network.HealAsync(from, ct);

    /// <summary>
    /// The host dies at once: its link goes down and all its processes are killed. Without namespaces there is no link, so
    /// that connections are refused instead of vanishing.
    /// </summary>
    public async Task KillAsync(CancellationToken ct = default)
    {
        // The link first: nobody is to see a connection end.
        if (network is not null)
            await network.SetLinkAsync(up: false, ct);
        await Wait.UntilAsync(KilledAll, $"all processes of {Name} are gone", TimeSpan.FromSeconds(15), ct);
    }

    /// <summary>
    /// The host stands still as a whole, as a virtual machine does that is moved or starved: unreachable, and no process of it runs. Its clock goes on.
    /// </summary>
    public async Task PauseAsync(CancellationToken ct = default)
    {
        await Network.SetLinkAsync(up: false, ct);
        await Wait.UntilAsync(StoppedAll, $"all processes of {Name} stand still", TimeSpan.FromSeconds(15), ct);
    }

    /// <summary>A paused host goes on.</summary>
    public async Task ResumeAsync(CancellationToken ct = default)
    {
        foreach (var pid in ProcessTable.Descendants(Init.Pid))
            Libc.Kill(pid, Libc.SigCont);
        await Network.SetLinkAsync(up: true, ct);
    }

    /// <summary>Kills the guard: whoever decides, helps and starts it again. What waits to start it when all of that is gone is left.</summary>
    public Task KillGuardAsync(CancellationToken ct = default) =>
        RunAsync($"read -r group _ < {DataDirectory}.pgwatchdog/guard.pid && kill -KILL -- -$group", ct);

    /// <summary>The host comes back: link, SSH server, and PostgreSQL if asked for. Cuts belong to the network and stay.</summary>
    public async Task ReviveAsync(bool startPostgres, CancellationToken ct = default)
    {
        // As /run of a rebooted machine.
        foreach (var file in System.IO.Directory.EnumerateFiles(SocketDirectory))
            File.Delete(file);
        if (network is not null)
            await network.SetLinkAsync(up: true, ct);
        await Sshd.StartAsync(ct);
        if (startPostgres)
            await Postgres.StartAsync(ct);
    }

    /// <summary>Runs a shell command on the host as its user and returns what it printed; throws when it fails.</summary>
    public Task<string> RunAsync(string shellCommand, CancellationToken ct = default) => RunAsync(shellCommand, null, ct);

    /// <summary>Runs a shell command on the host as its user until it ends by itself, its host dies, or it is cancelled, which kills it.</summary>
    public async Task RunUntilCancelledAsync(string shellCommand, CancellationToken ct) =>
        await Init.RunAsync(shellCommand, null, Timeout.InfiniteTimeSpan, ct);

    /// <summary>Runs SQL as the superuser through the socket and returns the rows, columns separated by |.</summary>
    public Task<string> PsqlAsync(string sql, CancellationToken ct = default)
    {
        var where = $"-h {SocketDirectory} -p {PostgresPort} -U {SuperUser} -d postgres";
        return RunAsync($"{BinDirectory}/psql -X -At -q -v ON_ERROR_STOP=1 {where} -f -", sql, ct);
    }

    /// <summary>The same for a server that may be down, frozen or busy: null when it gives no answer within some seconds.</summary>
    public async Task<string?> TryPsqlAsync(string sql, CancellationToken ct = default)
    {
        var command = $"exec timeout -k 1 3 {BinDirectory}/psql -X -At -q -v ON_ERROR_STOP=1 -h {SocketDirectory} -p {PostgresPort} -U {SuperUser} -d postgres -f -";
        var (exitCode, output, _) = await Init.RunAsync(command, sql, CommandDeadline, ct);
        return exitCode == 0 ? output.TrimEnd('\n') : null;
    }

    /// <summary>Whether its PostgreSQL answers and is a primary.</summary>
    public async Task<bool> IsPrimaryAsync(CancellationToken ct = default) => await TryPsqlAsync("SELECT NOT pg_is_in_recovery()", ct) == "t";

    public override string ToString() => Name;

    internal async Task StartAsync(LabOptions options, string clientPublicKey, CancellationToken ct)
    {
        CreateDirectories();
        if (disk is not null)
            await disk.MountAsync(ct);
        if (network is not null)
            await network.CreateAsync(ct);
        init = await HostInit.StartAsync(this, Prefix(), ct);
        sshd = new HostSshd(this, init, network is null ? Address : "0.0.0.0");
        postgres = new HostPostgres(this, init);
        await Task.WhenAll(StartSshdFirstTimeAsync(clientPublicKey, ct), StartPostgresFirstTimeAsync(options, ct));
    }

    /// <summary>Writes a file for the host's user, who could not read it otherwise when root's umask is strict.</summary>
    internal async Task WriteFileAsync(string path, string? text, CancellationToken ct)
    {
        await File.WriteAllTextAsync(path, text, ct);
        if (Environment.IsPrivilegedProcess)
            Libc.ChangeOwner(path, user);
    }

    internal void Forget()
    {
        init?.Dispose();
        network?.Dispose();
    }

    private HostDisk Disk => disk ?? throw new LabException($"{Name} has no disk of its own: LabOptions.DiskMegabytes");

    private HostNetwork Network => network
        ?? throw new LabException($"{Name} has no network of its own to be cut off from: LabOptions.Namespaces");

    private LabException NotStarted() => new($"host {Name} is not started");

    private async Task StartSshdFirstTimeAsync(string clientPublicKey, CancellationToken ct)
    {
        await Sshd.ConfigureAsync(clientPublicKey, ct);
        await Sshd.StartAsync(ct);
    }

    private async Task StartPostgresFirstTimeAsync(LabOptions options, CancellationToken ct)
    {
        await Postgres.InitialiseAsync(options.Fsync, ct);
        if (options.Running.Contains(Name))
            await Postgres.StartAsync(ct);
    }

    private void CreateDirectories()
    {
        string[] paths = [Directory, SocketDirectory, HomeDirectory, DiskDirectory, Path.Combine(Directory, "ssh"), Path.Combine(Directory, "jobs")];
        foreach (var path in paths)
        {
            System.IO.Directory.CreateDirectory(path);
            if (Environment.IsPrivilegedProcess)
                Libc.ChangeOwner(path, user);
        }
    }

    private string[] Prefix()
    {
        string[] inside = Namespace is null ? [] : [Programs.Find("ip"), "netns", "exec", Namespace];
        return Environment.IsPrivilegedProcess
            ? [.. inside, Programs.Find("setpriv"), $"--reuid={user.Uid}", $"--regid={user.Gid}", "--clear-groups"]
            : inside;
    }

    private bool StoppedAll()
    {
        var left = ProcessTable.Descendants(Init.Pid).Where(pid => ProcessTable.State(pid) is not (null or 'T' or 'Z' or 'X')).ToList();
        foreach (var pid in left)
            Libc.Kill(pid, Libc.SigStop);
        return left.Count == 0;
    }

    private bool KilledAll()
    {
        var left = ProcessTable.Descendants(Init.Pid);
        foreach (var pid in left)
            Libc.Kill(pid, Libc.SigKill);
        return left.Count == 0;
    }

    private async Task<string> RunAsync(string shellCommand, string? input, CancellationToken ct)
    {
        var (exitCode, output, error) = await Init.RunAsync(shellCommand, input, CommandDeadline, ct);
        var what = input is null ? shellCommand : $"{shellCommand}\n{input}";
        return exitCode == 0
            ? output.TrimEnd('\n')
            : throw new LabException($"on {Name}: {what}\nexit status {exitCode}: {error.Trim()}");
    }
}
