using System.Globalization;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Versions;

/// <summary>The lab has the major version that it was asked for, with all programs that the product cannot do without.</summary>
public sealed class LabOfAMajorTests
{
    // pg_rewind and pg_waldump are not among them: not every major is to be had with its own.
    private static readonly string[] Programs = ["postgres", "initdb", "pg_ctl", "psql", "pg_isready", "pg_basebackup", "pg_controldata"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Majors.Others), MemberType = typeof(Majors))]
    public async Task A_host_runs_it_and_its_programs_do_what_they_are_for(string major)
    {
        await using var lab = await LabCluster.StartAsync(new LabOptions { Major = major }, Cancellation);
        var (alpha, beta) = (lab["alpha"], lab["beta"]);
        Assert.Equal(major, new PostgresVersion(int.Parse(await alpha.PsqlAsync("SHOW server_version_num", Cancellation), CultureInfo.InvariantCulture)).ToString());
        foreach (var program in Programs)
            await alpha.RunAsync($"{alpha.BinDirectory}/{program} --version", Cancellation);
        await alpha.RunAsync($"{alpha.BinDirectory}/pg_isready -q -h {alpha.SocketDirectory} -p {alpha.PostgresPort}", Cancellation);

        await ClientWriter.PrepareAsync(alpha, Cancellation);
        await using var client = new PinnedWriter(alpha); // Npgsql, which has to speak with every major
        client.Start();
        await SetUpTests.EventuallyAsync(() => Task.FromResult(client.Acknowledged.Count > 0), "a client's write is acknowledged");
        await client.StopAsync();

        await alpha.PsqlAsync("CHECKPOINT", Cancellation);
        var expected = await ControlDataAsync(alpha, $"{alpha.BinDirectory}/pg_controldata");
        Assert.StartsWith("in production|", expected, StringComparison.Ordinal);
        if (Majors.Version(major).HasNamesOfToday) // before, it is the server's own program
        {
            const string Control = "SELECT system_identifier, timeline_id, next_oid, bytes_per_wal_segment FROM pg_control_system(), pg_control_checkpoint(), pg_control_init()";
            Assert.Equal(expected, $"in production|{await alpha.PsqlAsync(Control, Cancellation)}");
            // The lab's own, which only some majors need, against the server on all of them.
            var ofTheLab = Path.Combine(alpha.Directory, "pg_controldata");
            File.Copy(Path.Combine(Repository.Root, "deploy/lab/pg_controldata"), ofTheLab);
            Assert.Equal(expected, await ControlDataAsync(alpha, ofTheLab));
        }

        Assert.StartsWith("shut down|", await ControlDataAsync(beta, $"{beta.BinDirectory}/pg_controldata"), StringComparison.Ordinal);
        if (!Majors.Version(major).HasNamesOfToday) // its initdb lets nobody replicate
            await alpha.RunAsync($"echo 'local replication all trust' >> {alpha.DataDirectory}/pg_hba.conf && {alpha.BinDirectory}/pg_ctl reload -D {alpha.DataDirectory}", Cancellation);
        await CopyAsync(alpha, beta);
        await beta.StartPostgresAsync(Cancellation);
        Assert.Equal(expected.Split('|')[1], (await ControlDataAsync(beta, $"{beta.BinDirectory}/pg_controldata")).Split('|')[1]);
        Assert.Empty(await WriteAccount.Of(client).LostOnAsync(beta, Cancellation));
    }

    /// <summary>A base backup takes the place of the other's data directory, whose configuration stays.</summary>
    private static async Task CopyAsync(LabHost from, LabHost to)
    {
        var copy = Path.Combine(to.Directory, "copy");
        await to.RunAsync(
            $"{to.BinDirectory}/pg_basebackup -w -D {copy} -h {from.SocketDirectory} -p {from.PostgresPort} -U {from.SuperUser} -X stream -c fast"
            + $" && cp {to.DataDirectory}/postgresql.conf {copy} && rm -r {to.DataDirectory} && mv {copy} {to.DataDirectory}", Cancellation);
    }

    private static async Task<string> ControlDataAsync(LabHost host, string program)
    {
        var lines = (await host.RunAsync($"{program} {host.DataDirectory}", Cancellation)).Split('\n');
        string[] names = ["Database cluster state", "Database system identifier", "Latest checkpoint's TimeLineID", "Latest checkpoint's NextOID", "Bytes per WAL segment"];
        return string.Join('|', names.Select(name => Assert.Single(lines, line => line.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 1)..].Trim()));
    }
}
