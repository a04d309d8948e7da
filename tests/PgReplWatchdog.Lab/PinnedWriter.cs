using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>
/// An application on one of the hosts, which writes to this host's PostgreSQL and no other: it goes on where the host is cut off from all
/// the world. A program inside the host keeps the account in a file, since nobody outside could be told.
/// </summary>
/// <remarks>It dies with its host and is started again when the host is back, as a service would be.</remarks>
public sealed class PinnedWriter : IWriter
{
    private static readonly TimeSpan BeforeRestart = TimeSpan.FromMilliseconds(500);

    private readonly LabHost host;
    private readonly Pace pace;
    private readonly CancellationTokenSource stop = new();
    private readonly string[] accounts;
    private Task running = Task.CompletedTask;

    public PinnedWriter(LabHost host, Pace? pace = null, string? client = null)
    {
        ArgumentNullException.ThrowIfNull(host);
        this.host = host;
        this.pace = pace ?? Pace.Calm;
        Client = client ?? $"on-{host.Name}";
        accounts = [.. Enumerable.Range(0, this.pace.Connections).Select(i => Path.Combine(host.Directory, string.Create(CultureInfo.InvariantCulture, $"{Client}-{i}.account")))];
    }

    public string Client { get; }

    /// <summary>The host it is on.</summary>
    public LabHost Host => host;

    public IReadOnlyList<Acknowledged> Acknowledged => [.. accounts.SelectMany(Read).OrderBy(row => row.Timestamp)];

    public void Start() => running = Task.WhenAll(accounts.Select((_, i) => KeepRunningAsync(i)));

    public async Task StopAsync()
    {
        await stop.CancelAsync();
        await running;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        stop.Dispose();
    }

    private async Task KeepRunningAsync(int connection)
    {
        var script = Path.Combine(host.Directory, "pinned-writer.pl");
        await host.WriteFileAsync(script, PinnedWriterScript.Text, CancellationToken.None);
        var delay = pace.Delay.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        var psql = $"{host.BinDirectory}/psql -X -At -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p {host.PostgresPort} -U {ClientWriter.Role} -d postgres";
        var command = $"PGPASSWORD={ClientWriter.Password} exec perl {script} {accounts[connection]} {Client} {connection} {accounts.Length} {delay} {psql}";
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await host.RunUntilCancelledAsync(command, stop.Token);
                await Task.Delay(BeforeRestart, stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private IEnumerable<Acknowledged> Read(string account)
    {
        if (!File.Exists(account))
            yield break;
        var text = File.ReadAllText(account);
        foreach (var line in text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries)) // the last may be half written
        {
            var fields = line.Split(' ');
            yield return new Acknowledged(Client, Number(fields[2]), host, Number(fields[0]), Number(fields[1]));
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
