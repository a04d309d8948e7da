using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Versions;

/// <summary>A pg_hba.conf that names other files, as each major can: all of it stays as it is.</summary>
public sealed class HbaFilesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Majors.Others), MemberType = typeof(Majors))]
    public async Task Lines_that_name_other_files_stay_as_they_are(string major)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Major = major }, Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        var (rules, includes) = (Majors.Version(major).Number >= 100000, Majors.Version(major).Number >= 160000);
        var hba = Path.Combine(alpha.DataDirectory, "pg_hba.conf");
        var (names, more) = (Path.Combine(alpha.DataDirectory, "names"), Path.Combine(alpha.DataDirectory, "more.conf"));
        var text = await File.ReadAllTextAsync(hba, Cancellation) + $"host @names all 192.0.2.1/32 {alpha.PasswordMethod}\r\n" + (includes ? "include more.conf\ninclude_if_exists gone.conf\n" : "");
        await alpha.RunAsync($"echo 'one, two' > {names} && echo 'host all all 192.0.2.2/32 reject' > {more} && rm {beta.DataDirectory}/pg_hba.conf", Cancellation);
        await File.WriteAllTextAsync(hba, text, Cancellation);
        var before = await alpha.RunAsync($"stat -c '%n %s %y' {names} {more}", Cancellation);

        var setup = await Product.RunAsync(LabConfiguration.Write(lab, lab.WatchdogPort), ["setup"], Cancellation);

        Assert.True(setup.ExitCode == 0, setup.ToString());
        Assert.EndsWith(text, await File.ReadAllTextAsync(hba, Cancellation), StringComparison.Ordinal);
        Assert.EndsWith(text, await File.ReadAllTextAsync(Path.Combine(beta.DataDirectory, "pg_hba.conf"), Cancellation), StringComparison.Ordinal); // it had none of its own
        Assert.Equal(before, await alpha.RunAsync($"stat -c '%n %s %y' {names} {more}", Cancellation));
        if (rules)
            Assert.Equal("{one,two}", await beta.PsqlAsync("SELECT database FROM pg_hba_file_rules WHERE address = '192.0.2.1'", Cancellation));
        if (includes)
            Assert.Equal("more.conf", Path.GetFileName(await beta.PsqlAsync("SELECT file_name FROM pg_hba_file_rules WHERE address = '192.0.2.2'", Cancellation)));
    }
}
