using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// A standby and its host that are hostile, beside an honest cluster: what the service takes of its own host stays within
/// bounds, the honest cluster is checked as before, and so is the other one as soon as it is honest.
/// </summary>
public sealed class HostileBudgetTests
{
    private const string Second = "second";
    private const long MostMemory = 300L * 1024 * 1024;
    private const long MostDisk = 10_000_000;
    private const int MostThreads = 100;
    private const double MostOfACore = 0.2;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public Task Each_deed_for_a_second() => HoldsAsync(TimeSpan.FromSeconds(1), rounds: 1, seldom: false);

    /// <summary>Ten minutes: what little each deed takes must not add up.</summary>
    [Fact]
    [Trait(Widest.Trait, Widest.Run)]
    public Task Each_deed_for_a_while_for_ten_minutes() => HoldsAsync(TimeSpan.FromSeconds(16), rounds: 2, seldom: true);

    [Fact]
    public Task Some_misdeeds_of_an_ssh_server() => BearsAsync(each: 70);

    [Fact]
    [Trait(Widest.Trait, Widest.Run)]
    public Task Many_misdeeds_of_an_ssh_server() => BearsAsync(each: 5);

    /// <summary>Beta's sshd is one that speaks the protocol with ill intent; when it is honest it hands commands on to the real one.</summary>
    private static async Task BearsAsync(int each)
    {
        const int Slack = 10;
        await using var lab = await SetUpAsync();
        var beta = lab["beta"];
        await using var hostile = new HostileSsh(command => new ProcessStartInfo("ssh",
            ["-F", "none", "-i", lab.ClientKeyFile, "-p", $"{beta.SshPort}", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                $"{beta.SshUser}@{beta.Address}", command]));
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort, main =>
        {
            Two(main);
            (main.Beta()["SshPort"], main.Beta()["HostKeyFingerprints"]) = (hostile.Port, new JsonArray(hostile.Fingerprint));
        });
        await using var service = await Service.StartAsync(configuration, lab.WatchdogPort, ct: Cancellation);
        await service.UntilAsync(status => status.FailoverReady && status.Of(Second).FailoverReady, "both are ready", RunningCluster.Patience, Cancellation);
        var (threads, descriptors) = (Number(service, "Threads"), Descriptors(service));

        for (var turn = 0; turn < SshMisdeed.All.Count; turn += each)
        {
            var done = hostile.Done;
            hostile.Deed = SshMisdeed.All[turn];
            hostile.HangUp();
            await service.UntilAsync(status =>
            {
                Assert.False(status.IsStale, $"{hostile.Deed}");
                Assert.True(status.Of(Second) is { IsStale: false, Verdict: "Serving", FailoverReady: true }, $"{hostile.Deed}");
                return hostile.Done > done;
            }, $"{hostile.Deed}", RunningCluster.Patience, Cancellation);
        }
        hostile.Deed = SshMisdeed.All[0];
        hostile.HangUp();
        await service.UntilAsync(status => !status.FailoverReady, "the host is found out", RunningCluster.Patience, Cancellation);

        hostile.Deed = null;
        hostile.HangUp();
        await service.UntilAsync(status => status.FailoverReady && status.Of(Second).FailoverReady
            && Number(service, "Threads") <= threads + Slack && Descriptors(service) <= descriptors + Slack, "both are ready again", RunningCluster.Patience, Cancellation);
        Assert.DoesNotContain("is a bug", service.Log, StringComparison.Ordinal);
    }

    private static async Task<LabCluster> SetUpAsync()
    {
        var lab = await LabCluster.StartAsync(new LabOptions { Hosts = ["alpha", "beta", "gamma", "delta"], Running = ["alpha", "gamma"] }, Cancellation);
        foreach (var cluster in new[] { LabConfiguration.ClusterName, Second })
        {
            var result = await Product.RunAsync(LabConfiguration.Write(lab, lab.WatchdogPort, main => Two(main)), ["setup", cluster], Cancellation);
            Assert.True(result.ExitCode == 0, result.ToString());
        }
        return lab;
    }

    private static async Task HoldsAsync(TimeSpan each, int rounds, bool seldom)
    {
        await using var lab = await SetUpAsync();
        var beta = lab["beta"];
        await using var hostile = new HostilePostgres(beta.Address, beta.PostgresPort);
        var configuration = LabConfiguration.Write(lab, lab.WatchdogPort, main => Two(main, hostile.Port));
        await using var service = await Service.StartAsync(configuration, lab.WatchdogPort, ct: Cancellation);
        await service.UntilAsync(status => status.FailoverReady && status.Of(Second).FailoverReady, "both are ready", RunningCluster.Patience, Cancellation);

        var profile = Path.Combine(beta.HomeDirectory, ".bashrc");
        var (began, usedBefore) = (TimeProvider.System.GetTimestamp(), service.Process.TotalProcessorTime);
        for (var round = 0; round < rounds; round++)
        {
            var shells = HostileAnswerTests.Shells.Select(row => row.Data).ToList();
            for (var turn = 0; turn < HostilePostgres.Deeds.Count; turn++)
            {
                hostile.Deed = HostilePostgres.Deeds[turn];
                await File.WriteAllTextAsync(profile, shells[turn % shells.Count] + "\n", Cancellation);
                await RunningCluster.HoldsForAsync(each, async () =>
                {
                    var status = await service.StatusAsync(Cancellation);
                    Assert.NotNull(status);
                    Assert.False(status.IsStale, hostile.Deed);
                    Assert.True(status.Of(Second) is { IsStale: false, Verdict: "Serving" }, hostile.Deed);
                    Assert.InRange(Number(service, "VmRSS") * 1024, 0, MostMemory);
                    Assert.InRange(Number(service, "Threads"), 1, MostThreads);
                });
            }
        }
        var took = TimeProvider.System.GetElapsedTime(began);
        service.Process.Refresh();
        var used = (service.Process.TotalProcessorTime - usedBefore) / took;
        var disk = new DirectoryInfo(Path.Combine(lab.Directory, "watchdog")).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{took.TotalSeconds:0} s: {Number(service, "VmHWM") / 1024} MiB at most, {Number(service, "Threads")} threads, {used:P1} of a core, {disk} bytes on disk"));
        Assert.InRange(disk, 0, MostDisk);
        if (seldom)
            Assert.InRange(used, 0, MostOfACore);

        hostile.Deed = null;
        File.Delete(profile);
        await service.UntilAsync(status => status.FailoverReady && status.Of(Second).FailoverReady, "both are ready again", RunningCluster.Patience, Cancellation);
        Assert.DoesNotContain("is a bug", service.Log, StringComparison.Ordinal);
    }

    private static long Number(Service service, string name) => long.Parse(
        File.ReadLines($"/proc/{service.Process.Id}/status").First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(':')[1].Replace("kB", "", StringComparison.Ordinal),
        CultureInfo.InvariantCulture);

    private static int Descriptors(Service service) => Directory.GetFileSystemEntries($"/proc/{service.Process.Id}/fd").Length;

    /// <summary>The lab's first two hosts are one cluster, the other two a second one.</summary>
    private static void Two(JsonObject main, int? betasPort = null)
    {
        main["GuardTimeToLive"] = "00:00:00";
        main["Fencing"] = "BestEffort";
        main["FreshConnectionEvery"] = 1;
        var nodes = main["Nodes"]!.AsArray().Select(node => node!.DeepClone()).ToList();
        main["Nodes"] = new JsonArray([.. nodes.Take(2)]);
        var second = main.DeepClone();
        (second["Name"], second["Nodes"]) = (Second, new JsonArray([.. nodes.Skip(2)]));
        main.Parent!.AsArray().Add(second);
        if (betasPort is { } port)
            main.Beta()["Port"] = port;
    }
}
