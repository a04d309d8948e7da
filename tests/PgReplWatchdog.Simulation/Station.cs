namespace PgReplWatchdog.Simulation;

/// <summary>A watchdog as others know it: its host in the network, its configuration with its name, and its sessions on the servers.</summary>
internal sealed class Station(int place, ClusterSpec spec)
{
    /// <summary>A server whose keepalive finds nobody ends the session.</summary>
    private const double SessionLasts = 14;

    private readonly (double At, int Run)[] asked = new (double, int)[Setting.MostNodes];

    public int Place => place;
    public ClusterSpec Spec => spec;

    /// <summary>What its lines in a trace begin with.</summary>
    public string Sign { get; init; } = "";

    /// <summary>No server lets it in: pg_hba.conf has the other one's address.</summary>
    public bool IsLockedOut { get; set; }

    /// <summary>The server has been asked something.</summary>
    public void Asks(Node node, double now) => asked[node.Index] = (now, node.Run);

    /// <summary>Its process has ended, and the hosts say so.</summary>
    public void Closes(Node node) => asked[node.Index] = default;

    /// <summary>Its session, as that server shows it; null where there is none.</summary>
    public WatchdogSession? SessionAt(Node node, double now)
    {
        var (at, run) = asked[node.Index];
        return at > 0 && run == node.Run && now - at < SessionLasts
            ? new WatchdogSession(spec.Owner, FormattableString.Invariant($"h{place + 1}"), now - at, FromHere: false) : null;
    }
}
