using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>What a dead primary's host says for pages of WAL never costs the standby.</summary>
public sealed class SalvageTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Failover_goes_on_when_the_login_shell_of_the_dead_primary_prints()
    {
        await using var cluster = await RunningCluster.StartAsync(namespaces: true);
        var (alpha, beta) = (cluster.Alpha, cluster.Beta);
        await alpha.PsqlAsync("CREATE TABLE kept (n int)", Cancellation);
        await cluster.UntilAsync(status => status.Ready("beta"), "beta has all of it");
        await beta.CutAsync(CutFrom.Host("alpha"), ct: Cancellation);
        await alpha.PsqlAsync("INSERT INTO kept SELECT 2 FROM generate_series(1, 20000)", Cancellation);
        await File.WriteAllTextAsync(Path.Combine(alpha.HomeDirectory, ".bashrc"), "echo Welcome to the database host\n", Cancellation);
        await alpha.KillPostgresAsync(Cancellation);
        await cluster.UntilAsync(status => status is { Verdict: "Serving", IntendedPrimary: "beta" }, "beta is primary");
        await beta.PsqlAsync("INSERT INTO kept VALUES (1)", Cancellation);
        Assert.DoesNotContain("PANIC", await beta.RunAsync($"cat {beta.ServerLog}", Cancellation), StringComparison.Ordinal);
    }
}
