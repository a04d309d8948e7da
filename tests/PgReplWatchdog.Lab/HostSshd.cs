using System.Globalization;
using System.Security.Cryptography;

namespace PgReplWatchdog.Lab;

/// <summary>A host's SSH server, running as the host's user.</summary>
internal sealed class HostSshd(LabHost host, HostInit init, string listenAddress)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(15);

    private readonly string directory = Path.Combine(host.Directory, "ssh");
    private Task<int> ended = Task.FromResult(0);

    /// <summary>As <c>ssh-keygen -lf</c> prints it.</summary>
    public string Fingerprint { get; private set; } = "";

    private string PidFile => Path.Combine(directory, "sshd.pid");

    private string LogFile => Path.Combine(directory, "sshd.log");

    private string HostKey => Path.Combine(directory, "host_key");

    public static string FingerprintOf(string publicKeyFile)
    {
        var key = Convert.FromBase64String(File.ReadAllText(publicKeyFile).Split(' ')[1]);
        return "SHA256:" + Convert.ToBase64String(SHA256.HashData(key)).TrimEnd('=');
    }

    public async Task ConfigureAsync(string clientPublicKey, CancellationToken ct)
    {
        await host.WriteFileAsync(Path.Combine(directory, "authorized_keys"), clientPublicKey, ct);
        await host.WriteFileAsync(Path.Combine(directory, "sshd_config"), Configuration(), ct);
        await NewHostKeyAsync(ct);
    }

    public async Task NewHostKeyAsync(CancellationToken ct)
    {
        var script = $"rm -f {HostKey} {HostKey}.pub && ssh-keygen -q -t ed25519 -N '' -C {host.Name} -f {HostKey}";
        var (exitCode, _, error) = await init.RunAsync(script, null, Deadline, ct);
        if (exitCode != 0)
            throw new LabException($"no host key for {host.Name}: {error}");
        Fingerprint = FingerprintOf(HostKey + ".pub");
    }

    public async Task StartAsync(CancellationToken ct)
    {
        if (!ended.IsCompleted)
            throw new LabException($"sshd is running on {host.Name} already");
        // It writes the file when it listens, which can be seen without connecting (the host may be cut off).
        File.Delete(PidFile);
        ended = await init.StartAsync(
            $"exec {Programs.Find("sshd")} -D -e -f {Path.Combine(directory, "sshd_config")} 2>>{LogFile}", ct);
        await Wait.UntilAsync(
            () => ReadPid() is not null || ended.IsCompleted, $"sshd starts on {host.Name}", Deadline, ct, () => LogTail.Of(LogFile));
        if (ended.IsCompleted)
            throw new LabException($"sshd did not start on {host.Name}{LogTail.Of(LogFile)}");
    }

    public async Task StopAsync(bool sessionsToo, CancellationToken ct)
    {
        if (ended.IsCompleted || ReadPid() is not { } pid)
            return;
        // Its direct children are the connections; what somebody started on them as a daemon hangs on the init.
        var sessions = sessionsToo ? ProcessTable.Descendants(pid) : [];
        Libc.Kill(pid, Libc.SigTerm);
        foreach (var session in sessions)
            Libc.Kill(session, Libc.SigKill);
        await Wait.UntilAsync(() => ended.IsCompleted, $"sshd stops on {host.Name}", Deadline, ct, () => LogTail.Of(LogFile));
    }

    /// <summary>It accepts connections, and says nothing; open ones fall silent.</summary>
    public void Freeze() => Signal(Libc.SigStop);

    public void Thaw() => Signal(Libc.SigCont);

    private void Signal(int signal)
    {
        var pid = ReadPid() ?? throw new LabException($"sshd does not run on {host.Name}");
        foreach (var process in (int[])[pid, .. ProcessTable.Descendants(pid)])
            Libc.Kill(process, signal);
    }

    private int? ReadPid()
    {
        try
        {
            return int.TryParse(File.ReadAllText(PidFile).AsSpan().Trim(), CultureInfo.InvariantCulture, out var pid) ? pid : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    // Without root, sshd can serve its own user only and cannot use PAM. SetEnv: sessions start with an empty environment;
    // the mark lets the reaper find what they leave running, and the home directory must not be shared by all hosts.
    private string Configuration() =>
        $"""
        Port {host.SshPort}
        ListenAddress {listenAddress}
        HostKey {HostKey}
        PidFile {PidFile}
        AuthorizedKeysFile {Path.Combine(directory, "authorized_keys")} {host.AuthorizedKeys}
        AuthenticationMethods publickey
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        UsePAM no
        StrictModes no
        UseDNS no
        PrintMotd no
        MaxStartups 100
        SetEnv PGWATCHDOG_LAB={host.LabId} PATH={Programs.HostPath} HOME={host.HomeDirectory} LANG=C.UTF-8
        Subsystem sftp internal-sftp

        """;
}
