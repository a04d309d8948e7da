using System.Net;
using System.Net.Sockets;

namespace PgReplWatchdog.Tests;

/// <summary>Ports of 127.0.0.1 for servers that have to be told one.</summary>
internal static class Ports
{
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
