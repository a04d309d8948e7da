namespace PgReplWatchdog.Lab.Faults;

/// <summary>F17: the watchdog is gone for a while, stopped cleanly or killed. Nothing else happens.</summary>
public sealed record WatchdogGone(bool Killed) : Fault
{
    public override string Number => "F17";
    public override string Name => Killed ? "F17 watchdog killed" : "F17 watchdog stopped";
    public override Must Must => Must.Hold;
    public override bool NeedsWatchdog => true;

    public override Task StartAsync(Scene scene, CancellationToken ct = default) => Killed ? scene.Watchdog.KillAsync() : scene.Watchdog.StopAsync();

    public override Task EndAsync(Scene scene, CancellationToken ct = default) => scene.Watchdog.StartAsync(ct);
}

/// <summary>F18: the primary crashes while the watchdog is gone, and the watchdog is started again.</summary>
public sealed record WatchdogGoneAtCrash(bool Killed) : Fault
{
    private static readonly TimeSpan BeforeTheStart = TimeSpan.FromSeconds(2);

    public override string Number => "F18";
    public override string Name => Killed ? "F18 watchdog killed, primary killed" : "F18 watchdog stopped, primary killed";
    public override Must Must => Must.FailOver;
    public override bool NeedsWatchdog => true;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        await (Killed ? scene.Watchdog.KillAsync() : scene.Watchdog.StopAsync());
        await scene.Primary.KillPostgresAsync(ct);
        await Task.Delay(BeforeTheStart, ct);
        await scene.Watchdog.StartAsync(ct);
    }

    public override Task EndAsync(Scene scene, CancellationToken ct = default) => scene.StartPrimaryUnlessReplacedAsync(ct);
}

/// <summary>
/// F19: a second watchdog runs in place of the first one. The first one was stopped cleanly, so that the second one arms the guard and is then killed;
/// or the first one was killed, so that the second one finds its lease, waits, and is stopped. Then the first one runs again.
/// </summary>
public sealed record SecondWatchdog(bool FirstKilled) : Fault
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public override string Number => "F19";
    public override string Name => FirstKilled ? "F19 second watchdog after the first was killed" : "F19 second watchdog killed, lease taken over";
    public override Must Must => Must.Hold;
    public override bool NeedsWatchdog => true;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        await (FirstKilled ? scene.Watchdog.KillAsync() : scene.Watchdog.StopAsync());
        await scene.SecondWatchdog.StartAsync(ct);
        if (FirstKilled)
            await scene.SecondWatchdog.UntilAsync(SeesAnother, "the second watchdog sees the lease of the first one", Patience, ct);
        else
            await scene.SecondWatchdog.UntilAsync(status => status.FailoverReady, "failover is ready under the second watchdog", Patience, ct);
    }

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        await (FirstKilled ? scene.SecondWatchdog.StopAsync() : scene.SecondWatchdog.KillAsync());
        await scene.Watchdog.StartAsync(ct);
        if (FirstKilled)
            return;
        await scene.Watchdog.UntilAsync(SeesAnother, "the first watchdog sees the lease of the second one", Patience, ct);
        await scene.Watchdog.CommandAsync(["takeover", LabConfiguration.ClusterName, "--yes"], ct);
    }

    private static bool SeesAnother(ServiceStatus status) => status.Gates.Contains("AnotherWatchdog");
}

/// <summary>F20: what the watchdog sends over SSH arrives seconds late, at every host; or at the primary's host alone, and PostgreSQL there crashes.</summary>
public sealed record SshHeldBack(bool PrimaryKilled) : Fault
{
    public override string Number => "F20";
    public override string Name => PrimaryKilled ? "F20 SSH to the primary's host held back, primary killed" : "F20 SSH to every host held back";
    public override Must Must => PrimaryKilled ? Must.FailOver : Must.Hold;
    public override MayLose MayLose => PrimaryKilled ? MayLose.WhatWasNotReceived : MayLose.Nothing;
    public override bool NeedsNetwork => true;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        foreach (var host in Hosts(scene))
            await host.HoldBackSshAsync(ct);
        if (PrimaryKilled)
            await scene.Primary.KillPostgresAsync(ct);
    }

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        foreach (var host in Hosts(scene))
            await host.HealAsync(CutFrom.Watchdog, ct);
        await scene.StartPrimaryUnlessReplacedAsync(ct);
    }

    private IReadOnlyList<LabHost> Hosts(Scene scene) => PrimaryKilled ? [scene.Primary] : scene.Lab.Hosts;
}

/// <summary>F22: an operator switches over while the watchdog is stopped: the primary is stopped cleanly, a standby is promoted, and the others follow it.</summary>
public sealed record SwitchoverUnseen : Fault
{
    public override string Number => "F22";
    public override string Name => "F22 switchover while the watchdog is stopped";
    public override Must Must => Must.FailOver;
    public override bool NeedsWatchdog => true;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Watchdog.StopAsync();
        var (old, promoted, other) = (scene.Primary, scene.Standbys[0], scene.Standbys[1]);
        await old.StopPostgresAsync(ct: ct); // returns when the standbys have all WAL
        await promoted.PsqlAsync("SELECT pg_promote()", ct);
        var follow = await FollowAsync(scene, other, promoted, ct);
        await RepointAsync(old, follow.Replace(other.DataDirectory, old.DataDirectory, StringComparison.Ordinal).Replace(other.Name, old.Name, StringComparison.Ordinal), ct);
        await old.RunAsync($"touch {old.DataDirectory}/standby.signal", ct);
        await old.StartPostgresAsync(ct);
    }

    public override Task EndAsync(Scene scene, CancellationToken ct = default) => scene.Watchdog.StartAsync(ct);

    /// <summary>Lets a standby of the primary follow another server. Returns its settings of now.</summary>
    internal static async Task<string> FollowAsync(Scene scene, LabHost standby, LabHost upstream, CancellationToken ct)
    {
        var slots = string.Join(',', scene.Lab.Hosts.Where(host => host != upstream).Select(host => $"'pgwatchdog_{host.Name}'"));
        await upstream.PsqlAsync($"SELECT pg_create_physical_replication_slot(name) FROM unnest(ARRAY[{slots}]) name WHERE name NOT IN (SELECT slot_name FROM pg_replication_slots)", ct);
        var follow = (await standby.RunAsync($"grep -E '^primary_(conninfo|slot_name) = ' {Settings(standby)}", ct))
            .Replace($"'{scene.Primary.Address}'", $"'{upstream.Address}'", StringComparison.Ordinal);
        await RepointAsync(standby, follow, ct);
        await standby.PsqlAsync("SELECT pg_reload_conf()", ct);
        return follow;
    }

    private static Task<string> RepointAsync(LabHost host, string settings, CancellationToken ct) =>
        host.RunAsync($"sed -i -E '/^primary_(conninfo|slot_name) = /d' {Settings(host)}\ncat >> {Settings(host)} << 'END'\n{settings}\nEND", ct);

    private static string Settings(LabHost host) => $"{host.DataDirectory}/pgwatchdog.conf";
}

/// <summary>
/// F23: the primary crashes and is replaced. Then the watchdog's host is put back to what it was before: the record names the old primary. At once, with
/// the other standby still detached; or when all is whole again, and nothing but the record is wrong.
/// </summary>
public sealed record RecordPutBack(bool AtOnce) : Fault
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>A younger record counts as that of a process that was restarted.</summary>
    private static readonly TimeSpan Old = TimeSpan.FromSeconds(10);

    public override string Number => "F23";
    public override string Name => AtOnce ? "F23 record of before the failover, put back at once" : "F23 record of before the failover, put back later";
    public override Must Must => Must.FailOver;
    public override bool NeedsWatchdog => true;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        await scene.Watchdog.StopAsync();
        await scene.Watchdog.SaveAsync(ct);
        await scene.Watchdog.StartAsync(ct);
        await scene.Primary.KillPostgresAsync(ct);
        var promoted = await scene.UntilPromotedAsync(ct);
        if (!AtOnce)
        {
            await scene.Watchdog.UntilAsync(
                status => scene.Lab.Hosts.All(host => host == promoted || status.Streams(host.Name)), $"all others stream from {promoted}", Patience, ct);
            await Task.Delay(Old, ct);
        }
        await scene.Watchdog.KillAsync();
        await scene.Watchdog.RestoreAsync(ct);
        await scene.Watchdog.StartAsync(ct);
    }

    /// <summary>Whom the failover had detached went with the record: a person runs set-up (docs/runbook.md, RecordIsOld).</summary>
    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        var promoted = await scene.UntilPromotedAsync(ct);
        await scene.Watchdog.UntilAsync(status => status.IntendedPrimary == promoted.Name, $"the record names {promoted} again", Patience, ct);
        if (AtOnce)
            await scene.Watchdog.CommandAsync(["setup", LabConfiguration.ClusterName, "--overwrite", scene.Primary.Name], ct);
    }
}

/// <summary>F24: an operator lets one standby follow the other one, a cascade, and then the primary crashes.</summary>
public sealed record Cascade : Fault
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public override string Number => "F24";
    public override string Name => "F24 cascade, primary killed";
    public override Must Must => Must.FailOver;
    public override bool NeedsWatchdog => true;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        var (upstream, downstream) = (scene.Standbys[0], scene.Standbys[1]);
        await SwitchoverUnseen.FollowAsync(scene, downstream, upstream, ct);
        await Wait.UntilAsync(
            async () => await upstream.TryPsqlAsync($"SELECT state FROM pg_stat_replication WHERE application_name = '{downstream.Name}'", ct) == "streaming",
            $"{downstream} follows {upstream}", Patience, ct);
        await scene.Primary.KillPostgresAsync(ct);
        await scene.UntilPromotedAsync(ct); // a round may be shorter than a failover: nobody would take the cascade back
    }

    public override Task EndAsync(Scene scene, CancellationToken ct = default) => scene.StartPrimaryUnlessReplacedAsync(ct);
}
