using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace PgReplWatchdog.Operating;

/// <summary>One question of HAProxy's agent-check: a line in, a line out, the end.</summary>
internal sealed class AgentConnection(AgentAnswers answers) : ConnectionHandler
{
    /// <summary>The longest question: names are at most 63 characters long.</summary>
    private const int QuestionBytes = 512;

    /// <summary>The longest that a proxy may take to ask and to listen.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        limit.CancelAfter(Limit);
        try
        {
            if (await QuestionAsync(connection.Transport.Input, limit.Token) is not { } question)
                return;
            var answer = answers.To(question, (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None);
            await connection.Transport.Output.WriteAsync(Encoding.ASCII.GetBytes(answer + "\n"), limit.Token);
        }
        catch (Exception ended) when (ended is OperationCanceledException or IOException)
        {
            // It went away, or was too slow: it asks again.
        }
    }

    private static async Task<string?> QuestionAsync(PipeReader input, CancellationToken cancellation)
    {
        while (true)
        {
            var read = await input.ReadAsync(cancellation);
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
                return read.Buffer.Length > QuestionBytes ? null : Encoding.ASCII.GetString(read.Buffer.Slice(0, end)).TrimEnd('\r');
            if (read.IsCompleted || read.Buffer.Length > QuestionBytes)
                return null;
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
