using System.Net;
using System.Net.Sockets;
using System.Text;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>Something that listens where PostgreSQL, or sshd, is thought to be.</summary>
public enum Stranger
{
    /// <summary>Accepts and never says a word.</summary>
    Silent,

    /// <summary>Accepts and hangs up.</summary>
    Closing,

    /// <summary>Answers in the language of another service.</summary>
    Web,

    /// <summary>A web service with an answer of its own to every question.</summary>
    OtherApi,

    /// <summary>Sends random bytes for as long as they are taken.</summary>
    Garbage,

    /// <summary>Sends one line without an end.</summary>
    EndlessLine,

    /// <summary>Begins as PostgreSQL does, then announces a message of two gigabytes.</summary>
    HugeMessage,

    /// <summary>Begins as PostgreSQL does, then never lets the session in.</summary>
    HalfWay,

    /// <summary>Refuses every session with words of its own choice, as PostgreSQL would when its connection slots are full.</summary>
    Hostile,
}

/// <summary>A stranger on a port of 127.0.0.1.</summary>
internal sealed class NotPostgres : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Task serving;

    private readonly string words;

    public NotPostgres(Stranger kind, string words = "")
    {
        this.words = words;
        listener.Start();
        serving = ServeAsync(kind);
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await serving;
        stop.Dispose();
    }

    private async Task ServeAsync(Stranger kind)
    {
        var guests = new List<Task>();
        try
        {
            while (true)
                guests.Add(TalkAsync(kind, await listener.AcceptTcpClientAsync(stop.Token)));
        }
        catch (Exception failure) when (failure is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(guests);
        }
    }

    private async Task TalkAsync(Stranger kind, TcpClient guest)
    {
        using var _ = guest;
        try
        {
            var stream = guest.GetStream();
            switch (kind)
            {
                case Stranger.Closing:
                    return;
                case Stranger.Web:
                    await stream.WriteAsync("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), stop.Token);
                    return;
                case Stranger.OtherApi:
                    await stream.ReadAtLeastAsync(new byte[1024], 16, throwOnEndOfStream: false, stop.Token);
                    await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"u8.ToArray(), stop.Token);
                    return;
                case Stranger.Garbage:
                    var noise = new byte[4096];
                    Random.Shared.NextBytes(noise);
                    await RepeatAsync(stream, noise);
                    return;
                case Stranger.EndlessLine:
                    await RepeatAsync(stream, Encoding.ASCII.GetBytes(new string('x', 4096)));
                    return;
                case Stranger.HugeMessage:
                    await BeginAsync(stream);
                    await RepeatAsync(stream, [(byte)'R', 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
                    return;
                case Stranger.HalfWay:
                    await BeginAsync(stream);
                    await stream.WriteAsync(new byte[] { (byte)'R', 0, 0, 0, 8, 0, 0, 0, 0 }, stop.Token); // AuthenticationOk, and nothing after it
                    break;
                case Stranger.Hostile:
                    await BeginAsync(stream);
                    var fields = Encoding.UTF8.GetBytes($"SFATAL\0VFATAL\0C53300\0M{words}\0\0");
                    await stream.WriteAsync((byte[])[(byte)'E', .. BitConverter.GetBytes(IPAddress.HostToNetworkOrder(4 + fields.Length)), .. fields], stop.Token);
                    return;
            }
            await Task.Delay(Timeout.Infinite, stop.Token);
        }
        catch (Exception failure) when (failure is OperationCanceledException or IOException or SocketException)
        {
            // The guest has gone, or the test is over.
        }
    }

    /// <summary>No TLS, as a server without certificates says; then the guest's startup message.</summary>
    private async Task BeginAsync(NetworkStream stream)
    {
        var message = new byte[1024];
        var read = await stream.ReadAsync(message, stop.Token);
        if (read != 8)
            return; // it asked for no TLS: that was the startup message already
        await stream.WriteAsync("N"u8.ToArray(), stop.Token);
        await stream.ReadAtLeastAsync(message, 9, throwOnEndOfStream: false, stop.Token);
    }

    private async Task RepeatAsync(NetworkStream stream, byte[] bytes)
    {
        while (true)
            await stream.WriteAsync(bytes, stop.Token);
    }
}
