using static PgReplWatchdog.Tests.Hostile.ArchiveNode;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>What the key of one node may put into another node's archive: real rsync and the real script.</summary>
public sealed class ArchivePushTests : IDisposable
{
    private const string Next = "000000020000000000000055";
    private const string History = "1\t0/3000000\tno recovery target specified\n\n2\t0/6000000\tno recovery target specified\n";

    private readonly ArchiveNode alpha = new();

    public void Dispose() => alpha.Dispose();

    private void AssertRefused((int Status, string Error) push, string why)
    {
        Assert.Contains(why, push.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, push.Status);
        Assert.Empty(alpha.Files);
        Assert.Contains(why, alpha.Refused, StringComparison.Ordinal);
    }

    private void AssertTaken((int Status, string Error) push, string name)
    {
        Assert.Equal((0, ""), push);
        Assert.Equal([name], alpha.Files);
        Assert.Equal("", alpha.Refused);
    }

    // The review's three attacks, on the running primary.

    [Theory]
    [InlineData("15")]
    [InlineData("9.3")]
    public void Primary_takes_no_false_history(string version)
    {
        alpha.Primary(version);
        AssertRefused(alpha.Push("00000003.history", "2\t0/0\tno reason\n"), "this server is a primary: it takes WAL from nobody");
    }

    [Fact]
    public void Primary_takes_no_segment_early()
    {
        alpha.Primary();
        AssertRefused(alpha.Push(Next, new byte[SegmentBytes]), "this server is a primary");
    }

    [Fact]
    public void Primary_takes_no_200_megabytes()
    {
        alpha.Primary();
        AssertRefused(alpha.Push(Next, new byte[200 << 20]), "this server is a primary");
    }

    // The same, on a standby and from the node that it follows.

    [Fact]
    public void Standby_takes_no_false_history() =>
        AssertRefused(alpha.Push("00000003.history", "2\t0/0\tno reason\n"), "it says that timeline 2 was left before what this server has replayed of it");

    [Fact]
    public void Standby_takes_no_segment_of_zeros() => AssertRefused(alpha.Push(Next, new byte[SegmentBytes]), "its first page is not one of this cluster's WAL at that position");

    [Fact]
    public void Standby_takes_no_200_megabytes() => AssertRefused(alpha.Push(Next, Segment(Next, 200 << 20)), "it has more than 1048576 bytes");

    [Theory]
    [InlineData("000000020000000000000055")]
    [InlineData("000000010000000000000002")]
    [InlineData("000000020000000000000055.partial")]
    public void Standby_takes_a_segment_from_the_primary_it_follows(string name)
    {
        AssertTaken(alpha.Push(name, Segment(name)), name);
        AssertTaken(alpha.Push(name, Segment(name)), name); // PostgreSQL may send it twice
    }

    [Theory]
    [InlineData("9.3")]
    [InlineData("11")]
    public void Standby_before_12_takes_a_segment_from_the_primary_it_follows(string version)
    {
        alpha.StandbyBeforeTwelve(version);
        AssertTaken(alpha.Push(Next, Segment(Next)), Next);
    }

    [Fact]
    public void Standby_takes_a_backup_history() =>
        AssertTaken(alpha.Push($"{Next}.00000028.backup", "START WAL LOCATION: 0/5500028\n"), $"{Next}.00000028.backup");

    [Theory]
    [InlineData(SegmentBytes - 1)]
    [InlineData(0)]
    [InlineData(8192)]
    public void Segment_has_the_servers_segment_size(int bytes) => AssertRefused(alpha.Push(Next, Segment(Next, SegmentBytes)[..bytes]), $"it has {bytes} bytes, a segment 1048576");

    [Fact]
    public void Segment_is_not_larger_by_a_byte() => AssertRefused(alpha.Push(Next, Segment(Next, SegmentBytes + 1)), "it has more than 1048576 bytes");

    [Fact]
    public void Partial_segment_is_a_segment_by_size() => AssertRefused(alpha.Push(Next + ".partial", Segment(Next)[..8192]), "it has 8192 bytes");

    [Theory]
    [InlineData(".00000028.backup", 16385, "it has more than 16384 bytes")]
    [InlineData(".history", 65537, "it has more than 65536 bytes")]
    public void Small_files_are_small(string ending, int bytes, string why) =>
        AssertRefused(alpha.Push(ending == ".history" ? "00000003.history" : Next + ending, new string('\n', bytes)), why);

    [Fact]
    public void Segment_of_another_position_or_cluster_is_refused()
    {
        AssertRefused(alpha.Push(Next, Segment("000000020000000000000054")), "its first page is not one");
        var other = Segment(Next);
        other[24] ^= 1;
        AssertRefused(alpha.Push(Next, other), "its first page is not one");
    }

    [Theory]
    [InlineData("gamma", "this standby follows 10.0.0.2, port 5433, and that is not gamma")]
    [InlineData("delta", "this key is of no node of the cluster")]
    [InlineData("", "run pgwatchdog setup")]
    [InlineData("b*a", "this key is of no node of the cluster")]
    public void Standby_takes_nothing_from_another_node(string peer, string why) => AssertRefused(alpha.Push(Next, Segment(Next), peer), why);

    [Theory]
    [InlineData("primary_conninfo = ''\n", "this standby follows nobody just now")]
    [InlineData("", "this standby follows nobody just now")]
    [InlineData("primary_conninfo = 'host=''10.0.0.2'' port=5432 user=''replication'''\n", "this standby follows 10.0.0.2, port 5432, and that is not beta")]
    [InlineData("primary_conninfo = 'host=''10.0.0.21'' port=5433'\n", "this standby follows 10.0.0.21, port 5433, and that is not beta")]
    [InlineData("primary_conninfo = 'host=''1.0.0.2'' port=5433'\n", "this standby follows 1.0.0.2, port 5433, and that is not beta")]
    public void Standby_takes_nothing_while_it_does_not_follow_the_sender(string settings, string why)
    {
        alpha.Standby(settings);
        AssertRefused(alpha.Push(Next, Segment(Next)), why);
    }

    [Fact]
    public void Upstream_that_ALTER_SYSTEM_has_set_counts()
    {
        alpha.Write("data/postgresql.auto.conf", "primary_conninfo = 'host=10.0.0.3 port=5432'\n");
        AssertRefused(alpha.Push(Next, Segment(Next)), "this standby follows 10.0.0.3, port 5432, and that is not beta");
        Assert.Equal((0, ""), alpha.Push(Next, Segment(Next), "gamma"));
    }

    [Theory]
    [InlineData("1\t0/3000000\tx\n2\t0/6000000\tx\n")]
    [InlineData("1\t0/3000000\tno recovery target specified\n\n2\t0/5000000\tno recovery target specified\n")] // just where it has replayed to
    [InlineData("# a comment\n2\t0/6000000\tx\n")]
    public void History_of_the_next_timeline_is_taken(string text) => AssertTaken(alpha.Push("00000003.history", text), "00000003.history");

    [Theory]
    [InlineData("00000003.history", "1 0/0 no reason", "it is no timeline history")] // no end of line
    [InlineData("00000003.history", "", "it is no timeline history")]
    [InlineData("00000003.history", "# nothing\n", "it is no timeline history")]
    [InlineData("00000003.history", "2\t0/6000000\tx\n1\t0/3000000\tx\n", "it is no timeline history")]
    [InlineData("00000003.history", "1\t0/7000000\tx\n2\t0/6000000\tx\n", "it is no timeline history")]
    [InlineData("00000003.history", "2\t0/6000000\tx\n3\t0/7000000\tx\n", "it is no timeline history")]
    [InlineData("00000003.history", "2\t0/6000000\tx\nrm -rf\n", "it is no timeline history")]
    [InlineData("00000003.history", "2\t$(id)/6000000\tx\n", "it is no timeline history")]
    [InlineData("00000003.history", "2\tFFFFFFFF/FFFFFFFF\tx\n", "it is no timeline history")]
    [InlineData("00000003.history", "02\t0/6000000\tx\n", "it is no timeline history")]
    [InlineData("00000003.history", "2\t0/6000000\tx\n\0", "it is no timeline history")]
    [InlineData("00000003.history", "1\t0/3000000\tx\n", "it says nothing of timeline 2, which this server is on")]
    [InlineData("00000003.history", "2\t0/4FFFFFF\tx\n", "it says that timeline 2 was left before what this server has replayed of it")]
    [InlineData("00000002.history", "1\t0/6000000\tx\n", "it tells of a fork that this server, on timeline 2, has not come to yet")]
    [InlineData("00000001.history", "1\t0/0\tx\n", "it is no timeline history")]
    [InlineData("00000000.history", "1\t0/0\tx\n", "its timeline is 0, this server's 2")]
    [InlineData("00000013.history", "2\t0/6000000\tx\n", "its timeline is 19, this server's 2")]
    [InlineData("FFFFFFFF.history", "2\t0/6000000\tx\n", "its timeline is 4294967295, this server's 2")]
    public void False_history_is_refused(string name, string text, string why) => AssertRefused(alpha.Push(name, text), why);

    [Fact]
    public void History_agrees_with_the_servers_own()
    {
        alpha.Write("data/pg_wal/00000002.history", "1\t0/3000000\tno recovery target specified\n");
        AssertRefused(alpha.Push("00000003.history", "1\t0/1000000\tx\n2\t0/6000000\tx\n"), "it tells another history of this server's timeline 2");
        AssertRefused(alpha.Push("00000002.history", "1\t0/2000000\tx\n"), "this server has another 00000002.history");
        Assert.Equal((0, ""), alpha.Push("00000003.history", History));
        Assert.Equal((0, ""), alpha.Push("00000002.history", "1\t0/3000000\tno recovery target specified\n"));
    }

    [Fact]
    public void Position_is_the_later_of_checkpoint_and_end_of_recovery()
    {
        alpha.Control(checkpoint: "0/7000000");
        AssertRefused(alpha.Push("00000003.history", History), "was left before what this server has replayed");
        alpha.Control(timeline: 1, minimum: "0/6800000"); // its last restart point is on the timeline before
        AssertRefused(alpha.Push("00000003.history", History), "it says that timeline 2 was left before");
        alpha.Program("pg_controldata", "exit 1");
        AssertRefused(alpha.Push("00000003.history", History), "pg_controldata does not tell");
    }

    [Theory]
    [InlineData("archive")]
    [InlineData("../archive.conf")]
    [InlineData("../../data/standby.signal")]
    [InlineData("000000020000000000000055.partial.partial")]
    [InlineData("00000002000000000000005")]
    [InlineData("incoming/000000020000000000000055")]
    public void Other_names_are_refused(string name) => AssertRefused(alpha.Push(name, "x"), "this key is for WAL");

    [Fact]
    public void Segment_behind_the_end_of_its_timeline_is_refused()
    {
        Assert.Equal(0, alpha.Push("00000003.history", History).Status);
        var push = alpha.Push(Next, Segment(Next)); // behind 0/5000000 but before the fork at 0/6000000
        Assert.Equal((0, ""), push);
        push = alpha.Push("000000020000000000000060", Segment("000000020000000000000060"));
        Assert.NotEqual(0, push.Status);
        Assert.Contains("it is of a timeline that was left before", push.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_taken_where_less_than_two_segments_have_room()
    {
        alpha.Program("df", "echo Avail; echo 2047");
        AssertRefused(alpha.Push(Next, Segment(Next)), "less than two segments' room is left");
        alpha.Program("df", "echo Avail; echo 2048");
        Assert.Equal((0, ""), alpha.Push(Next, Segment(Next)));
    }

    [Fact]
    public void Same_refusal_is_written_once_and_the_last_one_stays()
    {
        alpha.Push(Next, Segment(Next), "gamma");
        var first = alpha.Refused;
        Assert.Matches($"^20[0-9TZ:-]+ gamma {Next} this standby follows 10\\.0\\.0\\.2, port 5433, and that is not gamma\n$", first);
        alpha.Write("state/archive.refused", "19" + first[2..]);
        alpha.Push(Next, Segment(Next), "gamma");
        Assert.StartsWith("19", alpha.Refused, StringComparison.Ordinal);
        alpha.Push("00000003.history", "x");
        Assert.Matches("^20[0-9TZ:-]+ beta 00000003\\.history it is no timeline history\n$", alpha.Refused);
    }

    [Fact]
    public void What_was_left_in_incoming_is_removed()
    {
        alpha.Write("state/wal/incoming/.000000020000000000000054.1.Xy12Zz", "left");
        File.SetLastWriteTimeUtc(Path.Combine(alpha.Archive, "incoming/.000000020000000000000054.1.Xy12Zz"), DateTime.UtcNow.AddMinutes(-10));
        AssertTaken(alpha.Push(Next, Segment(Next)), Next);
    }

    [Fact]
    public void Backup_histories_drive_no_segment_out()
    {
        Assert.Equal(0, alpha.Push(Next, Segment(Next)).Status);
        for (var number = 0; number < 100; number++)
            alpha.Write($"state/wal/{$"0000000200000000000000FF.{number:X8}.backup"}", "x");
        Assert.Equal((0, ""), alpha.Push("000000020000000000000056", Segment("000000020000000000000056")));
        Assert.Equal(2 + 64, alpha.Files.Length);
        Assert.Contains(Next, alpha.Files);
    }

    [Fact]
    public void Size_is_kept_to_by_the_oldest_and_their_backup_histories()
    {
        alpha.Write("state/wal/000000020000000000000060.00000028.backup", "x");
        for (var number = 0x60; number < 0x80; number++)
            Assert.Equal(0, alpha.Push($"0000000200000000000000{number:X2}", Segment($"0000000200000000000000{number:X2}")).Status);
        Assert.Equal(16, alpha.Files.Length);
        Assert.Equal("000000020000000000000070", alpha.Files[0]);
    }

    [Fact]
    public void Node_that_refuses_is_asked_again_and_one_that_is_away_is_left_alone()
    {
        var push = alpha.PushOwn(Next, "pgwatchdog archive: 00 from alpha is refused: this standby follows nobody just now", 12);
        Assert.Contains("no other node has taken", push.Error, StringComparison.Ordinal);
        Assert.Equal((1, 0), (push.Status, alpha.Away));
        push = alpha.PushOwn(Next, "ssh: connect to host 10.0.0.2 port 22: No route to host", 255);
        Assert.Equal((1, 2), (push.Status, alpha.Away));
        Assert.Contains("No route to host", push.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_another_node_has_is_judged_before_it_is_kept()
    {
        alpha.Fetch(Next, alpha.Sent(new byte[SegmentBytes]));
        alpha.Fetch("00000003.history", alpha.Sent("2\t0/0\tno reason\n"u8.ToArray()));
        Assert.Empty(alpha.Files);
        alpha.Fetch("00000003.history", alpha.Sent("2\t0/6000000\tx\n"u8.ToArray()));
        Assert.Equal(["00000003.history"], alpha.Files);
    }
}
