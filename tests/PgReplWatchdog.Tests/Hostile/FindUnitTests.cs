using System.Diagnostics;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Boundary;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>Root manages the unit that is found, and PostgreSQL's account may write where it is looked for.</summary>
public sealed class FindUnitTests
{
    private const string Data = "/var/lib/postgresql/15/main";

    [Theory]
    [InlineData("main", "postgresql@15-main.service")]
    [InlineData("my_cluster.2", "postgresql@15-my_cluster.2.service")]
    [InlineData("zz.service, ALL #", "")]
    [InlineData("zz\nALL", "")]
    [InlineData("a b", "")]
    [InlineData("*", "")]
    [InlineData("a$(id)", "")]
    public async Task Directory_that_is_no_clusters_name_is_left_out(string cluster, string unit)
    {
        var root = Directory.CreateTempSubdirectory();
        try
        {
            var directory = root.CreateSubdirectory("15").CreateSubdirectory(cluster);
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, "postgresql.conf"), $"data_directory = '{Data}'\n", TestContext.Current.CancellationToken);
            var script = SqlText.Of("Setup.find-unit.sh").Replace("/etc/postgresql", root.FullName, StringComparison.Ordinal);
            using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", Shell.Script("data={0}\n", Data) + script + "find_unit; printf %s \"$unit\""])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var said = await shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.Equal(unit, said);
            Assert.Equal(unit.Length == 0, (await shell.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)).Contains("was left out", StringComparison.Ordinal));
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("postgresql@15-main.service", true)]
    [InlineData(@"postgresql@15\x2dmain.service", true)]
    [InlineData("postgresql@15-zz.service, ALL #.service", false)]
    [InlineData("postgresql", false)]
    [InlineData(".service", false)]
    public void Unit_that_a_host_tells_has_the_form_of_the_setting(string said, bool isOne)
    {
        var answer = new HostAnswer($"unit={said}\n");
        if (isOne)
            Assert.Equal(said, answer.Unit("unit"));
        else
            Assert.Contains("the host gives", Assert.Throws<InvalidDataException>(() => answer.Unit("unit")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("0.0.0.0/0 trust #", null)]
    [InlineData("samehost", null)]
    [InlineData("", null)]
    public void Address_that_a_host_tells_is_written_anew(string said, string? address)
    {
        var answer = new HostAnswer($"watchdog_address={said}\n");
        if (address is not null)
            Assert.Equal(address, answer.Address("watchdog_address"));
        else
            Assert.Throws<InvalidDataException>(() => answer.Address("watchdog_address"));
    }
}
