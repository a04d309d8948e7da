using System.Security.Cryptography;
using System.Text;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Operating;

/// <summary>Who may change something over HTTP: whoever holds the one token. There is no session and no cookie, so that no other site can make a browser act.</summary>
public sealed class ApiToken(Secret? token)
{
    private const string Scheme = "Bearer ";

    private readonly byte[]? digest = token is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(token.Reveal()));

    /// <summary>False: nothing can be changed over HTTP.</summary>
    public bool IsConfigured => digest is not null;

    /// <summary>Takes as long whatever is given.</summary>
    public bool Is(string? given) => digest is not null && CryptographicOperations.FixedTimeEquals(digest, SHA256.HashData(Encoding.UTF8.GetBytes(given ?? "")));

    /// <summary>What stands in the header Authorization; null where that says something else.</summary>
    public static string? In(HttpRequest request) =>
        request?.Headers.Authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : null;
}
