using System.Net.Sockets;
using System.Text;

namespace PgReplWatchdog.Lab;

/// <summary>What a server says first, which tells more than that somebody listens.</summary>
internal static class Banner
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    public static async Task<bool> StartsWithAsync(string address, int port, string text, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Deadline);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(address, port, limit.Token);
            var buffer = new byte[text.Length];
            await client.GetStream().ReadExactlyAsync(buffer, limit.Token);
            return Encoding.ASCII.GetString(buffer) == text;
        }
        catch (Exception problem) when (problem is SocketException or IOException || (problem is OperationCanceledException && !ct.IsCancellationRequested))
        {
            return false;
        }
    }
}
