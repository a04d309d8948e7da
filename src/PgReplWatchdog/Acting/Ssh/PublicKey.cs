using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>
/// A public key of SSH (RFC 4253, 6.6; sshd(8), "AUTHORIZED_KEYS FILE FORMAT"). What one host says becomes a line of another
/// host's file only as this: read, and written anew from what was read.
/// </summary>
public sealed record PublicKey
{
    /// <summary>An RSA key of 16384 bits has some 2,800 characters.</summary>
    private const int LongestText = 4096;

    private static readonly ImmutableArray<string> Types =
        ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

    private readonly byte[] blob;

    private PublicKey(string type, byte[] blob) => (Type, this.blob) = (type, blob);

    /// <summary>Such as ssh-ed25519.</summary>
    public string Type { get; }

    /// <summary>As ssh-keygen -l shows it, and as HostKeyFingerprints has it.</summary>
    public string Fingerprint => "SHA256:" + Convert.ToBase64String(SHA256.HashData(blob)).TrimEnd('=');

    /// <summary>Reads "TYPE BASE64", with or without a comment behind it, on one line. Null where the text is anything else.</summary>
    public static PublicKey? Parse(string? text)
    {
        var line = text?.TrimEnd('\n') ?? "";
        if (line.Length > LongestText || line.Any(char.IsControl))
            return null;
        var words = line.Split(' ', 3);
        if (words.Length < 2 || !Types.Contains(words[0]))
            return null;
        var blob = new byte[words[1].Length];
        if (!Convert.TryFromBase64String(words[1], blob, out var length))
            return null;
        var key = new PublicKey(words[0], blob[..length]);
        return key.NamesItsType() && key.ToString() == $"{words[0]} {words[1]}" ? key : null;
    }

    /// <summary>"TYPE BASE64".</summary>
    public override string ToString() => $"{Type} {Convert.ToBase64String(blob)}";

    public bool Equals(PublicKey? other) => other is not null && other.ToString() == ToString();

    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <summary>A key begins with its type, which sshd goes by.</summary>
    private bool NamesItsType()
    {
        var name = Encoding.ASCII.GetBytes(Type);
        return blob.Length > sizeof(int) + name.Length
            && BinaryPrimitives.ReadInt32BigEndian(blob) == name.Length
            && blob.AsSpan(sizeof(int), name.Length).SequenceEqual(name);
    }
}
