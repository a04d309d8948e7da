namespace PgReplWatchdog.Lab;

/// <summary>Finds the programs the lab needs and names the Debian package of the one that is missing.</summary>
internal static class Programs
{
    /// <summary>Where Debian puts the programs of PostgreSQL 15.</summary>
    public const string PostgresBin = "/usr/lib/postgresql/15/bin";

    /// <summary>The path of the hosts: that of a Debian user, which does not contain <see cref="PostgresBin"/>.</summary>
    public const string HostPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private static readonly Dictionary<string, string> Packages = new()
    {
        [$"{PostgresBin}/postgres"] = "postgresql-15",
        [$"{PostgresBin}/initdb"] = "postgresql-15",
        [$"{PostgresBin}/psql"] = "postgresql-client-15",
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

    /// <summary>Throws unless everything is there that a lab of this kind needs.</summary>
    public static void Require(bool namespaces)
    {
        foreach (var program in Packages.Keys.Except(OnDemand).Where(name => namespaces || !NamespacesOnly.Contains(name)))
            Find(program);
    }

    /// <summary>The full path of a program, which is looked for in the system's directories only, not in the caller's PATH.</summary>
    public static string Find(string program) =>
        HostPath.Split(':').Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists)
        ?? throw new LabException($"{program} is missing: install the Debian package {Packages.GetValueOrDefault(program, "that has it")}");

    public static bool Exists(string program) => HostPath.Split(':').Any(directory => File.Exists(Path.Combine(directory, program)));
}
