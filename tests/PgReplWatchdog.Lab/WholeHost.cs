using System.Diagnostics;

namespace PgReplWatchdog.Lab;

/// <summary>A booted Debian: a container of systemd-nspawn on a copy-on-write root filesystem, at the end of a cable of its own.</summary>
public sealed class WholeHost
{
    public const int SshPort = 22;
    public const int PostgresPort = 5432;

    private static readonly TimeSpan CommandDeadline = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan BootDeadline = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan DeathDeadline = TimeSpan.FromSeconds(15);

    // A control group of its own in each hierarchy: the systemd inside takes the one it finds itself in for the machine's, and several of them must not share it. Where
    // one cannot be entered (cpuset, before somebody has given it processors), nobody inside needs it.
    private const string BootScript =
        """
        while read -r _ mount type _; do
          case $type in cgroup|cgroup2) mkdir -p "$mount/$2" && echo $$ > "$mount/$2/cgroup.procs" ;; esac
        done 2> /dev/null < /proc/self/mounts
        exec "$1" -q -D "$3" --register=no --keep-unit --network-namespace-path="/run/netns/$2" --boot < /dev/null >> "$4" 2>&1
        """;

    private readonly LabSlot slot;
    private readonly HostNetwork network;
    private readonly string directory;
    private readonly string clientKeyFile;
    private Process? container;
    private int init;

    internal WholeHost(LabSlot slot, string name, string address, HostNetwork network, string clientKeyFile)
    {
        this.slot = slot;
        this.network = network;
        this.clientKeyFile = clientKeyFile;
        Name = name;
        Address = address;
        directory = Path.Combine(slot.Directory, name);
    }

    public string Name { get; }

    public string Address { get; }

    /// <summary>The SSH host key's fingerprint as <c>ssh-keygen -lf</c> prints it: <c>SHA256:...</c>.</summary>
    public string HostKeyFingerprint { get; private set; } = "";

    /// <summary>The host's root directory as seen from here.</summary>
    public string RootDirectory => Path.Combine(directory, "root");

    /// <summary>What the booting systemd says.</summary>
    public string ConsoleLog => Path.Combine(directory, "console.log");

    private string KnownHosts => Path.Combine(directory, "known_hosts");

    /// <summary>Runs a shell script inside as root, whatever becomes of network and sshd, and returns what it printed; throws when it fails.</summary>
    public Task<string> RunAsync(string script, CancellationToken ct = default) => RunAsync(script, null, ct);

    /// <summary>The same with a standard input.</summary>
    public async Task<string> RunAsync(string script, string? input, CancellationToken ct = default)
    {
        var (exitCode, output, error) = await TryRunAsync(script, input, ct);
        return exitCode == 0
            ? output.TrimEnd('\n')
            : throw new LabException($"on {Name}: {script}\n{input}\nexit status {exitCode}: {error.Trim()}");
    }

    /// <summary>Runs SQL as postgres through the socket and returns the rows, columns separated by |.</summary>
    public Task<string> PsqlAsync(string sql, CancellationToken ct = default) =>
        RunAsync("runuser -u postgres -- psql -X -At -q -v ON_ERROR_STOP=1 -d postgres -f -", sql, ct);

    /// <summary>Runs a shell command over SSH, from the watchdog's side, with the lab's key and the host's own one known.</summary>
    public Task<string> SshAsync(string account, string command, CancellationToken ct = default) => SshAsync(account, command, clientKeyFile, ct);

    /// <summary>The same with another key.</summary>
    public async Task<string> SshAsync(string account, string command, string key, CancellationToken ct = default)
    {
        string[] options = ["IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=yes", $"UserKnownHostsFile={KnownHosts}", "ConnectTimeout=10"];
        var output = await Command.RunAsync(
            "ssh",
            ["-F", "none", "-i", key, .. options.SelectMany(option => new[] { "-o", option }), $"{account}@{Address}", command],
            ct,
            null,
            slot.Id);
        return output.TrimEnd('\n');
    }

    /// <summary>Makes a login account as an administrator would; the lab's key opens it, no password does, and sudo allows it nothing.</summary>
    public Task CreateAccountAsync(string account, CancellationToken ct = default) => RunAsync(
        $"""
        set -e
        adduser --quiet --disabled-password --gecos '' {account}
        install -d -o {account} -g {account} -m 700 /home/{account}/.ssh
        install -o {account} -g {account} -m 600 /dev/stdin /home/{account}/.ssh/authorized_keys
        """,
        File.ReadAllText(clientKeyFile + ".pub"),
        ct);

    /// <summary>The host dies at once, as by a power cut: nobody on the network sees a connection end.</summary>
    public async Task KillAsync(CancellationToken ct = default)
    {
        await network.SetLinkAsync(up: false, ct);
        await Wait.UntilAsync(KilledAll, $"all processes of {Name} are gone", DeathDeadline, ct);
    }

    /// <summary>The host boots again with what it had on its disk.</summary>
    public async Task ReviveAsync(CancellationToken ct = default)
    {
        await network.SetLinkAsync(up: true, ct);
        await BootAsync(ct);
    }

    public override string ToString() => Name;

    internal async Task StartAsync(CancellationToken ct)
    {
        await CreateRootAsync(ct);
        await network.CreateAsync(ct);
        await BootAsync(ct);
    }

    internal void Forget()
    {
        container?.Dispose();
        network.Dispose();
    }

    private async Task CreateRootAsync(CancellationToken ct)
    {
        var (upper, work) = (Path.Combine(directory, "upper"), Path.Combine(directory, "work"));
        foreach (var path in (string[])[upper, work, RootDirectory])
            Directory.CreateDirectory(path);
        await Command.RunAsync(
            "mount", ["-t", "overlay", "overlay", "-o", $"lowerdir={WholeHosts.Base},upperdir={upper},workdir={work}", RootDirectory], ct, null, slot.Id);
        await Command.RunAsync("ssh-keygen", ["-A", "-f", RootDirectory], ct, null, slot.Id);
        var key = Path.Combine(RootDirectory, "etc/ssh/ssh_host_ed25519_key.pub");
        HostKeyFingerprint = HostSshd.FingerprintOf(key);
        await File.WriteAllTextAsync(KnownHosts, $"{Address} {await File.ReadAllTextAsync(key, ct)}", ct);
        await File.WriteAllTextAsync(Path.Combine(RootDirectory, "etc/hostname"), Name + "\n", ct);
        await File.AppendAllTextAsync(Path.Combine(RootDirectory, "etc/hosts"), $"127.0.1.1\t{Name}\n", ct); // as Debian's installer does; sudo asks
    }

    private async Task BootAsync(CancellationToken ct)
    {
        // A session of its own: Ctrl-C is for the test process, and the hosts must outlive it until the reaper comes.
        var info = new ProcessStartInfo(
            Programs.Find("setsid"),
            [Programs.Find("sh"), "-c", BootScript, "boot", Programs.Find("systemd-nspawn"), slot.Namespace(Name), RootDirectory, ConsoleLog])
        {
            WorkingDirectory = "/",
        };
        info.Environment.Clear();
        info.Environment["PATH"] = Programs.HostPath;
        info.Environment["PGWATCHDOG_LAB"] = slot.Id;
        container?.Dispose();
        container = Process.Start(info) ?? throw new LabException($"cannot start host {Name}");
        // sshd first: before the container has its own root filesystem, a command meant for it would find ours.
        await UntilBootedAsync(async () => await Banner.StartsWithAsync(Address, SshPort, "SSH-", ct), "answers over SSH", ct);
        init = ProcessTable.Descendants(container.Id).First(ProcessTable.IsInit);
        await UntilBootedAsync(async () => await StateAsync(ct) is "running" or "degraded", "has booted", ct);
    }

    private Task UntilBootedAsync(Func<Task<bool>> condition, string what, CancellationToken ct) => Wait.UntilAsync(
        async () => !container!.HasExited ? await condition() : throw new LabException($"{Name} did not boot{LogTail.Of(ConsoleLog)}"),
        $"{Name} {what}",
        BootDeadline,
        ct,
        () => LogTail.Of(ConsoleLog));

    private async Task<string> StateAsync(CancellationToken ct) => (await TryRunAsync("systemctl is-system-running", null, ct)).Output.Trim();

    // The same environment as that of a service, and nothing of ours.
    private Task<CommandResult> TryRunAsync(string script, string? input, CancellationToken ct) =>
        init != 0
            ? Command.TryRunAsync(
                "nsenter",
                ["-a", "-t", $"{init}", "--", "/usr/bin/env", "-i", $"PATH={Programs.HostPath}", "HOME=/root", "LANG=C.UTF-8", "/bin/sh", "-c", script],
                input,
                ct,
                slot.Id,
                CommandDeadline)
            : throw new LabException($"{Name} is not running");

    // The init alone: the kernel kills everything else in its process namespace first, and systemd-nspawn ends when all that has. Killed itself it would end sooner, while
    // the old sshd still answers.
    private bool KilledAll()
    {
        if (container is { HasExited: false } && init != 0)
        {
            Libc.Kill(init, Libc.SigKill);
            return false;
        }
        init = 0;
        return true;
    }
}
