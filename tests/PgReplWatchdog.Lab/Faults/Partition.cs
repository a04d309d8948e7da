namespace PgReplWatchdog.Lab.Faults;

/// <summary>F4 to F7: a network that is cut. Clients outside the hosts share the watchdog's fate; those on the hosts go on.</summary>
/// <param name="Between">Who cannot reach whom.</param>
/// <param name="Mode">Whether packets vanish or are refused.</param>
/// <param name="Direction">Which packets, seen from the host that is cut off.</param>
public sealed record Partition(Between Between, CutMode Mode = CutMode.Drop, CutDirection Direction = CutDirection.Both) : Fault
{
    public override string Number => Between switch
    {
        Between.WatchdogAndPrimary => "F4",
        Between.PrimaryAndStandbys => "F5",
        Between.PrimaryAndEverybody => "F6",
        Between.WatchdogAndEverybody => "F7",
    };

    public override string Name => $"{Number} {Words(Between)} cut, {(Mode == CutMode.Drop ? "dropped" : "refused")}{Direction switch
    {
        CutDirection.Both => "",
        CutDirection.Inbound => ", inbound only",
        CutDirection.Outbound => ", outbound only",
    }}";

    public override Must Must => Between == Between.PrimaryAndEverybody ? Must.FailOver : Must.Hold;

    public override MayLose MayLose => Must == Must.Hold ? MayLose.Nothing : MayLose.WhatWasNotReceived;

    public override bool NeedsNetwork => true;

    public override async Task StartAsync(Scene scene, CancellationToken ct = default)
    {
        foreach (var (host, from) in Cuts(scene))
            await host.CutAsync(from, Mode, Direction, ct);
    }

    public override async Task EndAsync(Scene scene, CancellationToken ct = default)
    {
        foreach (var (host, from) in Cuts(scene))
            await host.HealAsync(from, ct);
        await scene.StartPrimaryUnlessReplacedAsync(ct); // a guard may have stopped it
    }

    private IEnumerable<(LabHost Host, CutFrom From)> Cuts(Scene scene) => Between switch
    {
        Between.WatchdogAndPrimary => [(scene.Primary, CutFrom.Watchdog)],
        Between.PrimaryAndStandbys => scene.Standbys.Select(standby => (scene.Primary, CutFrom.Host(standby.Name))),
        Between.PrimaryAndEverybody => [(scene.Primary, CutFrom.Everybody)],
        Between.WatchdogAndEverybody => scene.Lab.Hosts.Select(host => (host, CutFrom.Watchdog)),
    };

    private static string Words(Between between) => between switch
    {
        Between.WatchdogAndPrimary => "watchdog and primary",
        Between.PrimaryAndStandbys => "primary and standbys",
        Between.PrimaryAndEverybody => "primary and everybody",
        Between.WatchdogAndEverybody => "watchdog and everybody",
    };
}

/// <summary>Who cannot reach whom.</summary>
public enum Between
{
    /// <summary>F4.</summary>
    WatchdogAndPrimary,

    /// <summary>F5.</summary>
    PrimaryAndStandbys,

    /// <summary>F6.</summary>
    PrimaryAndEverybody,

    /// <summary>F7.</summary>
    WatchdogAndEverybody,
}
