namespace PgReplWatchdog.Lab.Faults;

/// <summary>F11: the guard is killed on the primary's host, and restarts. The primary lives, and goes on.</summary>
public sealed record GuardKilled : Fault
{
    public override string Number => "F11";
    public override string Name => "F11 guard killed";
    public override Must Must => Must.Hold;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) => scene.Primary.KillGuardAsync(ct);

    public override Task EndAsync(Scene scene, CancellationToken ct = default) => Task.CompletedTask;
}

/// <summary>F12: the guard is killed while the watchdog does not see its primary, and then the primary is cut off from everybody.</summary>
public sealed record GuardKilledUnseen : Fault
{
    private static readonly TimeSpan BeforeTheKill = TimeSpan.FromSeconds(2);

    public override string Number => "F12";
    public override string Name => "F12 guard killed out of sight, primary cut off";
    public override Must Must => Must.FailOver;
    public override MayLose MayLose => MayLose.WhatWasNotReceived;
    public override bool NeedsNetwork => true;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Primary.CutAsync(CutFrom.Watchdog, ct: ct);
        await Task.Delay(BeforeTheKill, ct);
        await scene.Primary.KillGuardAsync(ct);
        await scene.Primary.CutAsync(CutFrom.Everybody, ct: ct);
    }

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Primary.HealAsync(null, ct);
        await scene.StartPrimaryUnlessReplacedAsync(ct);
    }
}

/// <summary>F13: a report holds replay on one standby (manual, "Handling Query Conflicts"), and the primary crashes.</summary>
public sealed record ReplayHeld : Fault
{
    private const string Report = "lab_report";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public override string Number => "F13";
    public override string Name => "F13 replay held by a report, primary killed";
    public override Must Must => Must.FailOver;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        var standby = scene.Standbys[0];
        await standby.RunAsync(
            $"PGAPPNAME={Report} setsid {standby.BinDirectory}/psql -X -q -h {standby.SocketDirectory} -p {standby.PostgresPort} -U {standby.SuperUser} -d postgres "
            + "-c 'BEGIN; SELECT count(*) FROM deed; SELECT pg_sleep(600)' > /dev/null 2>&1 < /dev/null &", ct);
        await Wait.UntilAsync(
            async () => await standby.TryPsqlAsync($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{Report}' AND wait_event = 'PgSleep'", ct) == "1",
            $"the report runs on {standby}", Patience, ct);
        await scene.Primary.PsqlAsync("ALTER TABLE deed ALTER COLUMN client SET DEFAULT ''", ct);
        await Wait.UntilAsync(
            async () => await standby.TryPsqlAsync("SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() FROM pg_sleep(0.5)", ct) == "t",
            $"the report holds replay on {standby}", Patience, ct);
        await scene.Primary.KillPostgresAsync(ct);
    }

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        foreach (var host in scene.Lab.Hosts)
            await host.TryPsqlAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{Report}'", ct);
        await scene.StartPrimaryUnlessReplacedAsync(ct);
    }
}

/// <summary>F14: the watchdog's role may not log in any more, and later every standby stops for a while: an update.</summary>
public sealed record LockedOut : Fault
{
    /// <summary>The watchdog has this long to take its lease back.</summary>
    private static readonly TimeSpan BeforeTheStop = TimeSpan.FromSeconds(12);

    public override string Number => "F14";
    public override string Name => "F14 watchdog locked out, standbys stopped";
    public override Must Must => Must.Hold;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Primary.PsqlAsync(
            "ALTER ROLE pgwatchdog NOLOGIN; SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'pgwatchdog'", ct);
        await Task.Delay(BeforeTheStop, ct);
        foreach (var standby in scene.Standbys)
            await standby.StopPostgresAsync(ct: ct);
    }

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        foreach (var standby in scene.Standbys)
            await Scene.TryStartAsync(standby, ct);
        await scene.Primary.TryPsqlAsync("ALTER ROLE pgwatchdog LOGIN", ct);
    }
}

/// <summary>F15: the primary's host stands still as a whole, unreachable, and goes on later; its clock has gone on.</summary>
public sealed record HostPaused : Fault
{
    public override string Number => "F15";
    public override string Name => "F15 host paused";
    public override Must Must => Must.FailOver;
    public override MayLose MayLose => MayLose.WhatWasNotReceived;
    public override bool NeedsNetwork => true;

    /// <summary>The guard decides when it wakes: until then clients on the host are acknowledged (docs/decisions/0012).</summary>
    public override TimeSpan MayWakeFor => TimeSpan.FromSeconds(0.1);

    public override Task StartAsync(Scene scene, CancellationToken ct = default) => scene.Primary.PauseAsync(ct);

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Primary.ResumeAsync(ct);
        await scene.StartPrimaryUnlessReplacedAsync(ct);
    }
}

/// <summary>F16: the sshd of a standby's host is gone; everything else works.</summary>
public sealed record SshLost : Fault
{
    public override string Number => "F16";
    public override string Name => "F16 SSH to a standby lost";
    public override Must Must => Must.Hold;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) => scene.Standbys[0].StopSshdAsync(sessionsToo: true, ct);

    public override Task EndAsync(Scene scene, CancellationToken ct = default) => scene.Standbys[0].StartSshdAsync(ct);
}
