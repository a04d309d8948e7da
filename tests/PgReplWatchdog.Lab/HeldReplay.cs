using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>A query on a standby that conflicts with what its primary has changed since: replay waits for its end.</summary>
public sealed class HeldReplay : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource stop;
    private readonly Task<string> report;

    private HeldReplay(CancellationTokenSource stop, Task<string> report) => (this.stop, this.report) = (stop, report);

    /// <param name="primary">Where the table reported is created and changed.</param>
    /// <param name="standby">Where the report is.</param>
    /// <param name="change">What conflicts with the report.</param>
    /// <param name="cancellation">Of the test.</param>
    public static async Task<HeldReplay> BeginAsync(LabHost primary, LabHost standby, string change, CancellationToken cancellation)
    {
        // Replay may only wait for the report: with feedback the primary would keep the rows.
        await standby.PsqlAsync("ALTER SYSTEM SET hot_standby_feedback = off; SELECT pg_reload_conf()", cancellation);
        await primary.PsqlAsync("CREATE TABLE reported AS SELECT * FROM generate_series(1, 1000) AS n", cancellation);
        await Wait.UntilAsync(async () => await standby.TryPsqlAsync("SELECT count(*) FROM reported", cancellation) == "1000", "the table is there", Patience, cancellation);
        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var held = new HeldReplay(stop, ReportAsync(standby, stop.Token));
        await Wait.UntilAsync(async () => await standby.PsqlAsync(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL", cancellation) == "1",
            "the report runs", Patience, cancellation);
        foreach (var statement in change.Split("; "))
            await primary.PsqlAsync(statement, cancellation);
        await Wait.UntilAsync(async () => (await standby.RunAsync(string.Create(CultureInfo.InvariantCulture,
            $"pgrep -P {standby.PostmasterPid} -f 'startup .*recovering .*waiting' || :"), cancellation)).Length > 0, "replay waits for the report", Patience, cancellation);
        return held;
    }

    /// <summary>What it said in the end.</summary>
    public Task<string> EndAsync() => report.WaitAsync(Patience);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAny(report);
        stop.Dispose();
    }

    private static async Task<string> ReportAsync(LabHost standby, CancellationToken cancellation)
    {
        try
        {
            return await standby.PsqlAsync("SELECT count(*), pg_sleep(600) FROM reported", cancellation);
        }
        catch (LabException failure)
        {
            return failure.Message;
        }
    }
}
