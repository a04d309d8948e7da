namespace PgReplWatchdog.Lab.Faults;

/// <summary>F1: PostgreSQL dies on the primary by SIGKILL, the host lives.</summary>
public sealed record Crash(bool PostmasterAlone) : Fault
{
    public override string Number => "F1";
    public override string Name => PostmasterAlone ? "F1 postmaster killed" : "F1 all killed";
    public override Must Must => Must.FailOver;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) =>
        PostmasterAlone ? scene.Primary.KillPostmasterAsync(ct) : scene.Primary.KillPostgresAsync(ct);

    public override Task EndAsync(Scene scene, CancellationToken ct = default) => scene.StartPrimaryUnlessReplacedAsync(ct);
}

/// <summary>F2: the primary's host is gone, and comes back some time.</summary>
public sealed record HostGone(bool PostgresStartsAtBoot) : Fault
{
    public override string Number => "F2";
    public override string Name => PostgresStartsAtBoot ? "F2 host gone, PostgreSQL starts at boot" : "F2 host gone";
    public override Must Must => Must.FailOver;
    public override MayLose MayLose => MayLose.WhatWasNotReceived;
    public override bool NeedsNetwork => true;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) => scene.Primary.KillAsync(ct);

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Primary.ReviveAsync(startPostgres: false, ct);
        if (PostgresStartsAtBoot)
            await Scene.TryBootAsync(scene.Primary, ct);
        else
            await scene.BootPrimaryUnlessReplacedAsync(ct); // somebody has to, where nobody was promoted
    }
}

/// <summary>F3: PostgreSQL hangs on the primary (SIGSTOP), and thaws later.</summary>
public sealed record Frozen(bool PostmasterAlone) : Fault
{
    public override string Number => "F3";
    public override string Name => PostmasterAlone ? "F3 postmaster stopped" : "F3 all stopped";
    public override Must Must => Must.FailOver;
    public override MayLose MayLose => MayLose.WhatWasNotReceived;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) =>
        PostmasterAlone ? scene.Primary.FreezePostmasterAsync(ct) : scene.Primary.FreezePostgresAsync(ct);

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Primary.ThawPostgresAsync();
        await scene.StartPrimaryUnlessReplacedAsync(ct);
    }
}

/// <summary>F3: the primary's storage hangs: questions are answered from memory, and no commit comes to its end.</summary>
public sealed record StorageHangs : Fault
{
    public override string Number => "F3";
    public override string Name => "F3 storage hangs";
    public override Must Must => Must.FailOver;
    public override bool NeedsDisk => true;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) => scene.Primary.HangDiskAsync(ct);

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Primary.UnhangDiskAsync(ct);
        await scene.StartPrimaryUnlessReplacedAsync(ct);
    }
}

/// <summary>F9: the old primary comes back after the promotion and believes that it is primary still.</summary>
public sealed record OldPrimaryReturns(bool HostToo) : Fault
{
    public override string Number => "F9";
    public override string Name => HostToo ? "F9 old host returns" : "F9 old primary returns";
    public override Must Must => Must.FailOver;
    public override MayLose MayLose => HostToo ? MayLose.WhatWasNotReceived : MayLose.Nothing;
    public override bool NeedsNetwork => HostToo;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        await (HostToo ? scene.Primary.KillAsync(ct) : scene.Primary.KillPostgresAsync(ct));
        try
        {
            await scene.UntilPromotedAsync(ct);
        }
        finally
        {
            if (HostToo)
                await scene.Primary.ReviveAsync(startPostgres: false, ct);
        }
        await (HostToo ? Scene.TryBootAsync(scene.Primary, ct) : Scene.TryStartAsync(scene.Primary, ct));
    }

    public override Task EndAsync(Scene scene, CancellationToken ct = default) => Task.CompletedTask;
}

/// <summary>F10: the disk with the primary's data and WAL is full.</summary>
public sealed record DiskFull : Fault
{
    public override string Number => "F10";
    public override string Name => "F10 disk full";
    public override Must Must => Must.Hold;
    public override bool NeedsDisk => true;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) => scene.Primary.FillDiskAsync(ct);

    public override Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        scene.Primary.FreeDisk();
        return scene.StartPrimaryUnlessReplacedAsync(ct); // without a block for WAL it may have ended
    }
}

/// <summary>
/// F21: synchronous_standby_names on the primary names one standby. That standby is lost, and commits wait; or the primary's host is gone, and every
/// acknowledged row is on that standby.
/// </summary>
public sealed record Synchronous(bool HostGone) : Fault
{
    private const string Setting = "synchronous_standby_names";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public override string Number => "F21";
    public override string Name => HostGone ? "F21 synchronous standby, primary's host gone" : "F21 synchronous standby killed";
    public override Must Must => HostGone ? Must.FailOver : Must.Hold;
    public override bool NeedsNetwork => HostGone;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        var standby = scene.Standbys[0];
        await scene.Primary.PsqlAsync($"ALTER SYSTEM SET {Setting} = 'FIRST 1 ({standby.Name})'", ct);
        await scene.Primary.PsqlAsync("SELECT pg_reload_conf()", ct);
        await Wait.UntilAsync(
            async () => await scene.Primary.TryPsqlAsync($"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{standby.Name}'", ct) == "sync",
            $"{standby} is synchronous", Patience, ct);
        await scene.Primary.PsqlAsync("INSERT INTO deed (client, id) VALUES ('lab', pg_current_wal_lsn() - '0/0')", ct); // all rows before it are there as well
        await (HostGone ? scene.Primary.KillAsync(ct) : standby.KillPostgresAsync(ct));
    }

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Primary.RunAsync($"sed -i /^{Setting}/d {scene.Primary.DataDirectory}/postgresql.auto.conf", ct); // whether its PostgreSQL runs or not
        if (HostGone)
            await scene.Primary.ReviveAsync(startPostgres: false, ct);
        else
            await Scene.TryStartAsync(scene.Standbys[0], ct);
        await scene.Primary.TryPsqlAsync("SELECT pg_reload_conf()", ct);
        await (HostGone ? scene.BootPrimaryUnlessReplacedAsync(ct) : scene.StartPrimaryUnlessReplacedAsync(ct));
    }
}
