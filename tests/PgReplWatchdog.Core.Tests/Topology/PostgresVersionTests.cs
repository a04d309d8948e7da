namespace PgReplWatchdog.Core.Tests.Topology;

public class PostgresVersionTests
{
    [Theory]
    [InlineData("9.6", 90600)]
    [InlineData("9.3\n", 90300)]
    [InlineData("9.6.24", 90600)]
    [InlineData("15.18", 150000)]
    [InlineData("9", null)]
    [InlineData("9.", null)]
    [InlineData("", null)]
    [InlineData("devel", null)]
    public void Read_as_PG_VERSION_and_programs_have_it(string text, int? number) => Assert.Equal(number, PostgresVersion.Parse(text)?.Number);

    [Theory]
    [InlineData("9.3", true)]
    [InlineData("9.2", false)]
    [InlineData("8.4", false)]
    [InlineData("18", true)]
    public void Supported_from_9_3_on(string version, bool supported) => Assert.Equal(supported, PostgresVersion.Parse(version)!.Value.IsSupported);

    /// <summary>As PostgreSQL's release notes have it, and as far as it was seen on running servers.</summary>
    [Theory]
    [InlineData("9.4", nameof(PostgresVersion.HasSlots), nameof(PostgresVersion.MapsTablespaces))]
    [InlineData("9.5", nameof(PostgresVersion.HasRewind), nameof(PostgresVersion.HasRetryInterval))]
    [InlineData("9.6", nameof(PostgresVersion.TellsWalReceiver), nameof(PostgresVersion.HasReplicaLevel), nameof(PostgresVersion.ReservesSlots), nameof(PostgresVersion.HasNonExclusiveBackup))]
    [InlineData("10", nameof(PostgresVersion.HasNamesOfToday), nameof(PostgresVersion.HasScram), nameof(PostgresVersion.NamesPassFile), nameof(PostgresVersion.StopsBackupWithoutArchive))]
    [InlineData("11", nameof(PostgresVersion.RewindsByGrant))]
    [InlineData("12", nameof(PostgresVersion.HasPromoteFunction), nameof(PostgresVersion.HasGuard))]
    [InlineData("13", nameof(PostgresVersion.ReloadsUpstream), nameof(PostgresVersion.LimitsSlots))]
    [InlineData("14", nameof(PostgresVersion.HasIdleSessionTimeout))]
    [InlineData("15", nameof(PostgresVersion.HasRenamedBackupFunctions))]
    public void Came_with(string version, params string[] properties)
    {
        string[] all = ["9.3", "9.4", "9.5", "9.6", "10", "11", "12", "13", "14", "15", "16", "17", "18"];
        foreach (var property in properties.Select(name => typeof(PostgresVersion).GetProperty(name)!))
            Assert.Equal(all.SkipWhile(one => one != version), all.Where(one => property.GetValue(PostgresVersion.Parse(one)) is true));
    }
}
