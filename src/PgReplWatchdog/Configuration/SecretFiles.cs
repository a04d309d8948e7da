using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Renci.SshNet;
using Renci.SshNet.Common;

namespace PgReplWatchdog.Configuration;

/// <summary>Reads secrets from the systemd credentials directory where there is one, else from beside the configuration.</summary>
internal sealed class SecretFiles(string configuration, List<string> errors)
{
    private readonly string directory =
        Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY") ?? Path.GetDirectoryName(Path.GetFullPath(configuration))!;

    public Secret Password(string key, string path)
    {
        if (Read(key, path) is not { } text)
            return new Secret("");
        var password = text.TrimEnd('\r', '\n');
        if (password.Length == 0)
            errors.Add($"{key}: {path} is empty; it must hold one line, the password");
        else if (password.Any(letter => letter is < ' ' or > '~'))
            errors.Add($"{key}: {path} must hold one line of printable ASCII, the password, and holds something else");
        return new Secret(password);
    }

    public string Key(string key, string path)
    {
        if (Read(key, path) is null)
            return path;
        var full = Path.Combine(directory, path);
        try
        {
            using var parsed = new PrivateKeyFile(full);
        }
        catch (SshException failure)
        {
            errors.Add($"{key}: {path} is no private key that can be used ({failure.Message.TrimEnd('.')}); {GiveKey}");
        }
        // What a damaged key makes the library's parsers throw.
        catch (Exception failure) when (failure is InvalidOperationException or FormatException or ArgumentException or OverflowException
            or IndexOutOfRangeException or CryptographicException or AsnContentException or IOException or NotSupportedException)
        {
            errors.Add($"{key}: {path} is no private key that can be used, it is damaged or something else; {GiveKey}");
        }
        return full;
    }

    /// <summary>One that need not be there all the time; null where none is configured.</summary>
    public string? KeyThatComesAndGoes(string key, string path) =>
        path.Length == 0 ? null : File.Exists(Path.Combine(directory, path)) ? Key(key, path) : Path.Combine(directory, path);

    /// <summary>Null where none is configured, or the file holds none.</summary>
    public Secret? Token(string key, string path)
    {
        if (Read(key, path) is not { } text)
            return null;
        var token = text.TrimEnd('\r', '\n');
        if (token.Length >= TokenLength && token.All(letter => letter is > ' ' and <= '~'))
            return new Secret(token);
        errors.Add($"{key}: {path} must hold one line of {TokenLength} to any number of printable ASCII characters without blanks; make one with openssl rand -hex 32");
        return null;
    }

    /// <summary>Null where none is configured, or the files hold none that can be used.</summary>
    public ServerCertificate? Certificate(string key, string path, string keyOfKey, string pathOfKey)
    {
        var (certificate, privateKey) = (Read(key, path, isSecret: false), Read(keyOfKey, pathOfKey));
        if (certificate is null || privateKey is null)
            return null;
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPem(certificate);
            return new ServerCertificate(X509Certificate2.CreateFromPem(certificate, privateKey), chain);
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException)
        {
            errors.Add($"{key}: {path} and {pathOfKey} are no certificate and its key ({failure.Message.TrimEnd('.')}); give both in PEM format, the key without a passphrase");
            return null;
        }
    }

    /// <summary>Shorter ones could be guessed.</summary>
    private const int TokenLength = 20;
    private const string GiveKey = "give one in OpenSSH or PEM format without a passphrase";

    /// <summary>What anybody but the owner of a file may do with it.</summary>
    internal const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private string? Read(string key, string path, bool isSecret = true)
    {
        if (path.Length == 0)
            return null; // said already: the setting is missing
        try
        {
            var full = Path.Combine(directory, path);
            var text = File.ReadAllText(full);
            // As ssh(1) does with a key; one that is public anyway is told as what it is. A credential of systemd shows its access list in the bits of the group.
            if (isSecret && Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY") is null && (File.GetUnixFileMode(full) & Others) != 0 && Acting.Ssh.PublicKey.Parse(text) is null)
                errors.Add($"{key}: {path} is a secret that others than its owner can read or change; chmod 600 {Acting.Ssh.Shell.Quote(full)}");
            return text;
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            errors.Add($"{key}: there is no file {Path.Combine(directory, path)}; create it, or correct the setting");
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            errors.Add($"{key}: {path} cannot be read: {failure.Message} Make it readable for the watchdog's account.");
            return null;
        }
    }
}
