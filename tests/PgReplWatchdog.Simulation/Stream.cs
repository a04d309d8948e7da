namespace PgReplWatchdog.Simulation;

/// <summary>
/// One connection from a walreceiver to a walsender. Each end has its own idea of whether it lives. What was sent and not delivered stays on its way and
/// arrives late, with the contents of then.
/// </summary>
internal sealed class Stream(Node primary, Node standby, double now)
{
    /// <summary>wal_receiver_timeout and wal_sender_timeout as set-up sets them; half of it is when an idle end asks.</summary>
    public const double TimeoutSeconds = 5;
    private const double StatusInterval = 1;
    private const int Window = 32;

    private readonly int primaryRun = primary.Run;
    private readonly int standbyRun = standby.Run;
    private readonly Queue<(double At, ulong Position)> messages = new();
    private readonly Queue<(double At, ulong Flushed)> replies = new();
    private double sentAt = now, repliedAt = now, replyHeardAt = now;
    private ulong sent = standby.Position;

    public Node Primary => primary;
    public Node Standby => standby;

    /// <summary>The walreceiver lives.</summary>
    public bool AtStandby { get; set; } = true;

    /// <summary>The walsender lives.</summary>
    public bool AtPrimary { get; private set; } = true;

    /// <summary>Where the standby's last reply put its flushed position.</summary>
    public ulong Flushed { get; private set; }

    /// <summary>When the standby last heard anything.</summary>
    public double HeardAt { get; private set; } = now;

    public bool Hears(double now) => AtStandby && now - HeardAt < TimeoutSeconds / 2;

    /// <summary>Checkpoints of the primary, which restartpoints follow, are minutes apart (checkpoint_timeout).</summary>
    private const double RestartpointAfter = 120;

    public void Step(Network network, double now)
    {
        AtPrimary &= primary.IsRunning && primary.Run == primaryRun;
        AtStandby &= standby.IsRunning && standby.Run == standbyRun;
        if (network.BothUp(primary.Index, standby.Index, now) && AtStandby != AtPrimary && (AtStandby ? primary.HostUp : standby.HostUp))
            AtStandby = AtPrimary = false; // the host that lives says that the connection is gone
        if (AtPrimary && primary.Hang != Hang.All)
            Send(network, now);
        if (AtStandby && standby.Hang != Hang.All)
            Receive(network, now);
        if (AtPrimary && primary.Hang != Hang.All)
            Hear(network, now);
    }

    private void Send(Network network, double now)
    {
        if ((primary.Position > sent || now - sentAt > TimeoutSeconds / 2) && messages.Count < Window)
        {
            (sent, sentAt) = (primary.Position, now);
            messages.Enqueue((now + network.Delay(primary.Index, standby.Index, now), sent));
        }
    }

    private void Receive(Network network, double now)
    {
        var received = false;
        while (messages.TryPeek(out var message) && message.At <= now && network.Delivers(primary.Index, standby.Index, now))
        {
            messages.Dequeue();
            received = true;
            HeardAt = now;
            standby.Position = Math.Max(standby.Position, message.Position);
            if (standby.Position >= primary.Branch.SwitchPoint && standby.Branch != primary.Branch)
                (standby.Branch, standby.RestartpointAt) = (primary.Branch, now + RestartpointAfter);
        }
        if ((received || now - repliedAt > StatusInterval) && replies.Count < Window)
        {
            repliedAt = now;
            replies.Enqueue((now + network.Delay(standby.Index, primary.Index, now), standby.Position));
        }
        if (now - HeardAt > TimeoutSeconds)
            AtStandby = false;
    }

    private void Hear(Network network, double now)
    {
        while (replies.TryPeek(out var reply) && reply.At <= now && network.Delivers(standby.Index, primary.Index, now))
        {
            replies.Dequeue();
            replyHeardAt = now;
            Flushed = Math.Max(Flushed, reply.Flushed);
        }
        if (now - replyHeardAt > TimeoutSeconds)
            AtPrimary = false;
    }
}
