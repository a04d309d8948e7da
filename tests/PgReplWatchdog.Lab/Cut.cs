namespace PgReplWatchdog.Lab;

/// <summary>One cut in force.</summary>
/// <param name="PeerAddress">The peer, or null for everybody.</param>
/// <param name="Mode">What happens to the packets.</param>
/// <param name="Direction">Which packets are concerned.</param>
/// <param name="Port">Only TCP packets to or from this port of the host; null for all packets.</param>
internal sealed record Cut(string? PeerAddress, CutMode Mode, CutDirection Direction, int? Port = null)
{
    public bool Inbound => Direction != CutDirection.Outbound;

    public bool Outbound => Direction != CutDirection.Inbound;
}
