using PgReplWatchdog.Configuration;
using PgReplWatchdog.Setup;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.SetUp;

/// <summary>A SCRAM verifier given to PostgreSQL before 10 would be taken for the password itself.</summary>
public sealed class PasswordVerifierTests
{
    private static readonly PostgresVersion Old = new(90600);
    private static readonly PostgresVersion New = new(100000);

    [Fact]
    public void Before_10_it_is_md5_of_password_and_role() => Assert.Equal("md500bc5524ef0a0f6d24b5822bd5d5db4d", PasswordVerifier.For(Old, "replication", new Secret("secret")));

    [Fact]
    public void From_10_on_it_is_SCRAM()
    {
        var verifier = PasswordVerifier.For(New, "replication", new Secret("secret"));
        Assert.StartsWith("SCRAM-SHA-256$4096:", verifier, StringComparison.Ordinal);
        Assert.True(PasswordVerifier.Matches(New, "replication", verifier, new Secret("secret")));
        Assert.False(PasswordVerifier.Matches(Old, "replication", verifier, new Secret("secret")));
    }

    [Fact]
    public void What_was_carried_over_from_before_10_is_made_anew() =>
        Assert.False(PasswordVerifier.Matches(New, "replication", PasswordVerifier.For(Old, "replication", new Secret("secret")), new Secret("secret")));

    [Theory]
    [InlineData("replication", "secret", true)]
    [InlineData("other", "secret", false)]
    [InlineData("replication", "another", false)]
    public void An_md5_verifier_is_of_one_role_and_one_password(string role, string password, bool matches) =>
        Assert.Equal(matches, PasswordVerifier.Matches(Old, "replication", PasswordVerifier.For(Old, role, new Secret(password)), new Secret("secret")));
}
