using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace PgReplWatchdog.Operating;

/// <summary>
/// What holds for a connection before anything is read from it. Whoever connects and says nothing is sent away soon, and one
/// address cannot have all connections. Each address on which the service listens counts for itself.
/// </summary>
internal static class Doors
{
    /// <summary>The longest until the first byte.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    /// <summary>Connections of one client where health checks come. Where readers come, that many are left to others.</summary>
    public const int ChecksOfAClient = 200, ReadersOfAClient = HttpRules.Connections - ChecksOfAClient;

    /// <summary>Keeps to both at the door.</summary>
    public static void Guard(ListenOptions door, int ofAClient)
    {
        var open = new ConcurrentDictionary<IPAddress, int>();
        door.Use(next => async connection =>
        {
            var client = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
            try
            {
                if (open.AddOrUpdate(client, 1, static (_, count) => count + 1) > ofAClient || !await SpeaksAsync(connection))
                    connection.Abort();
                else
                    await next(connection);
            }
            finally
            {
                if (open.AddOrUpdate(client, 0, static (_, count) => count - 1) == 0)
                    open.TryRemove(KeyValuePair.Create(client, 0));
            }
        });
    }

    /// <summary>A first byte has come. It stays where it is.</summary>
    private static async Task<bool> SpeaksAsync(ConnectionContext connection)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        limit.CancelAfter(Silence);
        try
        {
            var read = await connection.Transport.Input.ReadAsync(limit.Token);
            connection.Transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.Start);
            return !read.Buffer.IsEmpty;
        }
        catch (Exception ended) when (ended is OperationCanceledException or IOException)
        {
            return false;
        }
    }
}
