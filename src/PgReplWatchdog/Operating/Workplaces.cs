using Microsoft.AspNetCore.RateLimiting;

namespace PgReplWatchdog.Operating;

/// <summary>
/// A few requests are answered at a time, and the others wait. An answer is made in memory, then the place is free, and only then
/// is it sent: a reader who takes it slowly keeps nobody waiting.
/// </summary>
/// <param name="policy">Of which endpoints (<see cref="HttpRules"/>).</param>
/// <param name="atWork">Answers that are made at a time.</param>
/// <param name="waiting">Those that wait for it; others are refused.</param>
internal sealed class Workplaces(string policy, int atWork, int waiting) : IDisposable
{
    private readonly SemaphoreSlim places = new(atWork);
    private int here;

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>()?.PolicyName != policy)
        {
            await next(context);
            return;
        }
        using var made = new MemoryStream();
        if (!await MakeAsync(context, next, made))
        {
            context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
            context.Response.Headers.RetryAfter = "1";
            return;
        }
        if (made.Length == 0)
            return;
        context.Response.ContentLength = made.Length;
        made.Position = 0;
        await made.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    public void Dispose() => places.Dispose();

    private async Task<bool> MakeAsync(HttpContext context, RequestDelegate next, MemoryStream made)
    {
        if (Interlocked.Increment(ref here) > atWork + waiting)
        {
            Interlocked.Decrement(ref here);
            return false;
        }
        try
        {
            await places.WaitAsync(context.RequestAborted);
            var body = context.Response.Body;
            try
            {
                context.Response.Body = made;
                await next(context);
            }
            finally
            {
                context.Response.Body = body;
                places.Release();
            }
            return true;
        }
        finally
        {
            Interlocked.Decrement(ref here);
        }
    }
}
