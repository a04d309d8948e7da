using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>The same two hosts after set-up, and a journal that knows alpha as the primary: a service ran until failover was ready. None runs now.</summary>
public sealed class WatchedLab : BareLab
{
    /// <summary>For whatever has to become true; never for something that merely takes its time.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private int states;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        var configuration = Configuration();
        var result = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.True(result.ExitCode == 0, result.ToString());
        await using var service = await Service.StartAsync(configuration, Lab.WatchdogPort, ct: Cancellation);
        await service.UntilAsync(status => status.Ready("beta"), "failover is ready", Patience, Cancellation);
    }

    /// <summary>A directory of its own for a watchdog that remembers nothing.</summary>
    public string NewState() => Directory.CreateDirectory(
        Path.Combine(Lab.Directory, $"state{Interlocked.Increment(ref states)}"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
}
