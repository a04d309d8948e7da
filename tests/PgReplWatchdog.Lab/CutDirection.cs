namespace PgReplWatchdog.Lab;

/// <summary>Which packets a cut concerns, seen from the host that is cut off.</summary>
public enum CutDirection
{
    /// <summary>Both ways.</summary>
    Both,

    /// <summary>Only what arrives at the host.</summary>
    Inbound,

    /// <summary>Only what the host sends.</summary>
    Outbound,
}
