using System.Diagnostics;
using CsCheck;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Setup;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>A watchdog's key that the hosts bind to verbs does all that a service does there, and nothing else (docs/decisions/0019).</summary>
public sealed class BoundKeyTests : IDisposable
{
    private const int Words = 3;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly string directory = Directory.CreateTempSubdirectory("pgwatchdog-verbs-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Service_fails_over_and_takes_the_old_primary_back_by_its_verbs_alone()
    {
        await using var cluster = await RunningCluster.StartAsync(service: false, gamma: true, change: section =>
        {
            section["UnreachableThreshold"] = "00:00:05";
            section["GuardTimeToLive"] = "00:00:03";
            section["Fencing"] = "Required";
            section["SetupSshKeyFile"] = section["SshKeyFile"]!.GetValue<string>();
            section["SshKeyFile"] = MakeKey(section["SshKeyFile"]!.GetValue<string>() + ".bound");
        });
        var access = InstallationLoader.Load(cluster.Configuration).Clusters[0];
        foreach (var host in cluster.Lab.Hosts)
            Bind(access, host);
        await cluster.StartServiceAsync();
        await cluster.UntilAsync(status => status.Ready("beta") && status.Ready("gamma") && status.IsGuarded, "failover is ready, and the guard is armed");

        await cluster.Alpha.KillPostgresAsync(Cancellation);
        var after = await cluster.UntilAsync(status => status.Verdict == "Serving" && status.IntendedPrimary != "alpha", "a standby is primary");
        var other = after.IntendedPrimary == "beta" ? "gamma" : "beta";
        await cluster.UntilAsync(status => status.Streams("alpha") && status.Streams(other), "the others stream from it");
        var events = (await cluster.RequireAsync("events", "main", "--limit", "1000")).Output;
        Assert.Contains("alpha is stopped, no process is left", events, StringComparison.Ordinal);
        Assert.DoesNotContain("there is no verb", events, StringComparison.Ordinal);
        Assert.DoesNotContain("is not for these words", events, StringComparison.Ordinal);
        Assert.Contains("Nothing to change", (await cluster.RequireAsync("setup", "--plan")).Output, StringComparison.Ordinal);
        await RefusesAllElseAsync(access, cluster.Alpha);
    }

    /// <summary>What set-up does, a shell, and requests that are made by hand.</summary>
    private static async Task RefusesAllElseAsync(ClusterAccess access, LabHost alpha)
    {
        using var hosts = new SshHosts(access);
        var host = hosts["alpha"].Host;
        foreach (var script in new[]
        {
            SetupScripts.ReadFile(host.Node.PassFile), SetupScripts.Facts(host), SetupScripts.Psql(host, readOnly: true), SetupScripts.Stop(host, 1), SetupScripts.StopGuard(host.Node), "id",
        })
            Assert.Contains("set-up needs the key of SetupSshKeyFile", await RefusalAsync(hosts, script), StringComparison.Ordinal);
        var elsewhere = host with { Node = host.Node with { DataDirectory = alpha.Directory } };
        foreach (var script in new[]
        {
            HostCommands.RemoveTriggerFile(elsewhere), HostCommands.Fence(elsewhere, "", 1), HostCommands.Fence(host with { BinDirectory = alpha.Directory }, "", 1),
            HostCommands.ReadWal(host, "../global/pg_control", 0, 1), HostCommands.WriteWal(host, "../postgresql.auto.conf", 0, 1), HostCommands.CreateTriggerFile(host, $"{alpha.Directory}/other", 1, null),
            HostCommands.SetManaged(host, [("primary_conninfo", "host=192.0.2.1")], false), HostCommands.SetManaged(host, [("archive_command", "touch pwned")], false),
            HostCommands.CreateSlot(host, "other", new PostgresVersion(150000)), HostCommands.RecordEpoch(host, 9, "other"), HostCommands.Fence(host, "# first\nrestore_command = 'touch pwned'", 1),
        })
            Assert.Contains("is not for these words, or another version's", await RefusalAsync(hosts, script), StringComparison.Ordinal);
        Assert.Contains("another version's", await RefusalAsync(hosts, HostScript.On("disarm", "id")), StringComparison.Ordinal);
        Assert.Contains("there is no verb shell", await RefusalAsync(hosts, HostScript.On("shell", "id")), StringComparison.Ordinal);
        Assert.Contains("this is no verb", await RefusalAsync(hosts, HostScript.On("$(id)", "id")), StringComparison.Ordinal);
        Assert.Contains("postmaster=yes", await hosts["alpha"].RequireAsync(HostScripts.Evidence(host, "0.40"), Limit, Cancellation), StringComparison.Ordinal);
    }

    private static async Task<string> RefusalAsync(SshHosts hosts, HostScript script) =>
        (await Assert.ThrowsAsync<SshFailureException>(() => hosts["alpha"].RunAsync(script, Limit, Cancellation))).Message;

    /// <summary>Whatever the words are: as a request they come back byte for byte, and no other words are taken in their place.</summary>
    [Fact]
    public void Words_of_a_request_come_back_as_they_were_and_no_others() =>
        Gen.String[Gen.Char['\u0001', '\u00ff'], 0, 30].Array[Words].Sample(words =>
        {
            var script = HostScript.On("print", "printf '%s\\0' {0} {1} {2}", words[0], words[1], words[2]);
            Install([("account", Environment.UserName + "\n"), ("allowed", script.Rule + "\n"), ("print", script.Body)]);
            var frame = new string('0', 32);
            var others = HostScript.On("print", "printf '%s\\0' {0} {1} {2}", words[0], words[1], words[2] + "x");
            return Ask(script.Request(frame, long.MaxValue)) is (0, var said) && said == $"{frame}\n{string.Concat(words.Select(word => word + '\0'))}"
                && Ask(others.Request(frame, long.MaxValue)) is (77, "") && Ask(script.Request(frame, 1)) is (HostClock.TooLate, _);
        }, iter: 50, threads: 1);

    /// <summary>A request with anything in it that means something to a shell, at any place, is none.</summary>
    [Fact]
    public void Request_with_one_letter_more_is_refused()
    {
        var node = new NodeSpec("alpha", "localhost", 5432, directory);
        var script = HostCommands.Fence(new HostAccess(node, "/bin", "/dev/null", 22, []), "# why", 1);
        Install([("account", Environment.UserName + "\n"), ("allowed", script.Rule + "\n"), ("fence", "echo done\n")]);
        var request = script.Request(new string('0', 32), long.MaxValue).TrimEnd('\n');
        Assert.Equal(0, Ask(request).Status);
        Assert.Equal(0, Ask(request + "\nid").Status); // what a login shell would run is passed over
        Gen.Select(Gen.Int[0, request.Length], Gen.Char[" \t\r;|&<>()$`\\\"'*?[#~!{}%\u00ff"]).Sample((at, letter) =>
            Ask(request.Insert(at, letter.ToString())) is (77, ""), iter: 200, threads: 1);
        Assert.Equal(77, Ask("id\n" + request).Status);
        Assert.Equal(77, Ask("").Status);
    }

    private void Install(IEnumerable<(string Name, string Text)> files) => Install(directory, "5432", files);

    private static void Install(string directory, string port, IEnumerable<(string Name, string Text)> files)
    {
        Directory.CreateDirectory(Path.Combine(directory, port));
        foreach (var (name, text) in files)
            File.WriteAllText(Path.Combine(directory, port, name), text);
        var program = Path.Combine(directory, Verbs.Program);
        File.WriteAllText(program, SqlText.Of("Setup.run-verb.sh"));
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
    }

    /// <summary>As the host's root does by what `config host` prints.</summary>
    private static void Bind(ClusterAccess access, LabHost host)
    {
        var verbs = Path.Combine(host.Directory, "verbs");
        Install(verbs, "5432", Verbs.Files(access, host.Name));
        File.AppendAllText(Path.Combine(host.Directory, "ssh", "authorized_keys"),
            Verbs.KeyLine(File.ReadAllText(access.SshKeyFile + ".pub").Trim(), ["127.0.0.0/8"], verbs) + "\n");
    }

    private static string MakeKey(string file)
    {
        using var made = Process.Start("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
        made.WaitForExit();
        return file;
    }

    private (int Status, string Said) Ask(string request)
    {
        using var asked = Process.Start(new ProcessStartInfo(Path.Combine(directory, Verbs.Program), [request, "192.0.2.1"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = asked.StandardOutput.ReadToEnd();
        asked.WaitForExit();
        return (asked.ExitCode, said);
    }
}
