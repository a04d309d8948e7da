namespace PgReplWatchdog.Lab;

/// <summary>Whom a host is cut off from.</summary>
public sealed record CutFrom
{
    private CutFrom(string? hostName, bool everybody)
    {
        HostName = hostName;
        IsEverybody = everybody;
    }

    /// <summary>The process that started the lab, and everything else in the root namespace.</summary>
    public static CutFrom Watchdog { get; } = new(null, everybody: false);

    /// <summary>Everybody but the host itself.</summary>
    public static CutFrom Everybody { get; } = new(null, everybody: true);

    /// <summary>The other host's name, when one host is meant.</summary>
    public string? HostName { get; }

    /// <summary>Whether all peers are meant.</summary>
    public bool IsEverybody { get; }

    /// <summary>One other host of the lab.</summary>
    public static CutFrom Host(string name) => new(name, everybody: false);

    public override string ToString() => HostName ?? (IsEverybody ? "everybody" : "the watchdog");
}
