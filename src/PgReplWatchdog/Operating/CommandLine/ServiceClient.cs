using System.Net;
using System.Text.Json;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>The running service, asked over its status API.</summary>
public static class ServiceClient
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    /// <summary>The answer, or null with the reason why there is none.</summary>
    public static async Task<(T? Answer, string WhyNot)> AskAsync<T>(Uri listen, string path, CancellationToken cancellation)
        where T : class
    {
        // Listen is an address of this host: nobody is in between, and no secret is sent.
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator };
        using var client = new HttpClient(handler) { BaseAddress = listen, Timeout = Limit };
        try
        {
            return (await client.GetFromJsonAsync<T>(path, Json.Strict, cancellation), $"no pgwatchdog answers at {listen}, something else does: see Listen in the configuration");
        }
        catch (HttpRequestException failure) when (failure.StatusCode is { } status and (HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError))
        {
            return (null, $"what answers at {listen} says {(int)status} {status}: see the log of pgwatchdog, or Listen in the configuration");
        }
        catch (Exception failure) when (failure is HttpRequestException or JsonException or TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            return (null, $"no pgwatchdog answers at {listen} ({failure.Message}): is the service running? See Listen in the configuration");
        }
    }
}
