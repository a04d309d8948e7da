using System.Collections.Concurrent;
using System.Text;
using PgReplWatchdog.Lab;
using Service = PgReplWatchdog.Lab.Service;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>Two passwords that are found again wherever they leak: nothing in them needs quoting.</summary>
[Collection(OnALab.Collection)]
public sealed class SecretsStaySecret
{
    private const string Watchdog = "sesame1watchdog9tok";
    private const string Replication = "sesame2replication8tok";
    private const string Wrong = "sesame3wrong7tok";

    private readonly StringBuilder said = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Passwords_are_in_no_output_log_journal_setting_or_command_line()
    {
        await using var bare = new BareLab();
        await bare.InitializeAsync();
        await LogEverythingAsync(bare.Alpha);
        var configuration = Configuration(bare, Watchdog);

        var seen = await CommandLinesDuringAsync(async () =>
        {
            await RunAsync(configuration, 2, "setup", "--plan");
            await RunAsync(configuration, 0, "setup");
        });
        await LogEverythingAsync(bare.Beta);
        await WatchAsync(bare, configuration, status => status.Ready("beta"));
        await WatchAsync(bare, Configuration(bare, Wrong), status => status.Verdict == "Busy");

        Assert.Contains(seen, line => line.Contains("pg_basebackup", StringComparison.Ordinal)); // it looked closely enough
        IsClean("command lines", string.Join('\n', seen));
        IsClean("what the commands and the service said", said.ToString());
        foreach (var file in Directory.GetFiles(Path.Combine(bare.Lab.Directory, "watchdog")))
            IsClean(file, Bytes(file));
        foreach (var host in bare.Lab.Hosts)
            await IsCleanAsync(host);
    }

    /// <summary>The password itself is on the hosts in the passfile alone; in the catalogue there is a SCRAM verifier.</summary>
    private static async Task IsCleanAsync(LabHost host)
    {
        var passFile = host.DataDirectory + ".pgwatchdog/passfile";
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(passFile).UnixFileMode);
        Assert.Contains(Replication, await File.ReadAllTextAsync(passFile, Cancellation), StringComparison.Ordinal);
        IsClean($"{host}'s settings", await host.PsqlAsync("SELECT name, setting FROM pg_settings", Cancellation));
        Assert.DoesNotContain("password=", await host.PsqlAsync("SHOW primary_conninfo", Cancellation), StringComparison.Ordinal);
        Assert.Contains("statement:", await File.ReadAllTextAsync(host.ServerLog, Cancellation), StringComparison.Ordinal); // it logged statements at all
        await host.PsqlAsync("CHECKPOINT", Cancellation);
        foreach (var file in Directory.EnumerateFiles(host.Directory, "*", SearchOption.AllDirectories).Where(file => file != passFile))
            IsClean(file, Bytes(file));
    }

    /// <summary>SCRAM verifiers in a log are hashes to try passwords on: whoever logs slow statements must not collect them.</summary>
    [Fact]
    public async Task Not_even_a_verifier_is_in_the_log_of_a_server_that_logs_every_statement()
    {
        await using var bare = new BareLab();
        await bare.InitializeAsync();
        await LogEverythingAsync(bare.Alpha);
        await RunAsync(Configuration(bare, Watchdog), 0, "setup");
        Assert.DoesNotContain("SCRAM-SHA-256$", await File.ReadAllTextAsync(bare.Alpha.ServerLog, Cancellation), StringComparison.Ordinal);
    }

    private static string Configuration(BareLab bare, string watchdog) => bare.Configuration(cluster =>
    {
        cluster["WatchdogPasswordFile"] = Secret(bare, watchdog);
        cluster["ReplicationPasswordFile"] = Secret(bare, Replication);
    });

    private static string Secret(BareLab bare, string password) => bare.Secret($"{password.Length}.own-secret", password + "\n");

    /// <summary>As chatty as PostgreSQL can be made.</summary>
    private static async Task LogEverythingAsync(LabHost host)
    {
        await host.PsqlAsync("""
            ALTER SYSTEM SET log_statement = 'all';
            ALTER SYSTEM SET log_min_duration_statement = 0;
            ALTER SYSTEM SET log_connections = on;
            ALTER SYSTEM SET log_min_error_statement = 'debug5';
            SELECT pg_reload_conf();
            """, Cancellation);
    }

    private async Task RunAsync(string configuration, int exitCode, params string[] arguments)
    {
        var result = await UserCommand.RunAsync([.. arguments, "--config", configuration]);
        said.AppendLine(result.ToString());
        Assert.True(result.ExitCode == exitCode, result.ToString());
    }

    private async Task WatchAsync(BareLab bare, string configuration, Func<ServiceStatus, bool> until)
    {
        await using var service = await Service.StartAsync(configuration, bare.Lab.WatchdogPort, ct: Cancellation);
        said.AppendLine((await service.UntilAsync(until, "the service sees what it should", WatchedLab.Patience, Cancellation)).Json);
        said.AppendLine(await service.Http.GetStringAsync("/metrics", Cancellation));
        said.AppendLine((await UserCommand.RunAsync("status", "--config", configuration)).ToString());
        said.AppendLine((await UserCommand.RunAsync("check", "--config", configuration)).ToString());
        said.AppendLine(service.Log);
    }

    /// <summary>Looks at every process's command line over and over while something runs.</summary>
    private static async Task<IEnumerable<string>> CommandLinesDuringAsync(Func<Task> work)
    {
        var seen = new ConcurrentDictionary<string, bool>();
        using var over = new CancellationTokenSource();
        var looking = Task.Run(() =>
        {
            while (!over.IsCancellationRequested)
            {
                foreach (var process in Directory.EnumerateDirectories("/proc", "*").Where(path => char.IsAsciiDigit(path[^1])))
                    Look(process, seen);
                Thread.Yield();
            }
        }, CancellationToken.None);
        try
        {
            await work();
        }
        finally
        {
            await over.CancelAsync();
            await looking;
        }
        return seen.Keys;
    }

    private static void Look(string process, ConcurrentDictionary<string, bool> seen)
    {
        try
        {
            seen.TryAdd(File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' '), true);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // It has ended.
        }
    }

    private static void IsClean(string where, string text) => IsClean(where, Encoding.UTF8.GetBytes(text));

    private static void IsClean(string where, ReadOnlySpan<byte> bytes)
    {
        foreach (var secret in (string[])[Watchdog, Replication, Wrong])
        {
            var plain = Encoding.ASCII.GetBytes(secret);
            Assert.True(bytes.IndexOf(plain) < 0, $"{secret} is in {where}");
            Assert.True(bytes.IndexOf(Encoding.ASCII.GetBytes(Convert.ToBase64String(plain))) < 0, $"{secret} is in {where}, as base64");
        }
    }

    private static byte[] Bytes(string file)
    {
        try
        {
            return new FileInfo(file).Length == 0 ? [] : File.ReadAllBytes(file); // sockets are empty, and cannot be read
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return []; // PostgreSQL has just removed it
        }
    }
}
