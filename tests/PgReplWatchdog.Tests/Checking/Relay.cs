using System.Net;
using System.Net.Sockets;

namespace PgReplWatchdog.Tests.Checking;

/// <summary>A port of 127.0.0.1 that leads to a server, whose connections can be reset (RST) as those of a host or process that dies are.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly List<TcpClient> open = [];
    private readonly Task serving;
    private int toReset;
    private bool thenClose;

    public Relay(string host, int port)
    {
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        serving = ServeAsync(host, port);
    }

    public int Port { get; }

    /// <summary>Resets what is open, and as many of the next connections; then it leads to the server again, or nobody listens.</summary>
    public void Reset(int next, bool close)
    {
        lock (open)
        {
            (toReset, thenClose) = (next, close);
            open.ForEach(Reset);
            open.Clear();
        }
        if (next == 0 && close)
            listener.Stop();
    }

    private static void Reset(TcpClient client)
    {
        client.LingerState = new LingerOption(true, 0);
        client.Dispose();
    }

    private async Task ServeAsync(string host, int port)
    {
        try
        {
            while (true)
            {
                var guest = await listener.AcceptTcpClientAsync();
                if (toReset > 0)
                {
                    if (--toReset == 0 && thenClose)
                        listener.Stop();
                    Reset(guest);
                    continue;
                }
                var server = new TcpClient();
                await server.ConnectAsync(host, port);
                lock (open)
                    open.AddRange([guest, server]);
                _ = PassAsync(guest, server);
                _ = PassAsync(server, guest);
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // It was closed.
        }
    }

    private static async Task PassAsync(TcpClient from, TcpClient to)
    {
        try
        {
            await from.GetStream().CopyToAsync(to.GetStream());
            to.Client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception failure) when (failure is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // It was reset.
        }
    }

    public async ValueTask DisposeAsync()
    {
        Reset(0, close: true);
        await serving;
        listener.Dispose();
    }
}
