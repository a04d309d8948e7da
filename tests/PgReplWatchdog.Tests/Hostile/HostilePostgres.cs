using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// A server that speaks PostgreSQL's protocol (manual, "Frontend/Backend Protocol") with ill intent, or hands everything on to
/// a real one: it turns from one to the other while it runs.
/// </summary>
internal sealed class HostilePostgres : IAsyncDisposable
{
    private static readonly byte[] Authenticated = [.. Message('R', new byte[4]), .. Parameter("server_version", "15.0"), .. Parameter("client_encoding", "UTF8")];
    private static readonly byte[] Ready = [.. Message('K', new byte[8]), .. Message('Z', "I"u8.ToArray())];
    private static readonly byte[] Million = Encoding.ASCII.GetBytes(new string('x', 1_000_000));

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly string realHost;
    private readonly int realPort;
    private readonly Task serving;
    private int open;

    public HostilePostgres(string realHost, int realPort)
    {
        (this.realHost, this.realPort) = (realHost, realPort);
        listener.Start();
        serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Connections that the client has not ended.</summary>
    public int Open => open;

    /// <summary>What it does; null: it is honest.</summary>
    public string? Deed { get; set; }

    /// <summary>What clients answered when they were asked for a password.</summary>
    public string Learned { get; private set; } = "";

    /// <summary>All that it does, by name.</summary>
    public static IReadOnlyList<string> Deeds { get; } =
    [
        "silence", "closes", "closes after the login", "asks for the password in clear", "asks for the password by md5", "an error of 20 MB", "an error of a million fields",
        "parameters without end", "notices without end", "notices before the login without end", "rows without end", "a row of 100 MB", "a length of 2 GB", "a length of -1", "a length of 0",
        "a length of 3", "a byte a tenth of a second", "random bytes", "every message with random bytes",
    ];

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await serving;
        stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var guests = new List<Task>();
        try
        {
            while (true)
                guests.Add(TalkAsync(await listener.AcceptSocketAsync(stop.Token)));
        }
        catch (Exception failure) when (failure is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(guests);
        }
    }

    private async Task TalkAsync(Socket guest)
    {
        Interlocked.Increment(ref open);
        using var stream = new NetworkStream(guest, ownsSocket: true);
        try
        {
            if (Deed is { } deed)
                await DoAsync(deed, stream);
            else
                await RelayAsync(stream);
        }
        catch (Exception failure) when (failure is OperationCanceledException or IOException or SocketException)
        {
            // The guest has gone, or the test is over.
        }
        finally
        {
            Interlocked.Decrement(ref open);
        }
    }

    /// <summary>One of them is over as soon as either side ends; what is open is the client's affair.</summary>
    private async Task RelayAsync(NetworkStream stream)
    {
        using var real = new TcpClient();
        await real.ConnectAsync(realHost, realPort, stop.Token);
        await Task.WhenAny(stream.CopyToAsync(real.GetStream(), stop.Token), real.GetStream().CopyToAsync(stream, stop.Token));
    }

    private async Task DoAsync(string deed, NetworkStream stream)
    {
        if (deed == "closes")
            return;
        await BeginAsync(stream);
        switch (deed)
        {
            case "closes after the login":
                await SendAsync(stream, [.. Authenticated, .. Ready]);
                return;
            case "asks for the password in clear":
                await SendAsync(stream, Message('R', [0, 0, 0, 3]));
                await LearnAsync(stream);
                return;
            case "asks for the password by md5":
                await SendAsync(stream, Message('R', [0, 0, 0, 5, 1, 2, 3, 4]));
                await LearnAsync(stream);
                return;
            case "an error of 20 MB":
                await SendAsync(stream, Message('E', [.. "SFATAL\0VFATAL\0C57P03\0M"u8, .. Enumerable.Repeat((byte)'m', 20_000_000), 0, 0]));
                break;
            case "an error of a million fields":
                await SendAsync(stream, Message('E', [.. Enumerable.Repeat("Mwords\0"u8.ToArray(), 1_000_000).SelectMany(field => field), 0]));
                break;
            case "parameters without end":
                await RepeatAsync(stream, Authenticated, Parameter("application_name", "words"));
                break;
            case "notices before the login without end":
                await RepeatAsync(stream, [], Notice());
                break;
            case "notices without end":
                await RepeatAsync(stream, [.. Authenticated, .. Ready], Notice());
                break;
            case "rows without end":
                await RepeatAsync(stream, [.. Authenticated, .. Ready], Message('D', [0, 1, 0, 0, 0, 1, 65]));
                break;
            case "a row of 100 MB":
                await SendAsync(stream, [.. Authenticated, .. Ready, (byte)'D', .. Length(100_000_000)]);
                await RepeatAsync(stream, [], Million);
                break;
            case "a length of 2 GB":
                await SendAsync(stream, [(byte)'R', .. Length(int.MaxValue)]);
                await RepeatAsync(stream, [], Million);
                break;
            case "a length of -1" or "a length of 0" or "a length of 3":
                await SendAsync(stream, [.. Authenticated, .. Ready, (byte)'S', .. Length(int.Parse(deed[12..], System.Globalization.CultureInfo.InvariantCulture)), .. Million]);
                break;
            case "a byte a tenth of a second":
                while (true)
                {
                    await SendAsync(stream, Authenticated[..1]);
                    await Task.Delay(100, stop.Token);
                }
            case "random bytes":
                var noise = new byte[100_000];
                new Random(1).NextBytes(noise);
                await RepeatAsync(stream, [], noise);
                break;
            case "every message with random bytes":
                await SendAsync(stream, [.. Authenticated, .. Ready]);
                var random = new Random(Environment.TickCount);
                for (var type = 1; type < 256; type++)
                {
                    var body = new byte[random.Next(64)];
                    random.NextBytes(body);
                    await SendAsync(stream, Message((char)type, body));
                }
                break;
        }
        await WaitAsync(stream);
    }

    /// <summary>No TLS; then the guest's startup message.</summary>
    private async Task BeginAsync(NetworkStream stream)
    {
        const int SslRequestBytes = 8;
        var message = new byte[4096];
        if (await stream.ReadAsync(message, stop.Token) != SslRequestBytes)
            return;
        await SendAsync(stream, "N"u8.ToArray());
        await stream.ReadAtLeastAsync(message, SslRequestBytes + 1, throwOnEndOfStream: false, stop.Token);
    }

    private async Task LearnAsync(NetworkStream stream)
    {
        var message = new byte[4096];
        var length = await stream.ReadAsync(message, stop.Token);
        Learned += Encoding.ASCII.GetString(message, 0, length);
    }

    /// <summary>Until the guest hangs up.</summary>
    private async Task WaitAsync(NetworkStream stream)
    {
        var rest = new byte[4096];
        while (await stream.ReadAsync(rest, stop.Token) > 0)
        {
        }
    }

    private async Task RepeatAsync(NetworkStream stream, byte[] first, byte[] then)
    {
        const int AtOnce = 64 * 1024;
        await SendAsync(stream, first);
        var many = Enumerable.Repeat(then, Math.Max(1, AtOnce / then.Length)).SelectMany(message => message).ToArray();
        while (true)
            await SendAsync(stream, many);
    }

    private Task SendAsync(NetworkStream stream, byte[] bytes) => stream.WriteAsync(bytes, stop.Token).AsTask();

    private static byte[] Notice() => Message('N', "SNOTICE\0VNOTICE\0C00000\0Mwords\0\0"u8.ToArray());

    private static byte[] Parameter(string name, string value) => Message('S', Encoding.ASCII.GetBytes($"{name}\0{value}\0"));

    private static byte[] Message(char type, byte[] body) => [(byte)type, .. Length(sizeof(int) + body.Length), .. body];

    private static byte[] Length(int length)
    {
        var bytes = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        return bytes;
    }
}
