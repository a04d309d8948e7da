namespace PgReplWatchdog.Lab;

/// <summary>What a lab consists of.</summary>
public sealed record LabOptions
{
    /// <summary>The major version that needs nothing but Debian's packages.</summary>
    public const string DebianMajor = "15";

    /// <summary>Names of the hosts: lower-case letters, digits and dashes; twenty at most.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = ["alpha", "beta"];

    /// <summary>The hosts whose PostgreSQL is running when the lab has started; sshd runs on all of them.</summary>
    public IReadOnlyList<string> Running { get; init; } = ["alpha"];

    /// <summary>PostgreSQL's major version on all hosts, 9.3 to 18; of 10 to 18 those that are not Debian's are there after deploy/lab/install-postgres MAJOR.</summary>
    public string Major { get; init; } = DebianMajor;

    /// <summary>Each host in a network namespace of its own, with standard ports; needs root.</summary>
    public bool Namespaces { get; init; }

    /// <summary>Each host's data directory on a filesystem of its own of so many megabytes, which can be filled; needs root. 0: none.</summary>
    public int DiskMegabytes { get; init; }

    /// <summary>Leaves the lab's directory (logs, data) behind; processes, namespaces and small disks go in any case.</summary>
    public bool Keep { get; init; }

    /// <summary>Whether PostgreSQL waits for its disk. Off by default: the lab lives in memory anyway.</summary>
    public bool Fsync { get; init; }
}
