using System.Net;
using System.Net.Sockets;

namespace PgReplWatchdog.Probing;

/// <summary>Asks whether a postmaster still takes new connections: sessions that are open say nothing about that.</summary>
public static class Postmaster
{
    /// <summary>
    /// Connects, says nothing, and waits until the server hangs up. The kernel alone accepts connections for a postmaster that
    /// hangs, and never hangs up. From PostgreSQL 12 on such a connection leaves no line in the server's log, unless
    /// log_connections is on. It needs no authentication and no free slot of max_connections.
    /// </summary>
    /// <exception cref="SocketException">Nobody listens at any of the addresses.</exception>
    /// <exception cref="OperationCanceledException">The server has not hung up before the deadline.</exception>
    public static async Task HangsUpAsync(IPAddress[] addresses, int port, CancellationToken deadline)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(addresses, port, deadline);
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            await socket.ReceiveAsync(new byte[1], deadline);
        }
        catch (SocketException)
        {
            // A reset is an end of the connection as well: a process has dealt with it.
        }
    }
}
