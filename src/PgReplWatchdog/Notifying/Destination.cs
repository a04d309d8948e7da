using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.WebUtilities;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Operating;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace PgReplWatchdog.Notifying;

/// <summary>What came of an attempt.</summary>
/// <param name="Succeeded">The other side took it.</param>
/// <param name="Words">What it answered, or why there is no answer.</param>
/// <param name="Again">Another attempt may succeed where this one failed.</param>
public sealed record Delivery(bool Succeeded, string Words, bool Again);

/// <summary>
/// An address that messages go to: time-outs, repetition with growing pauses, and a line in the log when it stops working and when it works again. No redirect is followed:
/// what is sent, and the token, are for this address.
/// </summary>
internal sealed class Destination : IDisposable
{
    private const int AnswerShown = 200;

    /// <summary>A single attempt that fails is nobody's concern.</summary>
    private const int AttemptsBeforeTold = 3;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    /// <summary>An address may lead elsewhere one day: the name is asked for again.</summary>
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(2);

    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = ConnectionLifetime })
    {
        Timeout = Timeout.InfiniteTimeSpan, // each attempt has its own limit, which holds for the whole of the answer
    };
    private readonly string channel;
    private readonly Uri address;
    private readonly TimeSpan attemptLimit;
    private readonly WatchdogMetrics metrics;
    private readonly ILogger logger;
    private readonly ResiliencePipeline<Delivery> pipeline;
    private int failures;
    private bool told;

    public Destination(string channel, Uri address, TimeSpan attemptLimit, TimeSpan retryFor, Secret? token, WatchdogMetrics metrics, TimeProvider clock, ILogger logger)
    {
        (this.channel, this.address, this.attemptLimit, this.metrics, this.logger) = (channel, address, attemptLimit, metrics, logger);
        http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("pgwatchdog", null));
        if (token is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Reveal());
        var builder = new ResiliencePipelineBuilder<Delivery> { TimeProvider = clock };
        if (retryFor > TimeSpan.Zero)
        {
            builder.AddTimeout(retryFor).AddRetry(new RetryStrategyOptions<Delivery>
            {
                ShouldHandle = new PredicateBuilder<Delivery>().HandleResult(delivery => delivery is { Succeeded: false, Again: true }),
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                Delay = FirstPause,
                MaxDelay = LongestPause,
                UseJitter = true,
            });
        }
        pipeline = builder.Build();
    }

    /// <summary>Without path and query: those of a webhook are a secret as often as not.</summary>
    public string Address => address.GetLeftPart(UriPartial.Authority);

    /// <summary>What kind of address it is, as the metric has it.</summary>
    public string Channel => channel;

    private string Where => $"{channel} at {Address}";

    /// <summary>Sends until it is taken, cannot be, or the time is over; counts and tells what came of it. The request is made anew for each attempt.</summary>
    public async Task<bool> SendAsync(Func<HttpRequestMessage> request, CancellationToken cancellation)
    {
        var last = new Delivery(false, "no attempt was made", Again: true);
        try
        {
            await pipeline.ExecuteAsync(async token => last = Tell(await AttemptAsync(request, token)), cancellation);
        }
        catch (TimeoutRejectedException)
        {
            // The time for trying is over; what came of the last attempt is known.
        }
        metrics.PublishNotification(channel, last.Succeeded ? NotificationCounter.Succeeded : NotificationCounter.Failed);
        if (!last.Succeeded)
            TellFailure(last);
        return last.Succeeded;
    }

    /// <summary>One attempt. What fails is a value.</summary>
    public async Task<Delivery> AttemptAsync(Func<HttpRequestMessage> request, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(attemptLimit);
        try
        {
            using var message = request();
            message.RequestUri ??= address;
            using var answer = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            return answer.IsSuccessStatusCode
                ? new Delivery(true, StatusOf(answer), Again: false)
                : new Delivery(false, await ExplainAsync(answer, limit.Token), MayPass(answer.StatusCode));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new Delivery(false, FormattableString.Invariant($"no answer within {attemptLimit.TotalSeconds:0.#} s"), Again: true);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException)
        {
            return new Delivery(false, Printable.Line(failure.GetBaseException().Message), Again: true);
        }
    }

    public void Dispose() => http.Dispose();

    /// <summary>Of the answers that are no success, those that the same message may not get the next time.</summary>
    private static bool MayPass(HttpStatusCode status) =>
        status >= HttpStatusCode.InternalServerError || status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests;

    private static async Task<string> ExplainAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        var status = StatusOf(answer);
        if ((int)answer.StatusCode is >= 300 and < 400)
            return $"{status}: it leads elsewhere ({answer.Headers.Location?.GetLeftPart(UriPartial.Authority) ?? "nowhere"}), and no redirect is followed: configure the address itself";
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellation));
        var text = new char[AnswerShown];
        var length = await reader.ReadBlockAsync(text, cancellation);
        return length == 0 ? status : $"{status}: {Printable.Line(new string(text, 0, length).Trim())}";
    }

    private static string StatusOf(HttpResponseMessage answer) => $"{(int)answer.StatusCode} {ReasonPhrases.GetReasonPhrase((int)answer.StatusCode)}";

    private Delivery Tell(Delivery delivery)
    {
        failures = delivery.Succeeded ? 0 : failures + 1;
        if (failures >= AttemptsBeforeTold)
            TellFailure(delivery);
        if (delivery.Succeeded && told)
        {
            told = false;
            Log.NotificationsWork(logger, Where);
        }
        return delivery;
    }

    private void TellFailure(Delivery delivery)
    {
        if (told)
            return;
        told = true;
        Log.NotificationsFail(logger, Where, delivery.Words);
    }
}
