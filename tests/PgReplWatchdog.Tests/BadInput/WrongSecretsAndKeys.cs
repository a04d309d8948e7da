using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>The files that the configuration names: passwords and the SSH key.</summary>
public sealed class WrongSecretsAndKeys(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const string WatchdogKey = "Clusters:0:WatchdogPasswordFile";
    private const string ReplicationKey = "Clusters:0:ReplicationPasswordFile";
    private const string SshKey = "Clusters:0:SshKeyFile";

    [Theory]
    [InlineData(WatchdogKey)]
    [InlineData(ReplicationKey)]
    [InlineData(SshKey)]
    public async Task A_missing_file_is_named_with_its_key_and_where_it_was_looked_for(string key)
    {
        var result = await folder.ValidateAsync((key, "\"gone.txt\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{key}: there is no file {folder.In("gone.txt")}; create it, or correct the setting").InOneLine();
    }

    [Theory]
    [InlineData(WatchdogKey)]
    [InlineData(SshKey)]
    public async Task A_directory_in_place_of_a_file_is_named(string key)
    {
        Directory.CreateDirectory(folder.In("directory"));
        var result = await folder.ValidateAsync((key, "\"directory\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{key}: directory cannot be read", folder.In("directory")).InOneLine();
    }

    [Theory]
    [InlineData(WatchdogKey)]
    [InlineData(SshKey)]
    public async Task A_file_that_may_not_be_read_is_named_with_what_to_do(string key)
    {
        var name = await folder.WithFileAsync($"locked-{key.Split(':')[^1]}", "one line\n");
        folder.Lock(name);
        var result = await folder.ValidateAsync((key, $"\"{name}\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{key}: {name} cannot be read", "Make it readable for the watchdog's account").InOneLine();
    }

    [Theory]
    [InlineData("empty.secret", "", "is empty; it must hold one line, the password")]
    [InlineData("newline.secret", "\n", "is empty; it must hold one line, the password")]
    [InlineData("two-lines.secret", "first-of-two\nsecond-of-two\n", "must hold one line of printable ASCII")]
    [InlineData("umlaut.secret", "Öffne-dich\n", "must hold one line of printable ASCII")]
    [InlineData("tab.secret", "before\tafter\n", "must hold one line of printable ASCII")]
    [InlineData("binary.secret", "\0\u0001\u0002", "must hold one line of printable ASCII")]
    public async Task A_secret_that_can_be_no_password_is_told_without_being_shown(string name, string content, string words)
    {
        await folder.WithFileAsync(name, content);
        var result = await folder.ValidateAsync((WatchdogKey, $"\"{name}\""), (ReplicationKey, $"\"{name}\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{WatchdogKey}: {name} {words}", $"PgReplWatchdog:{ReplicationKey}: {name} {words}");
        Assert.Equal(2, result.Lines().Length);
        foreach (var part in content.Split(['\n', '\t', '\0'], StringSplitOptions.RemoveEmptyEntries))
            Assert.DoesNotContain(part, result.ToString(), StringComparison.Ordinal);
    }

    /// <summary>An editor on Windows ends a line with two characters and begins a file with an invisible one; neither is part of a password.</summary>
    [Fact]
    public async Task A_secret_as_a_windows_editor_writes_it_is_accepted()
    {
        await folder.WithFileAsync("windows.secret", "\uFEFFpassword\r\n");
        var result = await folder.ValidateAsync((WatchdogKey, "\"windows.secret\""));
        Assert.True(result.ExitCode == ExitCode.Ok, result.ToString());
    }

    [Theory]
    [InlineData("garbage.key", "this is no key\n")]
    [InlineData("empty.key", "")]
    [InlineData("cut-off.key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n")]
    [InlineData("base64.key", "-----BEGIN OPENSSH PRIVATE KEY-----\n!!!!\n-----END OPENSSH PRIVATE KEY-----\n")]
    [InlineData("rsa.key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n")]
    public async Task A_file_that_holds_no_private_key_is_named_with_what_to_give(string name, string content)
    {
        await folder.WithFileAsync(name, content);
        var result = await folder.ValidateAsync((SshKey, $"\"{name}\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{SshKey}: {name} is no private key that can be used", "give one in OpenSSH or PEM format without a passphrase")
            .InOneLine();
    }

    [Fact]
    public async Task A_public_key_in_place_of_the_private_one_is_told()
    {
        var result = await folder.ValidateAsync((SshKey, $"\"{ConfigurationFolder.KeyFile}.pub\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{SshKey}: {ConfigurationFolder.KeyFile}.pub is no private key that can be used").InOneLine();
    }

    [Fact]
    public async Task A_key_with_a_passphrase_is_told_to_have_one()
    {
        await folder.KeyGenAsync("locked.key", "correct horse");
        var result = await folder.ValidateAsync((SshKey, "\"locked.key\""));
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{SshKey}: locked.key is no private key that can be used", "passphrase").InOneLine();
    }

    [Fact]
    public async Task Secrets_are_looked_for_among_the_credentials_of_systemd_where_it_gives_any()
    {
        var credentials = Directory.CreateDirectory(folder.In("credentials")).FullName;
        var file = folder.Write();
        var result = await UserCommand.RunAsync([("CREDENTIALS_DIRECTORY", credentials)], "config", "validate", "--config", file);
        result.Says(ExitCode.Configuration, $"PgReplWatchdog:{WatchdogKey}: there is no file ", Path.Combine(credentials, "watchdog.secret"));
    }
}
