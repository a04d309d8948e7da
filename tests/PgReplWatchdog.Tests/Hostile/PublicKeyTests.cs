using PgReplWatchdog.Acting.Ssh;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>What one host calls its key becomes a line of another host's authorized_keys.</summary>
public sealed class PublicKeyTests
{
    private const string Key = "AAAAC3NzaC1lZDI1NTE5AAAAIJwzCsXUUPMYYkWDjbcrHPYPYBzQyX3FTsl7Y5L7jHdz";
    private const string Good = "ssh-ed25519 " + Key;

    [Theory]
    [InlineData(Good)]
    [InlineData(Good + "\n")]
    [InlineData(Good + " a comment, with \"quotes\" and $(words)\n")]
    public void Key_is_written_anew_without_its_comment(string text) => Assert.Equal(Good, PublicKey.Parse(text)?.ToString());

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("ssh-ed25519")]
    [InlineData("x\nssh-ed25519\t" + Key + "\n# y")]
    [InlineData(Good + "\n" + Good)]
    [InlineData(Good + "\r\n")]
    [InlineData(Good + " a\u0085b")]
    [InlineData("ssh-ed25519\t" + Key)]
    [InlineData("ssh-ed25519  " + Key)]
    [InlineData("ssh-ed25519 " + Key + "\0")]
    [InlineData("restrict,command=\"x\" " + Good)]
    [InlineData("ssh-rsa " + Key)]
    [InlineData("ssh-dss AAAAB3NzaC1kc3M=")]
    [InlineData("ssh-ed25519 AAAA\"AAAA")]
    [InlineData("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5")]
    [InlineData("ssh-ed25519 AAAA")]
    [InlineData("command=\"/bin/sh\" ssh-ed25519")]
    public void Anything_else_is_none(string? text) => Assert.Null(PublicKey.Parse(text));

    [Fact]
    public void Text_without_end_is_none() => Assert.Null(PublicKey.Parse(Good + " " + new string('x', 1_000_000)));

    [Fact]
    public void Fingerprint_is_as_ssh_keygen_shows_it() =>
        Assert.Matches(@"\ASHA256:[A-Za-z0-9+/]{43}\z", PublicKey.Parse(Good)!.Fingerprint);
}
