using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Guarding;

/// <summary>
/// A wall clock for a host's PostgreSQL and guard that a test can step while they run. The uptime, and the clock of everybody
/// else on this machine, go on as they are. What set-up starts over SSH afterwards has the machine's clock again.
/// </summary>
internal sealed class SteppedClock : IAsyncDisposable
{
    private readonly LabHost host;
    private readonly Task holder;
    private double seconds;

    private SteppedClock(LabHost host, Task holder)
    {
        this.host = host;
        this.holder = holder;
    }

    /// <summary>What the wall clock of the host shows now.</summary>
    public DateTimeOffset Now => DateTimeOffset.UtcNow.AddSeconds(seconds);

    /// <summary>Restarts PostgreSQL and the guard under this clock.</summary>
    public static async Task<SteppedClock> StartAsync(LabHost host)
    {
        var guard = $"/bin/sh {host.DataDirectory}.pgwatchdog/guard";
        await host.RunAsync($"echo +0 > {Offset(host)}", TestContext.Current.CancellationToken);
        // libfaketime's own program makes the memory that its library shares, and removes it when all that it has started
        // has ended: the sleep stays, since PostgreSQL may be stopped before the guard. Without that memory bash's getenv
        // keeps the library from reading its settings.
        var clock = new SteppedClock(host, host.RunUntilCancelledAsync(
            $"""
            faketime --exclude-monotonic -f +0 env -u FAKETIME FAKETIME_TIMESTAMP_FILE={Offset(host)} FAKETIME_NO_CACHE=1 NO_FAKE_STAT=1 \
              /bin/sh -c '{host.BinDirectory}/pg_ctl restart -w -D {host.DataDirectory} -l {host.ServerLog} > /dev/null 2>&1 &&
                {guard} stop && {guard} start && echo $$ > {Started(host)} && exec sleep infinity'
            """, CancellationToken.None));
        await SetUpTests.EventuallyAsync(
            () => Task.FromResult(clock.holder.IsCompleted || File.Exists(Started(host))), "PostgreSQL and the guard run under the stepped clock");
        Assert.False(clock.holder.IsCompleted, "PostgreSQL or the guard did not start under the stepped clock: is the Debian package faketime installed?");
        await GuardedCluster.SeenAsync(host, "pgwatchdog_guard");
        return clock;
    }

    /// <summary>A step, as by an administrator or a time service.</summary>
    public async Task StepAsync(TimeSpan step)
    {
        seconds += step.TotalSeconds;
        await host.RunAsync(FormattableString.Invariant($"echo {seconds:+0.0;-0.0;+0.0} > {Offset(host)}.new && mv {Offset(host)}.new {Offset(host)}"), TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await host.RunAsync(
            $"/bin/sh {host.DataDirectory}.pgwatchdog/guard stop; {host.BinDirectory}/pg_ctl stop -m immediate -D {host.DataDirectory}; kill $(cat {Started(host)})");
        await holder;
    }

    private static string Offset(LabHost host) => Path.Combine(host.HomeDirectory, "clock");

    private static string Started(LabHost host) => Path.Combine(host.HomeDirectory, "clock.started");
}
