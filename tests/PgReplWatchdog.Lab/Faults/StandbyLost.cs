namespace PgReplWatchdog.Lab.Faults;

/// <summary>F8: a standby is lost, its PostgreSQL or the whole host.</summary>
public sealed record StandbyLost(bool HostToo) : Fault
{
    public override string Number => "F8";
    public override string Name => HostToo ? "F8 standby's host gone" : "F8 standby killed";
    public override Must Must => Must.Hold;
    public override bool NeedsNetwork => HostToo;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) =>
        HostToo ? scene.Standbys[0].KillAsync(ct) : scene.Standbys[0].KillPostgresAsync(ct);

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        if (HostToo)
            await scene.Standbys[0].ReviveAsync(startPostgres: false, ct);
        await Scene.TryStartAsync(scene.Standbys[0], ct);
    }
}
