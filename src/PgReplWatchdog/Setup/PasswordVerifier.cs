using System.Security.Cryptography;
using System.Text;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>What a server stores for a role's password, and is sent in its place: from PostgreSQL 10 SCRAM's, before md5's, which is all that those know.</summary>
public static class PasswordVerifier
{
    public static string For(PostgresVersion version, string role, Secret password) => version.HasScram ? ScramVerifier.For(password) : Md5(role, password);

    /// <summary>Whether a stored verifier is one of this password, in the form that the version wants.</summary>
    public static bool Matches(PostgresVersion version, string role, string? stored, Secret password) =>
        version.HasScram ? ScramVerifier.Matches(stored, password) : stored == Md5(role, password);

    /// <summary>Manual, "pg_authid", rolpassword.</summary>
    private static string Md5(string role, Secret password) =>
#pragma warning disable CA5351 // PostgreSQL before 10 knows nothing better
        "md5" + Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(password.Reveal() + role)));
#pragma warning restore CA5351
}
