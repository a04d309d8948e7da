using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace PgReplWatchdog.Tests.Notifying;

/// <summary>What a message looked like when it came.</summary>
internal sealed record Received(string Method, string Path, string? Authorization, string Body)
{
    public JsonNode Json => JsonNode.Parse(Body)!;
}

/// <summary>The other end of a webhook on 127.0.0.1, which answers as a test wants it to.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication server;
    private readonly ConcurrentQueue<Received> received = new();

    private Receiver(WebApplication server) => this.server = server;

    public Received[] All => [.. received];
    public string Url { get; private set; } = "";

    /// <param name="answer">For each message, counted from 1; by default it is taken.</param>
    public static async Task<Receiver> StartAsync(Func<int, HttpContext, Task>? answer = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new Receiver(builder.Build());
        var count = 0;
        receiver.server.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var request = context.Request;
            receiver.received.Enqueue(new Received(request.Method, request.Path + request.QueryString, request.Headers.Authorization, await reader.ReadToEndAsync()));
            await (answer?.Invoke(Interlocked.Increment(ref count), context) ?? Task.CompletedTask);
        });
        await receiver.server.StartAsync();
        receiver.Url = receiver.server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return receiver;
    }

    public static Task AnswerAsync(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    /// <summary>The sender's patience is what ends it.</summary>
    public static async Task NeverAsync(HttpContext context) => await Task.WhenAny(Task.Delay(Timeout.Infinite, context.RequestAborted));

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await server.StopAsync(now.Token);
        await server.DisposeAsync();
    }
}
