using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Hosts;

/// <summary>The service under its own unit on a booted host: what the unit forbids, it does not need.</summary>
public sealed class ServiceUnitTests
{
    private const string Account = "pgwatchdog";

    private const string Program = "/usr/lib/pgwatchdog/pgwatchdog";
    private const string Configuration = "/etc/pgwatchdog/appsettings.json";

    /// <summary>Beside the program: what runs it.</summary>
    private static readonly string[] Runtime = ["host", "shared"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Service_under_its_unit_watches_fails_over_and_takes_the_old_primary_back()
    {
        WholeHostTests.Require();
        await using var hosts = await WholeHosts.StartAsync(["alpha", "beta", "gamma"], Cancellation);
        var configuration = LabConfiguration.Write(hosts, Account, cluster =>
        {
            cluster["Nodes"]!.AsArray().RemoveAt(2);
            cluster["SshFrom"] = new JsonArray(hosts.WatchdogAddress, hosts["gamma"].Address);
        });
        var (alpha, beta, watchdog) = (hosts["alpha"], hosts["beta"], hosts["gamma"]);
        foreach (var host in new[] { alpha, beta })
            await host.RunAsync("cat > prepare && sh prepare", await RunAsync(configuration, "config", "host", "main", host.Name), Cancellation);
        await watchdog.RunAsync("systemctl disable -q --now postgresql", Cancellation);
        await InstallAsync(watchdog, configuration);
        await watchdog.RunAsync($"{Program} setup main --overwrite beta --config {Configuration}", Cancellation);
        await watchdog.RunAsync("systemctl daemon-reload && systemctl start pgwatchdog || { journalctl -u pgwatchdog | tail -50 >&2; exit 1; }", Cancellation);
        await UntilAsync(watchdog, "failover is ready");
        Assert.Contains("NoNewPrivs:\t1", await watchdog.RunAsync("cat /proc/$(systemctl show -P MainPID pgwatchdog)/status", Cancellation), StringComparison.Ordinal);

        await alpha.KillAsync(Cancellation);
        await UntilAsync(watchdog, "alpha to beta, succeeded");
        await alpha.ReviveAsync(Cancellation);
        await SetUp.SetUpTests.EventuallyAsync(async () => await beta.PsqlAsync("SELECT application_name, state FROM pg_stat_replication", Cancellation) == "alpha|streaming", "alpha is a standby");
    }

    private static async Task UntilAsync(WholeHost watchdog, string what)
    {
        try
        {
            await SetUp.SetUpTests.EventuallyAsync(
                async () => (await watchdog.RunAsync($"{Program} status --config {Configuration} || true", Cancellation)).Contains(what, StringComparison.Ordinal), what);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            throw new LabException($"{failure.Message}\n{await watchdog.RunAsync($"{Program} status --config {Configuration} || true; journalctl -u pgwatchdog | tail -50", Cancellation)}");
        }
    }

    /// <summary>As README has it; the runtime comes along, which a published program may have in it.</summary>
    private static async Task InstallAsync(WholeHost watchdog, string configuration)
    {
        var runtime = Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        var root = watchdog.RootDirectory;
        foreach (var part in Runtime)
            await CopyAsync(Path.Combine(runtime, part), $"{root}/usr/share/dotnet/{part}");
        await CopyAsync(Path.GetDirectoryName(Product.Program)!, $"{root}/usr/lib/pgwatchdog");
        File.Copy(Path.Combine(Repository.Root, "deploy", "systemd", "pgwatchdog.service"), $"{root}/etc/systemd/system/pgwatchdog.service");
        var all = JsonNode.Parse(await File.ReadAllTextAsync(configuration, Cancellation))!;
        var (settings, cluster) = (all["PgReplWatchdog"]!, all["PgReplWatchdog"]!["Clusters"]![0]!);
        settings["StateDirectory"] = "/var/lib/pgwatchdog";
        var secrets = Directory.CreateDirectory($"{root}/etc/pgwatchdog").FullName;
        foreach (var (setting, name) in new[] { ("WatchdogPasswordFile", "watchdog.secret"), ("ReplicationPasswordFile", "replication.secret"), ("SshKeyFile", "id_ed25519") })
        {
            File.Copy(cluster[setting]!.GetValue<string>(), Path.Combine(secrets, name));
            cluster[setting] = name;
        }
        await File.WriteAllTextAsync(Path.Combine(secrets, "appsettings.json"), all.ToJsonString(), Cancellation);
        await watchdog.RunAsync("chown -R root:root /etc/pgwatchdog", Cancellation);
    }

    private static async Task CopyAsync(string from, string to)
    {
        using var copying = System.Diagnostics.Process.Start("/bin/sh", ["-c", "mkdir -p \"$2\" && cp -r \"$1/.\" \"$2/\"", "sh", from, to]);
        await copying.WaitForExitAsync(Cancellation);
        Assert.Equal(0, copying.ExitCode);
    }

    private static async Task<string> RunAsync(string configuration, params string[] arguments)
    {
        var result = await Product.RunAsync(configuration, arguments, Cancellation);
        Assert.True(result.ExitCode == 0, $"pgwatchdog {string.Join(' ', arguments)}: {result}");
        return result.Output;
    }
}
