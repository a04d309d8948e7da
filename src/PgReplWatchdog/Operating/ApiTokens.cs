using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Threading.RateLimiting;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;

namespace PgReplWatchdog.Operating;

/// <summary>
/// Who may change something over HTTP: whoever holds a token. There is no session and no cookie, so that no other site can make a browser act. Wrong tokens are counted and told, and
/// who gives many is refused, while the right ones go on to be taken from the same address.
/// </summary>
public sealed class ApiTokens(Installation installation, WatchdogMetrics metrics, ILogger<ApiTokens> logger) : IDisposable
{
    private const string Scheme = "Bearer ";

    /// <summary>Wrong tokens that are told one by one from an address in each <see cref="TriesPeriod"/>.</summary>
    private const int Tries = 10;
    private static readonly TimeSpan TriesPeriod = TimeSpan.FromSeconds(10);

    /// <summary>Between two lines and events about wrong tokens.</summary>
    private static readonly TimeSpan BetweenWords = TimeSpan.FromMinutes(1);

    private readonly ImmutableArray<(NamedToken Token, byte[] Digest)> tokens = [.. installation.Tokens.Select(token => (token, Digest(token.Value.Reveal())))];
    private readonly Lock telling = new();
    private int untold;
    private long? toldAt;

    private readonly PartitionedRateLimiter<string> tries = PartitionedRateLimiter.Create<string, string>(address =>
        RateLimitPartition.GetFixedWindowLimiter(address, _ => new FixedWindowRateLimiterOptions { PermitLimit = Tries, Window = TriesPeriod }));

    /// <summary>False: nothing can be changed over HTTP.</summary>
    public bool IsConfigured => !tokens.IsEmpty;

    /// <summary>Whose token this is: null and why not, with a status of HTTP. Takes as long whatever is given.</summary>
    /// <param name="given">The token; null where there is none.</param>
    /// <param name="action">What it is to let do.</param>
    /// <param name="cluster">With which cluster.</param>
    /// <param name="from">Who asks.</param>
    public (NamedToken? Whose, int Status, string Why) Judge(string? given, OperatorAction action, string cluster, IPAddress? from)
    {
        ArgumentNullException.ThrowIfNull(action);
        if (!IsConfigured)
            return (null, StatusCodes.Status403Forbidden, action.WhyOff(cluster));
        var digest = Digest(given ?? "");
        NamedToken? whose = null;
        foreach (var (token, own) in tokens)
        {
            if (CryptographicOperations.FixedTimeEquals(own, digest))
                whose = token;
        }
        if (whose is null)
            return (null, Refuse(cluster, from), "that is no token of this watchdog's configuration");
        return whose.May.Contains(action.Name) ? (whose, StatusCodes.Status200OK, "")
            : (null, StatusCodes.Status403Forbidden, $"the token {whose.Name} lets do {string.Join(", ", whose.May)}, and not {action.Name}: see Tokens in the configuration");
    }

    /// <summary>What stands in the header Authorization; null where that says something else.</summary>
    public static string? In(HttpRequest request) =>
        request?.Headers.Authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : null;

    private int Refuse(string cluster, IPAddress? from)
    {
        metrics.TokenRefused(cluster);
        using var attempt = tries.AttemptAcquire(from?.ToString() ?? "");
        lock (telling)
        {
            untold++;
            if (toldAt is not { } at || TimeProvider.System.GetElapsedTime(at) >= BetweenWords)
            {
                var sentence = FormattableString.Invariant($"a wrong token was given over HTTP, from {from} ({untold} since the last such message)");
                (untold, toldAt) = (0, TimeProvider.System.GetTimestamp());
                try
                {
                    new OperatorWishes(installation.StateDirectory, TimeProvider.System).Tell(cluster, Deciding.EventKind.TokenRefused, sentence);
                }
                catch (JournalUnreadableException failure)
                {
                    Log.OperatorUnrecorded(logger, cluster, sentence, failure.Message);
                }
            }
        }
        return attempt.IsAcquired ? StatusCodes.Status401Unauthorized : StatusCodes.Status429TooManyRequests;
    }

    private static byte[] Digest(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    public void Dispose() => tries.Dispose();
}
