using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace PgReplWatchdog.Lab;

/// <summary>
/// The whole job before a person's eyes: two bare servers, set-up, the service, a writing client, the primary killed, the standby promoted,
/// the old primary fenced, rewound and made the new one's standby. Everything by the product's own commands.
/// </summary>
public sealed class Demo(IAnsiConsole screen)
{
    private const double ThresholdSeconds = 0.5;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly List<string> wrong = [];

    public async Task<int> RunAsync(bool keep, CancellationToken ct)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Keep = keep }, ct);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort);
        Say($"two hosts with a bare PostgreSQL 15 each: alpha 127.0.0.1:{alpha.PostgresPort} (running), beta 127.0.0.1:{beta.PostgresPort} (stopped)");
        await ClientWriter.PrepareAsync(alpha, ct);

        await SetUpAsync(configuration, ct);
        await using var service = await Service.StartAsync(configuration, lab.WatchdogPort, line => screen.MarkupLineInterpolated($"        [dim]service: {line}[/]"), ct);
        await service.UntilAsync(status => status.Ready("beta"), "failover is ready", Patience, ct);
        await ShowAsync("$ pgwatchdog status", configuration, ["status"], 0, ct);

        await using var writer = new ClientWriter(lab.Hosts);
        writer.Start();
        await Until(() => writer.Acknowledged.Count >= 500, "500 rows are written", ct);
        var failover = await FailOverAsync(alpha, beta, writer, ct);
        await RejoinAsync(alpha, failover, service, ct);
        await writer.StopAsync();
        await CountAsync(beta, writer, failover, ct);
        await ShowAsync("$ pgwatchdog status", configuration, ["status"], 0, ct);
        if (keep)
            Say($"PostgreSQL's own logs: {alpha.ServerLog} and {beta.ServerLog}");
        return Verdict();
    }

    private async Task SetUpAsync(string configuration, CancellationToken ct)
    {
        await ShowAsync("$ pgwatchdog setup main --plan", configuration, ["setup", "main", "--plan"], 2, ct);
        await ShowAsync("$ pgwatchdog setup main", configuration, ["setup", "main"], 0, ct);
        await ShowAsync("$ pgwatchdog setup main      (again)", configuration, ["setup", "main"], 0, ct);
    }

    private sealed record FailoverTimes(long Killed, Acknowledged LastBefore, Acknowledged FirstAfter);

    private async Task<FailoverTimes> FailOverAsync(LabHost alpha, LabHost beta, ClientWriter writer, CancellationToken ct)
    {
        var killed = Stopwatch.GetTimestamp();
        Say($"SIGKILL to alpha's postmaster (process {alpha.PostmasterPid})");
        await alpha.KillPostgresAsync(ct);
        await Until(() => writer.Acknowledged[^1].Port == beta.PostgresPort, "the client writes to beta", ct);
        var rows = writer.Acknowledged;
        var first = rows.First(row => row.Port == beta.PostgresPort);
        var last = rows.Last(row => row.Port == alpha.PostgresPort);
        Check(Seconds(killed, first.Timestamp) <= ThresholdSeconds + 1, "the client writes again within CrashedThreshold + 1 s of the kill");
        Say(string.Create(CultureInfo.InvariantCulture, $"last write acknowledged by alpha {Seconds(killed, last.Timestamp):+0.000;-0.000} s from the kill, first by beta {Seconds(killed, first.Timestamp):+0.000} s"));
        return new FailoverTimes(killed, last, first);
    }

    /// <summary>The watchdog has the old primary rewound and started; done is what the new primary sees streaming.</summary>
    private async Task RejoinAsync(LabHost alpha, FailoverTimes times, Service service, CancellationToken ct)
    {
        await service.UntilAsync(status => status.Verdict == "Serving" && status.Streams("alpha"), "alpha streams from beta", Patience, ct);
        Say(string.Create(CultureInfo.InvariantCulture, $"alpha streams from beta as its standby, {Seconds(times.Killed, Stopwatch.GetTimestamp()):0.0} s after the kill"));
        Check(await alpha.PsqlAsync("SELECT pg_is_in_recovery()", ct) == "t", "alpha is a standby");
    }

    /// <summary>Every row that was acknowledged is looked for on the new primary.</summary>
    private async Task CountAsync(LabHost beta, ClientWriter writer, FailoverTimes times, CancellationToken ct)
    {
        var rows = writer.Acknowledged;
        var there = (await beta.PsqlAsync("SELECT id FROM deed", ct)).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(id => long.Parse(id, CultureInfo.InvariantCulture)).ToHashSet();
        var lost = rows.Where(row => !there.Contains(row.Id)).ToList();
        var table = new Table().Border(TableBorder.Rounded).AddColumns("the client's account", "");
        table.AddRow("last write before", Offset(times, times.LastBefore.Timestamp));
        table.AddRow("first write after", Offset(times, times.FirstAfter.Timestamp));
        table.AddRow("without writes", string.Create(CultureInfo.InvariantCulture, $"{Seconds(times.LastBefore.Timestamp, times.FirstAfter.Timestamp):0.000} s (CrashedThreshold is {ThresholdSeconds:0.#} s)"));
        table.AddRow("rows acknowledged", rows.Count.ToString(CultureInfo.InvariantCulture));
        table.AddRow("of them lost", lost.Count.ToString(CultureInfo.InvariantCulture));
        screen.Write(table);
        Check(lost.Count == 0, "no row that was acknowledged is lost: alpha's WAL was salvaged");
        Check(rows.Any(row => row.Id > times.FirstAfter.Id), "the client goes on writing");
        Check(there.Contains(times.FirstAfter.Id), "the first row after the failover is there");
    }

    private async Task ShowAsync(string title, string configuration, string[] arguments, int expected, CancellationToken ct)
    {
        Say(title);
        var result = await Product.RunAsync(configuration, arguments, ct);
        foreach (var line in $"{result.Output}{result.Error}".TrimEnd().Split('\n'))
            screen.WriteLine($"        {line.TrimEnd()}");
        Check(result.ExitCode == expected, $"{title[2..]} ends with {expected} (it ended with {result.ExitCode})");
    }

    private int Verdict()
    {
        foreach (var sentence in wrong)
            screen.MarkupLineInterpolated($"[red]not as it should be:[/] {sentence}");
        if (wrong.Count == 0)
            screen.MarkupLineInterpolated($"[green]Everything was as it should be[/], in {clock.Elapsed.TotalSeconds:0} s.");
        return wrong.Count == 0 ? 0 : 1;
    }

    private void Check(bool asItShouldBe, string sentence)
    {
        if (!asItShouldBe)
            wrong.Add(sentence);
    }

    private void Say(string sentence) => screen.MarkupLineInterpolated($"[bold]{clock.Elapsed.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture),7}[/] {sentence}");

    private static Task Until(Func<bool> condition, string what, CancellationToken ct) => Wait.UntilAsync(condition, what, Patience, ct);

    private static string Offset(FailoverTimes times, long timestamp) =>
        string.Create(CultureInfo.InvariantCulture, $"{Seconds(times.Killed, timestamp):+0.000;-0.000} s from the kill");

    private static double Seconds(long from, long to) => (to - from) / (double)Stopwatch.Frequency;
}
