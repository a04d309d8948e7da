using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Tests.BadInput;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Failover;

/// <summary>
/// Requests to a host that falls silent. One that timed out can still be on its way: it arrives when the link or the host recovers.
/// </summary>
[Collection(OnALab.Collection)]
public sealed class LateRequestTests : BareLab
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(4);

    /// <summary>Seconds: longer than the time-out and the margin of HostClock together.</summary>
    private const double LongAfter = 6;

    private string Mark => Path.Combine(Alpha.HomeDirectory, "mark");

    private string Hold => Path.Combine(Alpha.HomeDirectory, "hold");

    private string Sshd => $"$(cat {Alpha.Directory}/ssh/sshd.pid)";

    /// <summary>The login shell delays the script. A stopped sshd cannot end it after its time-out.</summary>
    [Fact]
    public async Task Script_that_arrives_after_its_deadline_does_nothing()
    {
        var access = InstallationLoader.Load(Configuration()).Clusters[0];
        using var hosts = new SshHosts(access);
        var (host, touch) = (hosts["alpha"], Shell.Script("touch {0}", Mark));
        await host.RequireAsync("true", RunningCluster.Patience, Cancellation); // opens the connection
        var delay = $"while [ -e {Hold} ]; do sleep 0.05; done";
        await Alpha.RunAsync($"touch {Hold} && echo '{delay}' > {Alpha.HomeDirectory}/.bashrc", Cancellation);
        var sent = await UptimeAsync();
        var asking = host.RunAsync(touch, Limit, Cancellation);
        await SetUpTests.EventuallyAsync(async () => await WaitingAsync() != "", "the script is on its way");
        await SignalAsync("STOP");
        var failure = await Assert.ThrowsAsync<SshFailureException>(() => asking);
        Assert.Equal(SshFailureKind.TimedOut, failure.Kind);
        await SetUpTests.EventuallyAsync(async () => await UptimeAsync() > sent + LongAfter, "the deadline is over");
        Assert.NotEqual("", await WaitingAsync());
        await Alpha.RunAsync($"rm {Hold}", Cancellation);
        await SetUpTests.EventuallyAsync(async () => await WaitingAsync() == "", "the late script has ended");
        Assert.False(File.Exists(Mark), "the script did its work after its deadline");
        await SignalAsync("CONT");
        await host.RequireAsync(touch, RunningCluster.Patience, Cancellation);
        Assert.True(File.Exists(Mark), "a script within its deadline did not do its work");
    }

    /// <summary>The library waits for seconds in its caller's thread. The pool has one a processor, and grows by two a second.</summary>
    [Fact]
    public async Task Requests_to_a_silent_host_hold_up_nobody_else()
    {
        using var hosts = new SshHosts(InstallationLoader.Load(Configuration()).Clusters[0]);
        var host = hosts["alpha"];
        await host.RequireAsync("true", RunningCluster.Patience, Cancellation); // opens the connection
        await SignalAsync("STOP");
        // From a thread that is none of the pool's: who comes first is served first then.
        var (asking, other) = await Task.Factory.StartNew(
            () => (Enumerable.Range(0, 64).Select(_ => host.RunAsync("true", RunningCluster.Patience, Cancellation)).ToList(), Task.Run(() => { }, Cancellation)),
            Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.Same(other, await Task.WhenAny([other, .. asking]));
        await Assert.ThrowsAsync<SshFailureException>(() => Task.WhenAll(asking));
        await SignalAsync("CONT");
    }

    /// <summary>A session is two processes: a monitor, and its child that does the work.</summary>
    private Task<string> SignalAsync(string signal) => Alpha.RunAsync(
        $"for monitor in $(pgrep -P {Sshd}); do kill -{signal} $monitor $(pgrep -P $monitor sshd); done", Cancellation);

    /// <summary>The shells that have the script. The brackets keep this question from finding itself.</summary>
    private Task<string> WaitingAsync() =>
        Alpha.RunAsync($"pgrep -f 'touch.*{Alpha.HomeDirectory}/[m]ark' || true", Cancellation);

    private static async Task<double> UptimeAsync()
    {
        var text = await File.ReadAllTextAsync("/proc/uptime", Cancellation);
        return double.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("12.34 5.67\n", 1234L)]
    [InlineData("Welcome to 1.5 2.5\n600000.01 99.00\n", 60000001L)] // a login shell's greeting
    [InlineData("", null)]
    [InlineData("cat: /proc/uptime: No such file or directory\n", null)]
    [InlineData("-3.00 1.00\n", null)]
    [InlineData("99999999999999999999999999999999 1\n", null)]
    public void Host_clock_is_read_or_unknown(string output, long? hundredths) =>
        Assert.Equal(hundredths, HostClock.Read(output, askedAt: 0)?.Uptime);
}
