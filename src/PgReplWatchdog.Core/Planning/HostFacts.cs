namespace PgReplWatchdog.Planning;

/// <summary>What the host under a node said of itself, as far as set-up may fail by it.</summary>
public sealed record HostFacts
{
    /// <summary>uname -m.</summary>
    public string? Architecture { get; init; }

    /// <summary>The C library as it names itself: text is sorted by it.</summary>
    public string? CLibrary { get; init; }

    /// <summary>The major version of the ICU library that the server is linked with; null without one.</summary>
    public string? Icu { get; init; }

    /// <summary>What can be written where the copy is made, with what an earlier copy has taken there; bytes.</summary>
    public long? FreeBytes { get; init; }

    /// <summary>Where a symbolic link pg_wal leads to; null where it is a directory.</summary>
    public string? WalLink { get; init; }

    /// <summary>Configuration files that are symbolic links, with what is at their end.</summary>
    public ImmutableDictionary<string, string> Links { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Paths that PostgreSQL's account cannot put anything at: their directory is another account's, or on a read-only filesystem.</summary>
    public ImmutableArray<string> Unwritable { get; init; } = [];

    /// <summary>What PostgreSQL's account may not have systemctl do with the unit.</summary>
    public ImmutableArray<string> DeniedVerbs { get; init; } = [];

    /// <summary>The other nodes' ports as this host sees them.</summary>
    public ImmutableDictionary<string, PortReach> Reaches { get; init; } = ImmutableDictionary<string, PortReach>.Empty;
}

/// <summary>What comes back from a port.</summary>
public enum PortReach
{
    Unknown,

    /// <summary>PostgreSQL.</summary>
    Answers,

    /// <summary>A refusal: nobody listens there, or something between says so.</summary>
    Refuses,

    /// <summary>Nothing at all: what runs there or not, somebody drops the packets.</summary>
    Silent,

    /// <summary>The name cannot be resolved on the host that asks.</summary>
    UnknownName,
}
