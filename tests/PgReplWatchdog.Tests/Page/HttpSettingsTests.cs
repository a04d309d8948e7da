using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Page;

/// <summary>The settings of HTTP: what is wrong with them is told at start, and what is right is served.</summary>
public sealed class HttpSettingsTests(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const string Https = "\"https://127.0.0.1:9187\"";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Https_takes_a_certificate_and_its_key() => (await folder.ValidateAsync(("Listen", Https)))
        .Says(ExitCode.Configuration, "PgReplWatchdog:CertificateFile is missing", "PgReplWatchdog:CertificateKeyFile is missing", "https takes a certificate and its key");

    [Fact]
    public async Task A_certificate_without_https_is_a_mistake() =>
        (await folder.ValidateAsync(("CertificateFile", "\"server.pem\""), ("CertificateKeyFile", "\"server.key\"")))
        .Says(ExitCode.Configuration, "PgReplWatchdog:CertificateFile is 'server.pem', and Listen is http://127.0.0.1:9187", "give Listen with https");

    [Fact]
    public async Task A_token_does_not_cross_a_network_in_the_clear()
    {
        await folder.WithFileAsync("api.token", PageHost.Token + "\n");
        (await folder.ValidateAsync(("Listen", "\"http://192.0.2.1:9187\""), ("ApiTokenFile", "\"api.token\"")))
            .Says(ExitCode.Configuration, "the token would cross the network in the clear").InOneLine();
        Assert.Equal(ExitCode.Ok, (await folder.ValidateAsync(("ApiTokenFile", "\"api.token\""))).ExitCode);
    }

    [Theory]
    [InlineData("short\n")]
    [InlineData("two words in this file, and both long\n")]
    [InlineData("")]
    public async Task A_token_that_can_be_guessed_or_is_none_is_told(string content) =>
        (await folder.ValidateAsync(("ApiTokenFile", $"\"{await folder.WithFileAsync("bad.token", content)}\"")))
            .Says(ExitCode.Configuration, "PgReplWatchdog:ApiTokenFile: bad.token", "openssl rand -hex 32").InOneLine();

    [Fact]
    public async Task Tokens_that_do_not_go_together_are_told()
    {
        await folder.WithFileAsync("api.token", PageHost.Token + "\n");
        await folder.WithFileAsync("other.token", $"other-{PageHost.Token}\n");
        const string Other = """{ "Name": "other", "File": "other.token", "May": ["pause"] }""";
        Assert.Equal(ExitCode.Ok, (await folder.ValidateAsync(("ApiTokenFile", "\"api.token\""), ("Tokens", $"[{Other}]"))).ExitCode);
        foreach (var (tokens, words) in new[]
        {
            ($"[{Other}, {Other}]", "2 entries have Name other"),
            ("""[{ "Name": "operator", "File": "other.token" }]""", "2 entries have Name operator"),
            ("""[{ "Name": "other", "File": "api.token" }]""", "operator and other have the same token"),
            ("""[{ "Name": "other", "File": "other.token", "May": ["setup"] }]""", "Tokens:0:May has 'setup'; give pause, resume, acknowledge"),
            ("""[{ "Name": "other" }]""", "Tokens:0:File is missing"),
            ("""[{ "Name": "Other", "File": "other.token" }]""", "Tokens:0:Name is 'Other'"),
        })
            (await folder.ValidateAsync(("ApiTokenFile", "\"api.token\""), ("Tokens", tokens))).Says(ExitCode.Configuration, words);
        (await folder.ValidateAsync(("Listen", "\"http://192.0.2.1:9187\""), ("Tokens", $"[{Other}]"))).Says(ExitCode.Configuration, "Tokens:0:File is 'other.token'", "the token would cross the network in the clear");
    }

    [Fact]
    public async Task Files_that_are_no_certificate_and_key_are_told()
    {
        using var certificate = new Pair();
        using var other = new Pair();
        await folder.WithFileAsync("server.pem", certificate.Certificate.ExportCertificatePem());
        await folder.WithFileAsync("other.key", other.Key.ExportPkcs8PrivateKeyPem());
        await folder.WithFileAsync("nothing.pem", "dear\n");
        foreach (var (pem, key) in ((string, string)[])[("nothing.pem", "other.key"), ("server.pem", "nothing.pem"), ("server.pem", "other.key")])
        {
            (await folder.ValidateAsync(("Listen", Https), ("CertificateFile", $"\"{pem}\""), ("CertificateKeyFile", $"\"{key}\"")))
                .Says(ExitCode.Configuration, $"PgReplWatchdog:CertificateFile: {pem} and {key} are no certificate and its key").InOneLine();
        }
        await folder.WithFileAsync("server.key", certificate.Key.ExportPkcs8PrivateKeyPem());
        Assert.Equal(ExitCode.Ok, (await folder.ValidateAsync(("Listen", Https), ("CertificateFile", "\"server.pem\""), ("CertificateKeyFile", "\"server.key\""))).ExitCode);
    }

    [Fact]
    public async Task With_a_certificate_page_and_API_are_served_with_TLS()
    {
        using var pair = new Pair();
        await using var host = await PageHost.StartAsync(certificate: pair.Certificate);
        Assert.Equal("https", host.Address.Scheme);
        Assert.Contains("All clusters", await host.GetAsync("/"), StringComparison.Ordinal);
        using var plain = new HttpClient();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => plain.GetAsync(new UriBuilder(host.Address) { Scheme = "http" }.Uri, Cancellation));
    }

    /// <summary>A certificate of its own making, with its key.</summary>
    private sealed class Pair : IDisposable
    {
        public Pair()
        {
            var now = TimeProvider.System.GetUtcNow();
            var request = new CertificateRequest("CN=localhost", Key, HashAlgorithmName.SHA256);
            Certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        }

        public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        public X509Certificate2 Certificate { get; }

        public void Dispose()
        {
            Certificate.Dispose();
            Key.Dispose();
        }
    }
}
