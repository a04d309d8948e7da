namespace PgReplWatchdog.Lab;

/// <summary>What happens to the packets of a cut connection.</summary>
public enum CutMode
{
    /// <summary>They vanish: connecting hangs until the caller's own deadline.</summary>
    Drop,

    /// <summary>They are answered with a TCP reset (anything but TCP: ICMP host unreachable), also on established connections.</summary>
    Refuse,
}
