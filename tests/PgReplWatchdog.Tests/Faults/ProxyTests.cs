using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>A real HAProxy sends connections where an HTTP check says.</summary>
public sealed class ProxyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task HAProxy_follows_the_answers_to_its_check()
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Running = ["alpha", "beta"] }, Cancellation);
        foreach (var host in lab.Hosts)
            await ClientWriter.PrepareAsync(host, Cancellation);
        await using var responder = new Responder { Primary = "alpha" };
        await using var proxy = await LabProxy.StartAsync(lab, "/role/{server}", _ => responder.Address, Cancellation);

        await SetUpTests.EventuallyAsync(async () => await ServedByAsync(proxy) == lab["alpha"].PostgresPort, "connections go to alpha");
        responder.Primary = "beta";
        await SetUpTests.EventuallyAsync(async () => await ServedByAsync(proxy) == lab["beta"].PostgresPort, "connections go to beta");
        responder.Primary = "nobody";
        await SetUpTests.EventuallyAsync(async () => await ServedByAsync(proxy) is null, "connections go nowhere");
        Assert.Contains("postgres/alpha is DOWN", proxy.Log, StringComparison.Ordinal);
    }

    private static async Task<int?> ServedByAsync(LabProxy proxy)
    {
        try
        {
            await using var source = NpgsqlDataSource.Create(ClientWriter.ConnectionString("127.0.0.1", proxy.Port));
            await using var command = source.CreateCommand("SELECT inet_server_port()");
            return (int?)await command.ExecuteScalarAsync(Cancellation);
        }
        catch (NpgsqlException)
        {
            return null;
        }
    }

    /// <summary>Answers GET /role/NAME with 200 for one name and with 503 for all others.</summary>
    private sealed class Responder : IAsyncDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource stop = new();
        private readonly Task answering;

        public Responder()
        {
            listener.Start();
            answering = AnswerAsync();
        }

        public IPEndPoint Address => (IPEndPoint)listener.LocalEndpoint;

        public required string Primary { get; set; }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await answering;
            listener.Dispose();
            stop.Dispose();
        }

        private async Task AnswerAsync()
        {
            try
            {
                while (true)
                {
                    using var client = await listener.AcceptTcpClientAsync(stop.Token);
                    using var reader = new StreamReader(client.GetStream());
                    var request = await reader.ReadLineAsync(stop.Token) ?? "";
                    var status = request.StartsWith($"GET /role/{Primary} ", StringComparison.Ordinal) ? "200 OK" : "503 Service Unavailable";
                    await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.0 {status}\r\nContent-Length: 0\r\n\r\n"), stop.Token);
                }
            }
            catch (OperationCanceledException)
            {
                // The end.
            }
        }
    }
}
