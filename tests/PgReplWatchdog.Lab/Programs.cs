namespace PgReplWatchdog.Lab;

/// <summary>Finds the programs the lab needs and names the Debian package of the one that is missing.</summary>
internal static class Programs
{
    private const string DebianBin = "/usr/lib/postgresql/15/bin";

    /// <summary>The path of the hosts: that of a Debian user, which does not contain <see cref="PostgresBin"/>.</summary>
    public const string HostPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private static readonly Dictionary<string, string> Packages = new()
    {
        [$"{DebianBin}/postgres"] = "postgresql-15",
        [$"{DebianBin}/initdb"] = "postgresql-15",
        [$"{DebianBin}/psql"] = "postgresql-client-15",
        ["bash"] = "bash",
        ["perl"] = "perl-base",
        ["sshd"] = "openssh-server",
        ["ssh-keygen"] = "openssh-client",
        ["setsid"] = "util-linux",
        ["setpriv"] = "util-linux",
        ["unshare"] = "util-linux",
        ["id"] = "coreutils",
        ["getent"] = "libc-bin",
        ["mount"] = "mount",
        ["haproxy"] = "haproxy",
        ["ip"] = "iproute2",
        ["nft"] = "nftables",
        ["systemd-nspawn"] = "systemd-container",
        ["nsenter"] = "util-linux",
        ["ssh"] = "openssh-client",
    };

    private static readonly string[] NamespacesOnly = ["ip", "nft", "unshare"];
    private static readonly string[] OnDemand = ["mount", "haproxy", "systemd-nspawn", "nsenter", "ssh"];

    /// <summary>Where the programs of a major version are: those of 15 where Debian puts them, others where deploy/lab/install-postgres does.</summary>
    public static string PostgresBin(string major)
    {
        if (major == LabOptions.DebianMajor)
            return DebianBin;
        var cache = Environment.IsPrivilegedProcess ? "/var/cache"
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } directory ? directory
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return $"{cache}/pgwatchdog/postgresql-{major}/bin";
    }

    /// <summary>Throws unless everything is there that a lab of this kind needs.</summary>
    public static void Require(bool namespaces, string major)
    {
        foreach (var program in Packages.Keys.Except(OnDemand).Where(name => namespaces || !NamespacesOnly.Contains(name)))
            Find(program);
        // What makes a lab of Debian's is needed for any: others borrow from it, and its package brings the user.
        if (!File.Exists($"{PostgresBin(major)}/postgres"))
            throw new LabException($"PostgreSQL {major} is missing: deploy/lab/install-postgres {major}");
    }

    /// <summary>The full path of a program, which is looked for in the system's directories only, not in the caller's PATH.</summary>
    public static string Find(string program) =>
        HostPath.Split(':').Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists)
        ?? throw new LabException($"{program} is missing: install the Debian package {Packages.GetValueOrDefault(program, "that has it")}");

    public static bool Exists(string program) => HostPath.Split(':').Any(directory => File.Exists(Path.Combine(directory, program)));
}
