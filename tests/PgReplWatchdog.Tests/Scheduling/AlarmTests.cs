using System.Globalization;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Scheduling;

/// <summary>Whatever listens where PostgreSQL is thought to be, the one who waits for alarms neither ends nor cries.</summary>
public sealed class AlarmTests(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    [Theory]
    [InlineData(Stranger.Silent)] // a session that is being opened when its time is over cannot be disposed of
    [InlineData(Stranger.Closing)]
    [InlineData(Stranger.Garbage)]
    [InlineData(Stranger.HalfWay)]
    internal async Task No_stranger_ends_it(Stranger stranger)
    {
        await using var listening = new NotPostgres(stranger);
        var access = InstallationLoader.Load(folder.Write(
            ("Clusters:0:Nodes:0:Host", "\"127.0.0.1\""), ("Clusters:0:Nodes:0:Port", listening.Port.ToString(CultureInfo.InvariantCulture)))).Clusters[0];
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        var alarms = 0;
        await new AlarmSession(access, access.Spec.Nodes[0], TimeProvider.System).ListenAsync(() =>
        {
            alarms++;
            return Task.CompletedTask;
        }, over.Token);
        Assert.Equal((true, 0), (over.IsCancellationRequested, alarms));
    }
}
