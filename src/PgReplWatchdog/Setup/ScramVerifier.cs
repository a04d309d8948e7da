using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Setup;

/// <summary>
/// What PostgreSQL stores for a password (pg_authid.rolpassword, RFC 5803). Computed here, so that the password itself is in no statement and
/// therefore in no server log, whatever log_statement says. Passwords are ASCII (checked with the configuration), which SASLprep leaves as they are.
/// </summary>
public static class ScramVerifier
{
    private const string Mechanism = "SCRAM-SHA-256";
    private const int Iterations = 4096;
    private const int SaltBytes = 16;

    /// <summary>A new verifier with a salt of its own.</summary>
    public static string For(Secret password) => Compute(password, RandomNumberGenerator.GetBytes(SaltBytes), Iterations);

    /// <summary>Whether a stored verifier is one of this password.</summary>
    public static bool Matches(string? stored, Secret password)
    {
        // SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>
        var parts = stored?.Split('$', ':') ?? [];
        if (parts.Length != 5 || parts[0] != Mechanism || !int.TryParse(parts[1], CultureInfo.InvariantCulture, out var iterations))
            return false;
        try
        {
            return Compute(password, Convert.FromBase64String(parts[2]), iterations) == stored;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static string Compute(Secret password, byte[] salt, int iterations)
    {
        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password.Reveal()), salt, iterations, HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
        var storedKey = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        var serverKey = HMACSHA256.HashData(salted, "Server Key"u8);
        return string.Create(CultureInfo.InvariantCulture,
            $"{Mechanism}${iterations}:{Convert.ToBase64String(salt)}${Convert.ToBase64String(storedKey)}:{Convert.ToBase64String(serverKey)}");
    }
}
