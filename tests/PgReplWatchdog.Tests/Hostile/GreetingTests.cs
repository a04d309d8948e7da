using System.Globalization;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// The login shell of each host prints a line before each command, as companies have it that greet whoever logs in. What a
/// script prints is told from it: in set-up's facts and files, in checks, and in pages of WAL that are shipped.
/// </summary>
public sealed class GreetingTests
{
    private const int Rows = 20_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")]
    [InlineData("echo 'Welcome to the database host'")]
    [InlineData("printf 'no end of line'")]
    [InlineData("head -c 20000 /dev/zero; printf 'postmaster=yes\\nprocesses=7\\n' | tee /dev/stderr")]
    public async Task Set_up_a_check_and_shipped_wal_are_as_without_it(string greeting)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha", "beta"] }, Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        foreach (var host in lab.Hosts)
            await File.WriteAllTextAsync(Path.Combine(host.HomeDirectory, ".bashrc"), greeting + "\n", Cancellation);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort, cluster =>
        {
            cluster["UnreachableThreshold"] = "00:00:03";
            cluster["GuardTimeToLive"] = "00:00:00";
            cluster["Fencing"] = "BestEffort";
        });
        var result = await Product.RunAsync(configuration, ["setup"], Cancellation);
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("0", await beta.RunAsync($"cat {beta.DataDirectory}/*.conf | grep -c -e Welcome -e 'no end' -e processes=7 || true", Cancellation));

        await using var service = await Service.StartAsync(configuration, lab.WatchdogPort, ct: Cancellation);
        await service.UntilAsync(status => status.Ready("beta"), "failover is ready", RunningCluster.Patience, Cancellation);
        await alpha.PsqlAsync("CREATE TABLE shipped (number int)", Cancellation);
        var postmaster = alpha.PostmasterPid!.Value.ToString(CultureInfo.InvariantCulture);
        await alpha.RunAsync($"kill -STOP $(pgrep -P {postmaster} -f walsender)", Cancellation);
        await alpha.PsqlAsync(string.Create(CultureInfo.InvariantCulture, $"SET synchronous_commit = local; INSERT INTO shipped SELECT generate_series(1, {Rows})"), Cancellation);
        await alpha.KillPostgresAsync(Cancellation);

        await service.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary", RunningCluster.Patience, Cancellation);
        var events = (await Product.RunAsync(configuration, ["events"], Cancellation)).Output;
        Assert.True(await beta.PsqlAsync("SELECT count(*) FROM shipped", Cancellation) == Rows.ToString(CultureInfo.InvariantCulture), events);
    }
}
